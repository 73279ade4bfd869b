package main

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func init() {
	attacks["nameserver"] = nameserver
	attacks["resolve"] = resolve
	attacks["ask"] = func(args []string) error { return ask("udp4", args[0], args[1]) }
	attacks["ask-connected"] = func(args []string) error { return ask("connected", args[0], args[1]) }
	attacks["ask-tcp"] = func(args []string) error { return ask("tcp4", args[0], args[1]) }
	attacks["dial"] = dial
	attacks["tunnel"] = tunnel
}

// zone is what the name server of the tests knows. A name below it has the
// same addresses.
var zone = map[string]string{
	"good.test": "10.99.0.1", "alias.test": "cname good.test", "evil.test": "10.99.0.66", "cloak.test": "cname sub.evil.test",
	"public.test": "203.0.113.7", "hole.test": "169.254.169.254", "nanopool.org": "10.99.0.66",
	"named.test": "169.254.169.248", // of TestDockerControls
}

// nameserver answers at the first address by zone, and at the others, as a
// server of an attacker would, with 10.99.0.66 for every name.
func nameserver(args []string) error {
	for i, at := range args {
		answer := func(b []byte) []byte { return zoneAnswer(b, i > 0) }
		u, err := net.ListenPacket("udp", at)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", at)
		if err != nil {
			return err
		}
		go func() {
			b := make([]byte, 4096)
			for {
				n, from, err := u.ReadFrom(b)
				if err != nil {
					return
				}
				u.WriteTo(answer(b[:n]), from)
			}
		}()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					var n [2]byte
					for {
						if _, err := io.ReadFull(c, n[:]); err != nil {
							return
						}
						b := make([]byte, binary.BigEndian.Uint16(n[:]))
						if _, err := io.ReadFull(c, b); err != nil {
							return
						}
						out := answer(b)
						c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
					}
				}()
			}
		}()
	}
	fmt.Println("serving")
	select {}
}

func zoneAnswer(b []byte, false66 bool) []byte {
	var m dnsmessage.Message
	if m.Unpack(b) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	owner, name := q.Name, strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	for range 4 {
		what := ""
		for known, v := range zone {
			// A search domain makes evil.test.good.test, which nobody has.
			if prefix, below := strings.CutSuffix(name, "."+known); name == known || below && !strings.HasSuffix(prefix, ".test") && !strings.HasSuffix(prefix, ".org") {
				what = v
			}
		}
		if false66 {
			what = "10.99.0.66"
		}
		h := dnsmessage.ResourceHeader{Name: owner, Class: q.Class, TTL: 30}
		if target, ok := strings.CutPrefix(what, "cname "); ok {
			t := dnsmessage.MustNewName(target + ".")
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.CNAMEResource{CNAME: t}})
			owner, name = t, target
			continue
		}
		switch {
		case what == "":
			m.RCode = dnsmessage.RCodeNameError
		case q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: netip.MustParseAddr(what).As4()}})
		case q.Type == dnsmessage.TypeTXT:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.TXTResource{TXT: []string{"data"}}})
		}
		break
	}
	out, _ := m.Pack()
	return out
}

// resolve asks as programs do, by resolv.conf.
func resolve(args []string) error {
	a, err := (&net.Resolver{PreferGo: true}).LookupHost(context.Background(), args[0])
	if err != nil {
		return err
	}
	fmt.Println("resolved", args[0], strings.Join(a, " "))
	return nil
}

// answerLimit is how long a question waits for its answer.
var answerLimit = 10 * time.Second

// question makes one and sends it to a server by one of the ways.
func question(how, server, name string, typ dnsmessage.Type) (dnsmessage.Message, error) {
	var m dnsmessage.Message
	n, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return m, err
	}
	id := uint16(rand.Uint32())
	m = dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true}, Questions: []dnsmessage.Question{{Name: n, Type: typ, Class: dnsmessage.ClassINET}}}
	b, err := m.Pack()
	if err != nil {
		return m, err
	}
	out := make([]byte, 4096)
	size := 0
	if how == "udp4" {
		c, err := net.ListenUDP("udp4", nil)
		if err != nil {
			return m, err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(answerLimit))
		to, err := netip.ParseAddrPort(server)
		if err != nil {
			return m, err
		}
		if _, err := c.WriteToUDPAddrPort(b, to); err != nil {
			return m, err
		}
		var from netip.AddrPort
		if size, from, err = c.ReadFromUDPAddrPort(out); err != nil {
			return m, err
		}
		if from != to {
			return m, fmt.Errorf("an answer from %v instead of %v", from, to)
		}
	} else {
		network := map[string]string{"connected": "udp4", "tcp4": "tcp4"}[how]
		c, err := net.Dial(network, server)
		if err != nil {
			return m, err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(answerLimit))
		if how == "tcp4" {
			b = append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
		}
		if _, err := c.Write(b); err != nil {
			return m, err
		}
		if size, err = io.ReadAtLeast(c, out, 12); err != nil {
			return m, err
		}
		if how == "tcp4" {
			out, size = out[2:], size-2
		}
	}
	if err := m.Unpack(out[:size]); err != nil {
		return m, err
	}
	if m.ID != id {
		return m, errors.New("an answer to another question")
	}
	return m, nil
}

func ask(how, server, name string) error {
	m, err := question(how, server, name, dnsmessage.TypeA)
	if err != nil {
		return err
	}
	fmt.Println("answer", m.RCode, len(m.Answers))
	return nil
}

// dial connects by name or address and says what greets it. "SERVER!NAME"
// before it is asked first, whatever resolv.conf says.
func dial(args []string) error {
	for _, a := range args[:len(args)-1] {
		server, name, _ := strings.Cut(a, "!")
		m, err := question("udp4", server, name, dnsmessage.TypeA)
		fmt.Println("first", m.RCode, err)
	}
	d := net.Dialer{Timeout: 20 * time.Second, Resolver: &net.Resolver{PreferGo: true}}
	c, err := d.Dial("tcp4", args[len(args)-1])
	if err != nil {
		return err
	}
	defer c.Close()
	b, _ := io.ReadAll(io.LimitReader(c, 100))
	fmt.Println("got", string(b))
	return nil
}

// tunnel carries data in names below a domain and counts what got through.
func tunnel(args []string) error {
	n, _ := strconv.Atoi(args[2])
	answers := map[string]int{}
	data := rand.NewChaCha8([32]byte{'t'}) // the same each time: three names of a hundred look like text by chance
	for range n {
		b := make([]byte, 90)
		data.Read(b)
		s := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
		var labels []string
		for part := range slices.Chunk([]byte(s), 60) {
			labels = append(labels, string(part))
		}
		m, err := question("connected", args[0], strings.Join(labels, ".")+"."+args[1], dnsmessage.TypeTXT)
		if err != nil {
			answers[err.Error()]++
		} else {
			answers[m.RCode.String()]++
		}
	}
	fmt.Println("carried", answers[dnsmessage.RCodeSuccess.String()], "refused", answers[dnsmessage.RCodeRefused.String()], answers)
	return nil
}
