//go:build kernel

package notify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/intercept/resolve"
	"golang.org/x/net/dns/dnsmessage"
)

// zone is a name server of the tests: it answers over UDP and TCP, remembers
// what it was asked, and knows these names. Names below long.test are answered
// truncated over UDP.
type zone struct {
	mu    sync.Mutex
	asked []string
	raw   [][]byte
	a     map[string][]string // addresses, or one "cname target"
}

func (z *zone) answer(b []byte, tcp bool) []byte {
	var m dnsmessage.Message
	if m.Unpack(b) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	z.mu.Lock()
	z.asked = append(z.asked, name)
	z.raw = append(z.raw, append([]byte(nil), b...))
	z.mu.Unlock()
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if strings.HasSuffix(name, "long.test") && !tcp {
		m.Truncated = true
		out, _ := m.Pack()
		return out
	}
	owner := q.Name
	for range 5 {
		list, ok := z.a[name]
		if !ok {
			m.RCode = dnsmessage.RCodeNameError
			break
		}
		if target, isAlias := strings.CutPrefix(list[0], "cname "); isAlias {
			t := dnsmessage.MustNewName(target + ".")
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: owner, Class: q.Class, TTL: 60}, Body: &dnsmessage.CNAMEResource{CNAME: t}})
			owner, name = t, target
			continue
		}
		for _, s := range list {
			ip := netip.MustParseAddr(s)
			h := dnsmessage.ResourceHeader{Name: owner, Class: q.Class, TTL: 60}
			switch {
			case ip.Is4() && q.Type == dnsmessage.TypeA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: ip.As4()}})
			case ip.Is6() && q.Type == dnsmessage.TypeAAAA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
			}
		}
		break
	}
	out, _ := m.Pack()
	return out
}

func (z *zone) take() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	out := z.asked
	z.asked, z.raw = nil, nil
	return out
}

// serve answers at addr until the test ends.
func (z *zone) serve(t testing.TB, addr string) {
	t.Helper()
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close(); l.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			if out := z.answer(b[:n], false); out != nil {
				_, _ = pc.WriteTo(out, from)
			}
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
				for {
					var n [2]byte
					if _, err := io.ReadFull(c, n[:]); err != nil {
						return
					}
					b := make([]byte, binary.BigEndian.Uint16(n[:]))
					if _, err := io.ReadFull(c, b); err != nil {
						return
					}
					out := z.answer(b, true)
					binary.BigEndian.PutUint16(n[:], uint16(len(out)))
					_, _ = c.Write(append(n[:], out...))
				}
			}()
		}
	}()
}

func newZone() *zone {
	return &zone{a: map[string][]string{
		"good.test": {"10.9.0.1", "10.9.0.2", "fd09::1"}, "alias.test": {"cname far.other"}, "far.other": {"cname good.test"},
		"bad.test": {"10.9.0.66"}, "sub.bad.test": {"10.9.0.66"}, "cloaked.test": {"cname sub.bad.test"}, "big.long.test": {"10.9.0.2"},
	}}
}

// nameJudge denies names below bad.test and remembers what it was asked.
type nameJudge struct {
	netJudge
	needs resolve.Needs
	qmu   sync.Mutex
	asked []action.Query
	kill  bool
}

func (j *nameJudge) Needs() resolve.Needs             { return j.needs }
func (j *nameJudge) NamesMatter(*action.Connect) bool { return false }
func (j *nameJudge) Resolve(q *action.Query) intercept.Answer {
	j.qmu.Lock()
	defer j.qmu.Unlock()
	j.asked = append(j.asked, *q)
	if strings.HasSuffix(q.Name, "bad.test") || strings.HasSuffix(q.Target, "bad.test") {
		return intercept.Answer{Errno: syscall.EPERM, Kill: j.kill}
	}
	return intercept.Allow
}

// enterNames is enterWorld with a name server at 10.9.0.1 and another, which
// is not the workload's own, at 10.9.0.2.
func enterNames(t testing.TB, options string) (z, other *zone, j *nameJudge) {
	t.Helper()
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	z, other = newZone(), newZone()
	z.serve(t, "10.9.0.1:53")
	other.serve(t, "10.9.0.2:53")
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	text := "nameserver 10.9.0.1\nsearch corp.test\n"
	if options != "" {
		text += "options " + options + "\n"
	}
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, m := range [][]string{{"--make-rprivate", "/"}, {"--bind", conf, "/etc/resolv.conf"}} {
		if out, err := exec.Command("mount", m...).CombinedOutput(); err != nil {
			t.Fatalf("mount %v: %v %s", m, err, out)
		}
	}
	t.Cleanup(func() { _ = exec.Command("umount", "/etc/resolv.conf").Run() })
	j = &nameJudge{netJudge: *newNetJudge(), needs: resolve.Needs{Names: true, Answers: true}}
	return z, other, j
}

