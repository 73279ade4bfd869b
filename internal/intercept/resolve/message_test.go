package resolve

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func ask(name string, typ dnsmessage.Type) []byte {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 77, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET}}}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func reply(to []byte, records ...dnsmessage.Resource) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(to); err != nil {
		panic(err)
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	m.Answers = records
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func a(name, ip string, ttl uint32) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: ttl},
		Body: &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()}}
}

func alias(name, target string, ttl uint32) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: ttl},
		Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(target)}}
}

// Only what hangs together counts: records of other names in an answer are
// not believed, whatever their order.
func TestReadFollowsTheChain(t *testing.T) {
	msg := ask("WWW.example.com.", dnsmessage.TypeA)
	q, err := parseQuestion(msg)
	if err != nil || q.name != "www.example.com" {
		t.Fatalf("%+v, %v", q, err)
	}
	f, err := q.read(reply(msg, a("edge.cdn.test.", "192.0.2.1", 30), alias("b.test.", "edge.cdn.test.", 300), a("other.test.", "192.0.2.66", 5),
		alias("www.example.com.", "B.test.", 20), alias("edge.cdn.test.", "www.example.com.", 9), a("edge.cdn.test.", "192.0.2.2", 60)))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"b.test", "edge.cdn.test"}; !slices.Equal(f.targets, want) {
		t.Errorf("targets %v", f.targets)
	}
	if want := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}; !slices.Equal(f.addresses, want) {
		t.Errorf("addresses %v", f.addresses)
	}
	if f.ttl != 20*time.Second {
		t.Errorf("ttl %v", f.ttl)
	}
}

func TestAnswersTheQuestion(t *testing.T) {
	msg := ask("www.example.com.", dnsmessage.TypeA)
	q, _ := parseQuestion(msg)
	for name, tt := range map[string]struct {
		b    []byte
		want bool
	}{
		"the answer":      {reply(msg, a("www.example.com.", "192.0.2.1", 30)), true},
		"another case":    {reply(ask("WWW.EXAMPLE.com.", dnsmessage.TypeA)), true},
		"another name":    {reply(ask("www.example.org.", dnsmessage.TypeA)), false},
		"another type":    {reply(ask("www.example.com.", dnsmessage.TypeAAAA)), false},
		"a question":      {msg, false},
		"short":           {msg[:5], false},
		"nothing":         {nil, false},
		"another message": {append([]byte{0, 1}, reply(msg)[2:]...), false},
	} {
		if got := q.answers(tt.b, 77); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// FuzzQuestion: whatever arrives, nothing but one well-formed question leaves,
// and it says what was judged.
func FuzzQuestion(f *testing.F) {
	f.Add(ask("www.example.com.", dnsmessage.TypeA))
	f.Add(ask("x.", dnsmessage.TypeTXT))
	f.Add(append(ask("a.b.", 65), "behind it"...))
	f.Add(append(append([]byte{0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1}, ask("e.f.", 1)[12:]...), 0, 0, 41, 16, 0, 0, 0, 128, 0, 0, 4, 253, 233, 0, 0))
	f.Add([]byte{0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parseQuestion(b)
		if err != nil {
			if out := q.refuse(dnsmessage.RCodeFormatError, false); out != nil && q.answers(out, q.header.ID) && len(out) > maxQuery {
				t.Error("a long refusal")
			}
			return
		}
		out, err := q.forward(9)
		if err != nil {
			return
		}
		again, err := parseQuestion(out)
		if err != nil || again.name != q.name || again.asked != q.asked || again.edns != q.edns || again.dnssec != q.dnssec {
			t.Fatalf("judged %+v, left %+v, %v", q, again, err)
		}
		if max := headerSize + 255 + 4 + 11; len(out) > max {
			t.Errorf("%d bytes left, at most %d say the question", len(out), max)
		}
		if !q.answers(q.refuse(dnsmessage.RCodeNameError, true), q.header.ID) {
			t.Error("the refusal does not answer the question")
		}
	})
}

// FuzzAnswer: an answer is read, walked and kept without harm, and what a walk
// finds are TTLs.
func FuzzAnswer(f *testing.F) {
	msg := ask("www.example.com.", dnsmessage.TypeA)
	f.Add(reply(msg, a("www.example.com.", "192.0.2.1", 30)))
	f.Add(reply(msg, alias("www.example.com.", "b.test.", 20), a("b.test.", "192.0.2.1", 1<<31)))
	f.Add([]byte{0, 77, 0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1})
	q, _ := parseQuestion(msg)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := q.read(b)
		if err == nil && len(got.targets) > maxChain+1 {
			t.Errorf("a chain of %d", len(got.targets))
		}
		at, ok := lifetimes(b)
		for _, i := range at {
			if i < headerSize || i+4 > len(b) {
				t.Fatalf("a TTL at %d of %d", i, len(b))
			}
		}
		if err == nil && !ok {
			t.Error("what can be read cannot be walked")
		}
		// A library's reading of a message without odd lengths is the same.
		var m dnsmessage.Message
		if err != nil || m.Unpack(bytes.Clone(b)) != nil {
			return
		}
		again, err := m.Pack()
		if err != nil {
			return
		}
		if same, err := q.read(again); err == nil && len(again) == len(b) && !slices.Equal(same.addresses, got.addresses) {
			t.Errorf("%v, written anew %v", got.addresses, same.addresses)
		}
	})
}

// FuzzConf: resolv.conf and hosts may hold anything.
func FuzzConf(f *testing.F) {
	f.Add([]byte("nameserver 127.0.0.11\nsearch a.b c. \noptions ndots:0\n"), []byte("127.0.0.1 localhost\n10.0.0.1\tdb db.local # x\n"))
	f.Fuzz(func(t *testing.T, resolv, hosts []byte) {
		c := parseConf(resolv, hosts)
		if len(c.servers) > maxServers || len(c.search) > maxSearch || len(c.hosts) > maxHostRows {
			t.Errorf("%+v", c)
		}
		c.bare("a.b.c")
	})
}

func TestLower(t *testing.T) {
	for in, want := range map[string]string{"WWW.Example": "www.example", "\u212Aool.test": "\u212Aool.test", "\xff\xC3A": "\xff\xC3a", "": ""} {
		if got := lower(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestConf(t *testing.T) {
	c := parseConf([]byte("# c\nnameserver 127.0.0.11\nnameserver fe80::1%eth0 ; x\nnameserver nonsense\nsearch old\nsearch ns.svc.cluster.local. Corp.Test\n"),
		[]byte("10.0.0.5 DB db.internal. # comment\n::1 localhost\nx y\n"))
	if len(c.servers) != 2 || c.servers[0] != netip.MustParseAddrPort("127.0.0.11:53") {
		t.Errorf("servers %v", c.servers)
	}
	for name, want := range map[string]string{"api.example.com.corp.test": "api.example.com", "corp.test": "", "xcorp.test": "", "a.ns.svc.cluster.local": "a", "old": ""} {
		if got := c.bare(name); got != want {
			t.Errorf("bare %q: %q, want %q", name, got, want)
		}
	}
	if got := c.hosts[netip.MustParseAddr("10.0.0.5")]; !slices.Equal(got, []string{"db", "db.internal"}) {
		t.Errorf("hosts %v", got)
	}
	for addr, want := range map[string]bool{"127.0.0.11": true, "127.0.0.1": false, "127.0.0.53": true, "::1": false, "10.0.0.2": true, "0.0.0.0": false} {
		if got := believed(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s believed: %v", addr, got)
		}
	}
}
