package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func init() { attacks["soak"] = soak }

// restMost is long enough for whoever watches to let go of what ended.
const restMost = 6 * time.Second

// tally is what soak did, and what was not answered as it must be.
type tally struct {
	Rounds int            `json:"rounds"`
	Right  map[string]int `json:"right"`  // calls by name that were answered right
	Judged map[string]int `json:"judged"` // calls by control of which an event must tell
	Wrong  int            `json:"wrong"`
	First  []string       `json:"first"` // of the wrong ones
}

// soaker goes round through calls that are allowed and calls that are not.
type soaker struct {
	tally
	dir, far string
	id       int // of this soaker
	port     int // of the next denied datagram
}

// soak DURATION FOLDER ADDRESS N: so many soakers at once, who rest after each
// third for as long as a twentieth, at most restMost. What they find:
// FOLDER/attack, FOLDER/denied (may not run), FOLDER/open (a folder for all),
// FOLDER/secret (may not be read), FOLDER/fixed (may not be written); at ADDRESS
// a server on port 80, TCP and UDP, and a name server; ports from 1000 on are
// denied, and so is the name evil.test.
func soak(args []string) error {
	limit, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	answerLimit = 20 * time.Second // a busy machine is not a wrong answer
	all := make([]*soaker, n)
	var wg sync.WaitGroup
	for i := range all {
		s := &soaker{dir: args[1], far: args[2], id: i, tally: tally{Right: map[string]int{}, Judged: map[string]int{}}}
		all[i] = s
	}
	for range 3 {
		end := time.Now().Add(limit / 3)
		for _, s := range all {
			wg.Go(func() {
				for time.Now().Before(end) {
					s.round()
				}
			})
		}
		wg.Wait()
		time.Sleep(min(limit/20, restMost))
	}
	sum := all[0].tally
	for _, s := range all[1:] {
		sum.Rounds += s.Rounds
		sum.Wrong += s.Wrong
		sum.First = append(sum.First, s.First[:min(len(s.First), 3)]...)
		for k, v := range s.Right {
			sum.Right[k] += v
		}
		for k, v := range s.Judged {
			sum.Judged[k] += v
		}
	}
	return json.NewEncoder(os.Stdout).Encode(sum)
}

// is notes the answer of one call; control is "" for a call that breaks no rule.
func (s *soaker) is(what, control string, got, want error) {
	if control != "" {
		s.Judged[control]++
	}
	if errors.Is(got, want) || got == nil && want == nil {
		s.Right[what]++
		return
	}
	if s.Wrong++; len(s.First) < 5 {
		s.First = append(s.First, fmt.Sprintf("%s: %v, want %v", what, got, want))
	}
}

func (s *soaker) round() {
	s.Rounds++
	s.programs()
	for range 3 {
		s.files()
	}
	s.is("open of own memory", "injection", s.open("/proc/self/mem", os.O_RDWR), syscall.EPERM)
	s.is("connect", "", s.greeting(), nil)
	for i := range 12 { // equal ones are counted, see package enforcer
		s.is("denied connect", "outbound", s.dial(1000+(s.Rounds*12+i)%256), syscall.ECONNREFUSED)
	}
	s.is("datagram", "", s.datagram(80), nil)
	for range 12 { // too many different ones to be counted
		s.port = (s.port + 1) % 30000
		s.is("denied datagram", "outbound", s.datagram(2000+s.port), syscall.EPERM)
	}
	s.names()
	s.namespace()
}

// programs runs one that may run, now and then as another user, and one that
// may not.
func (s *soaker) programs() {
	c := exec.Command(filepath.Join(s.dir, "attack"), "exit", "0")
	what := "exec"
	if s.Rounds%4 == 0 {
		what = "exec as another user"
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	}
	s.is(what, "", c.Run(), nil)
	s.is("denied exec", "deniedExecutables", exec.Command(filepath.Join(s.dir, "denied"), "exit", "0").Run(), syscall.EACCES)
}

func (s *soaker) files() {
	name := filepath.Join(s.dir, "open", strconv.Itoa(s.id))
	err := os.WriteFile(name, []byte("x"), 0o644)
	if err == nil {
		err = os.Rename(name, name+".moved")
	}
	if err == nil {
		err = s.open(name+".moved", os.O_RDONLY)
	}
	if err == nil {
		err = os.Remove(name + ".moved")
	}
	s.is("write, rename, open, unlink", "", err, nil)
	s.is("denied read", "fileRead", s.open(filepath.Join(s.dir, "secret"), os.O_RDONLY), syscall.EACCES)
	s.is("denied write", "fileWrite", s.open(filepath.Join(s.dir, "fixed"), os.O_WRONLY), syscall.EACCES)
}

func (s *soaker) open(name string, flags int) error {
	f, err := os.OpenFile(name, flags, 0)
	if err == nil {
		err = f.Close()
	}
	return err
}

// greeting connects and reads. It resets the connection: ports must not run out.
func (s *soaker) greeting() error {
	c, err := net.DialTimeout("tcp4", s.far+":80", time.Minute)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	b := make([]byte, len("hello"))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		return fmt.Errorf("read %q, %v", b, err)
	}
	return c.(*net.TCPConn).SetLinger(0)
}

func (s *soaker) dial(port int) error {
	c, err := net.DialTimeout("tcp4", net.JoinHostPort(s.far, strconv.Itoa(port)), time.Minute)
	if err == nil {
		c.Close()
	}
	return err
}

func (s *soaker) datagram(port int) error {
	c, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.WriteToUDPAddrPort([]byte("x"), netip.AddrPortFrom(netip.MustParseAddr(s.far), uint16(port)))
	return err
}

func (s *soaker) names() {
	for name, want := range map[string]dnsmessage.RCode{"good.test": dnsmessage.RCodeSuccess, "evil.test": dnsmessage.RCodeNameError} {
		how := []string{"udp4", "connected"}[s.Rounds%2]
		m, err := question(how, s.far+":53", name, dnsmessage.TypeA)
		for range 3 { // a server that is too slow for the supervisor is silence, as it is without one
			if !os.IsTimeout(err) || want != dnsmessage.RCodeSuccess {
				break
			}
			s.Right["question asked again"]++
			m, err = question(how, s.far+":53", name, dnsmessage.TypeA)
		}
		if err == nil && m.RCode != want {
			err = fmt.Errorf("answer %v", m.RCode)
		}
		control := map[string]string{"evil.test": "dns"}[name]
		s.is("question for "+name, control, err, nil)
	}
}

// namespace makes one, which is only reported, in a thread that ends then.
func (s *soaker) namespace() {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- syscall.Unshare(syscall.CLONE_NEWUTS)
	}()
	s.is("unshare", "namespaces", <-done, nil)
}