// withNames runs a program whose questions are answered by package resolve.
func withNames(t testing.TB, j *nameJudge, env []string, argv ...string) (string, syscall.WaitStatus) {
	t.Helper()
	testNames = resolve.New(resolve.Config{Judge: j, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	defer func() { testNames.Close(); testNames = nil }()
	return supervised(t, j, env, argv...)
}

// Every way of asking gives the same with us as without, sender included.
func TestNamesTransparent(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	z, _, j := enterNames(t, "timeout:2 attempts:1")
	raw := program(t, "dnsraw")
	want := unsupervised(t, raw, "good.test", "10.9.0.1")
	z.take()
	got, st := withNames(t, j, nil, raw, "good.test", "10.9.0.1")
	if d := cmp.Diff(want, got); d != "" || st.ExitStatus() != 0 {
		t.Errorf("status %v, supervised differs from plain (-plain +supervised):\n%s", st, d)
	}
	if n := len(j.questions()); n != 8 { // sendto, sendmsg, 2 of sendmmsg, mapped, write, send, tcp
		t.Errorf("%d questions judged, want 8", n)
	}
	for _, q := range j.asked {
		if q.Name != "good.test" || q.Server != netip.MustParseAddrPort("10.9.0.1:53") || q.Proc == nil || q.Proc.Exe != raw || q.Type != 1 {
			t.Errorf("asked %+v", q)
		}
	}
}

func (j *nameJudge) questions() (out []string) {
	j.qmu.Lock()
	defer j.qmu.Unlock()
	for _, q := range j.asked {
		if q.Asked() {
			out = append(out, q.Name)
		}
	}
	return out
}

// Resolvers of every kind that people run say the same with us as without,
// and are told at once that a denied name does not exist; nothing of it, and
// nothing that leads to it by CNAME, gets out.
func TestNamesPrograms(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	src := filepath.Join("testdata", "dnsask.c")
	dir := t.TempDir()
	glibc, musl := filepath.Join(dir, "glibc"), filepath.Join(dir, "musl")
	for _, cc := range [][]string{{"gcc", "-o", glibc, src}, {"musl-gcc", "-static", "-o", musl, src}} {
		if out, err := exec.Command(cc[0], cc[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cc, err, out)
		}
	}
	self, _ := os.Executable()
	node := "const d=require('dns').promises;(async()=>{for(const n of process.argv.slice(1)){try{console.log(n,(await d.resolve4(n)).sort().join())}catch(e){console.log(n,e.code)}}})()"
	z, _, j := enterNames(t, "")
	for _, options := range []string{"", "edns0 trust-ad", "use-vc", "single-request-reopen rotate"} {
		if err := os.WriteFile("/etc/resolv.conf", []byte("nameserver 10.9.0.1\nsearch corp.test\noptions timeout:10 attempts:2 "+options+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			name string
			argv []string // the names follow
			env  string
		}{
			{"glibc", []string{glibc}, ""},
			{"musl", []string{musl}, ""},
			{"c-ares in node", []string{"/usr/bin/node", "-e", node}, ""},
			{"go", []string{self}, "LIMPET_TEST_HELPER=lookup"},
			{"dig", []string{"/usr/bin/dig", "+short", "+tries=1"}, ""},
			{"dig without recursion and EDNS", []string{"/usr/bin/dig", "+short", "+noedns", "+tcp"}, ""},
			{"host", []string{"/usr/bin/host", "-t", "A"}, ""},
			{"python", []string{"/usr/bin/python3", "-c", "import socket,sys\nfor n in sys.argv[1:]:\n  try: print(n, sorted({a[4][0] for a in socket.getaddrinfo(n, 1)}))\n  except OSError as e: print(n, e.errno)"}, ""},
		} {
			if options != "" && tc.name != "glibc" && tc.name != "musl" && tc.name != "c-ares in node" {
				continue
			}
			t.Run(tc.name+" "+options, func(t *testing.T) {
				if tc.env != "" {
					k, v, _ := strings.Cut(tc.env, "=")
					t.Setenv(k, v)
				}
				var good, bad []string
				for _, n := range []string{"good.test", "alias.test", "missing.test", "big.long.test"} {
					if strings.HasPrefix(tc.name, "host") && len(good) > 0 {
						break // host takes one
					}
					good = append(good, n)
				}
				bad = []string{"sub.bad.test"}
				if !strings.HasPrefix(tc.name, "host") {
					bad = append(bad, "cloaked.test")
				}
				want := unsupervisedAny(t, append(tc.argv, good...)...)
				z.take()
				got, _ := withNames(t, j, nil, append(tc.argv, good...)...)
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("differs from plain (-plain +supervised):\n%s", d)
				}
				if !slices.Contains(j.questions(), "good.test") {
					t.Errorf("judged: %v", j.questions())
				}
				z.take()
				began := time.Now()
				got, _ = withNames(t, j, nil, append(tc.argv, bad...)...)
				if took := time.Since(began); took > 8*time.Second { // who is not answered asks again after ten
					t.Errorf("a denial took %v", took)
				}
				if strings.Contains(got, "10.9.0.66") {
					t.Errorf("a denied name was resolved: %s", got)
				}
				for _, n := range z.take() {
					if strings.HasSuffix(n, "bad.test") {
						t.Errorf("%s got out", n)
					}
				}
			})
		}
	}
}

// unsupervisedAny is unsupervised for programs whose status says what was found.
func unsupervisedAny(t testing.TB, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}

func init() {
	helpers["lookup"] = func() {
		r := net.Resolver{PreferGo: true}
		for _, n := range os.Args[1:] {
			a, err := r.LookupHost(context.Background(), n)
			slices.Sort(a)
			var d *net.DNSError
			fmt.Println(n, a, errors.As(err, &d) && d.IsNotFound)
		}
	}
}

// A question that is not redirected, because the policy came after the start,
// is judged where it can be seen: with its address, or through sendmmsg.
func TestNamesWithoutArm(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	z, other, j := enterNames(t, "timeout:1 attempts:1")
	raw := program(t, "dnsraw")
	unarmedNames = true
	defer func() { unarmedNames = false }()
	got, _ := withNames(t, j, nil, raw, "sub.bad.test", "10.9.0.2")
	for _, want := range []string{"sendto: errno 1\n", "sendmsg: errno 1\n", "sendmmsg: -1\n", "tcp: rcode 3, 0 answers"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	if n := len(other.take()); n != 2 { // the two on the connected socket, which nobody sees
		t.Errorf("%d questions got out", n)
	}
	if out := unsupervised(t, raw, "good.test", "10.9.0.1"); true {
		z.take()
		if d := cmp.Diff(out, first(withNames(t, j, nil, raw, "good.test", "10.9.0.1"))); d != "" {
			t.Errorf("allowed questions differ from plain:\n%s", d)
		}
	}
}

func first(s string, _ syscall.WaitStatus) string { return s }

// What leaves is the question and nothing else; a program cannot reach an
// endpoint but by asking; a verdict that kills kills.
func TestNamesHostile(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	z, other, j := enterNames(t, "timeout:1 attempts:1")
	py := func(src string) []string {
		return []string{"/usr/bin/python3", "-c", "from socket import *\nimport struct\n" + src}
	}
	const ask = `
def q(name, extra=b'', arcount=0, flags=0x0100, qtype=1):
  return struct.pack('>6H',7,flags,1,0,0,arcount)+b''.join(bytes([len(p)])+p.encode() for p in name.split('.'))+b'\0'+struct.pack('>2H',qtype,1)+extra
s=socket(AF_INET,SOCK_DGRAM); s.settimeout(1)
def go(m, to=('10.9.0.1',53)):
  s.sendto(m,to)
  try: d,f=s.recvfrom(4096); print(d[3]&15, f[0])
  except OSError as e: print('nothing')
`
	for _, tc := range []struct{ name, src, want string }{
		{"data behind the question", ask + "go(q('good.test',b'SECRET'*20))", "0 10.9.0.1\n"},
		{"EDNS options", ask + "go(q('good.test',b'\\0\\0\\x29\\x10\\0\\0\\0\\0\\0\\0\\x14\\xfd\\xe9\\0\\x10SECRETSECRETSECR',1))", "0 10.9.0.1\n"},
		{"a record of one's own", ask + "go(q('good.test',b'\\x01x\\0\\0\\x10\\0\\1\\0\\0\\0\\0\\0\\x07\\x06SECRET',1))", "0 10.9.0.1\n"},
		{"update", ask + "go(q('good.test',flags=0x2800))", "4 10.9.0.1\n"},
		{"transfer", ask + "go(q('good.test',qtype=252))", "5 10.9.0.1\n"},
		{"a response", ask + "go(q('good.test',flags=0x8180))", "nothing\n"},
		{"rubbish", ask + "go(b'SECRET')", "nothing\n"},
		{"two questions", ask + "m=bytearray(q('good.test')); m[5]=2; go(bytes(m)+bytes(m)[12:])", "1 10.9.0.1\n"},
		{"another server", ask + "go(q('good.test'),('10.9.0.2',53))", "0 10.9.0.2\n"},
		{"two servers, one socket", ask + "go(q('good.test')); go(q('good.test'),('10.9.0.2',53))", "0 10.9.0.1\n0 10.9.0.2\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			z.take()
			got, _ := withNames(t, j, nil, py(tc.src)...)
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			for _, z := range []*zone{z, other} {
				z.mu.Lock()
				for _, b := range z.raw {
					if strings.Contains(string(b), "SECRET") {
						t.Errorf("got out: %q", b)
					}
				}
				z.mu.Unlock()
			}
		})
	}
	t.Run("a server over IPv6", func(t *testing.T) {
		z.serve(t, "[fd09::1]:53")
		got, _ := withNames(t, j, nil, py(ask+`
s=socket(AF_INET6,SOCK_DGRAM); s.settimeout(1)
go(q('good.test'),('fd09::1',53)); go(q('sub.bad.test'),('fd09::1',53)); go(q('good.test'),('::ffff:10.9.0.1',53))
s=socket(AF_INET6,SOCK_DGRAM); s.settimeout(1); s.connect(('fd09::1',53)); print(s.getpeername()[0], s.getsockname()[0])
s.send(q('good.test')); d,f=s.recvfrom(999); print(d[3]&15, f[0])
s=create_connection(('fd09::1',53)); m=q('sub.bad.test'); s.send(struct.pack('>H',len(m))+m); print(s.recv(999)[5]&15)
`)...)
		if want := "0 fd09::1\n3 fd09::1\n0 ::ffff:10.9.0.1\nfd09::1 fd09::1\n0 fd09::1\n3\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("straight to an endpoint", func(t *testing.T) {
		got, _ := withNames(t, j, nil, py(ask+`
go(q('good.test'))
ports=[int(l.split()[1].split(':')[1],16) for l in open('/proc/net/udp') if l.split()[1].startswith('0100007F')]
for p in ports:
  try: socket(AF_INET,SOCK_DGRAM).connect(('127.0.0.1',p)); print('connected')
  except OSError as e: print(e.errno)
  try: s.sendto(q('good.test'),('127.0.0.1',p)); print('sent')
  except OSError as e: print(e.errno)
`)...)
		if got != "0 10.9.0.1\n111\n111\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("kill", func(t *testing.T) {
		j.kill = true
		defer func() { j.kill = false }()
		_, st := withNames(t, j, nil, py(ask+"go(q('sub.bad.test'))\nimport time; time.sleep(5)")...)
		if st.Signal() != syscall.SIGKILL {
			t.Errorf("status %v", st)
		}
	})
	t.Run("as another user", func(t *testing.T) {
		got, _ := withNames(t, j, nil, py("import os\nos.setgid(1000); os.setuid(1000)\n"+ask+"go(q('good.test')); go(q('sub.bad.test'))")...)
		if got != "0 10.9.0.1\n3 10.9.0.1\n" {
			t.Errorf("got %q", got)
		}
	})
}

// A name that moves: what it had counts until its time is over and no longer;
// then it is asked again before somebody who connects is answered.
func TestNamesMove(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	z, other, j := enterNames(t, "")
	now := time.Now()
	j.needs.Hosts = []string{"good.test"}
	r := resolve.New(resolve.Config{Judge: j, Now: func() time.Time { return now }})
	defer r.Close()
	old, fresh := netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("10.9.0.3")
	prepare := func(addr netip.Addr) {
		t.Helper()
		if ready := r.Prepare(&action.Connect{Peer: netip.AddrPortFrom(addr, 80)}); ready != nil {
			<-ready
		}
	}
	want := func(addr netip.Addr, names string) {
		t.Helper()
		if got := strings.Join(r.Names(addr), " "); got != names {
			t.Errorf("%s is %q, want %q", addr, got, names)
		}
	}
	want(old, "")
	prepare(old)
	want(old, "good.test")
	z.mu.Lock()
	z.a["good.test"] = []string{"10.9.0.3"}
	z.mu.Unlock()
	prepare(old)
	want(old, "good.test") // its time is not over
	now = now.Add(2 * time.Minute)
	want(old, "")
	prepare(old)
	want(old, "")
	want(fresh, "good.test")
	if n := len(other.take()); n != 0 {
		t.Errorf("%d questions went to a server that is not the workload's", n)
	}
	// What another server says is not learned.
	if !r.Own(netip.MustParseAddrPort("10.9.0.1:53")) || r.Own(netip.MustParseAddrPort("10.9.0.2:53")) || r.Own(netip.MustParseAddrPort("10.9.0.1:54")) {
		t.Error("whose name servers are these?")
	}
}
