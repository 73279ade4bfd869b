package resolve

import (
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

type fakeJudge struct {
	mu    sync.Mutex
	asked []action.Query
}

func (j *fakeJudge) Needs() Needs                     { return Needs{Names: true, Answers: true} }
func (j *fakeJudge) NamesMatter(*action.Connect) bool { return false }
func (j *fakeJudge) Resolve(q *action.Query) intercept.Answer {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = append(j.asked, *q)
	if strings.HasPrefix(q.Name, "denied") || q.Tunnel != "" || q.Address == netip.MustParseAddr("10.0.0.9") {
		return intercept.Answer{Errno: syscall.EPERM}
	}
	return intercept.Allow
}

// upstream is a name server at a port of its own; forge makes it send wrong
// answers before each right one, over UDP.
type upstream struct {
	at    netip.AddrPort
	forge atomic.Bool
	from  sync.Map // netip.AddrPort: whether an answer was awaited there
	asker atomic.Pointer[Resolver]
	udp   atomic.Int64
	tcp   atomic.Int64
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{}
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	u.at = pc.LocalAddr().(*net.UDPAddr).AddrPort()
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(u.at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close(); l.Close() })
	say := func(b []byte, ip string) []byte {
		q, err := parseQuestion(b)
		if err != nil {
			return nil
		}
		if strings.HasPrefix(q.name, "rebind") {
			ip = "10.0.0.9"
		}
		return reply(b, a(q.asked.Name.String(), ip, 60))
	}
	go func() {
		b := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			u.udp.Add(1)
			if r := u.asker.Load(); r != nil {
				u.from.Store(from.Addr(), r.Waits(from) && r.Waits(netip.AddrPortFrom(from.Addr(), 0)) && !r.Waits(netip.AddrPortFrom(from.Addr(), from.Port()^1)))
			}
			if u.forge.Load() {
				wrong := say(b[:n], "192.0.2.66")
				for range maxForged {
					wrong[0]++
					_, _ = pc.WriteToUDPAddrPort(wrong, from)
				}
			}
			_, _ = pc.WriteToUDPAddrPort(say(b[:n], "192.0.2.1"), from)
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			u.tcp.Add(1)
			u.from.Store(c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(), true)
			if b, err := readFrame(c, maxQuery); err == nil {
				_ = writeFrame(c, say(b, "192.0.2.2"))
			}
			c.Close()
		}
	}()
	return u
}

// client asks the endpoint that stands for a server.
func client(t *testing.T, r *Resolver, server netip.AddrPort) func(name string) dnsmessage.Message {
	t.Helper()
	at, err := r.Redirect(server, false, false)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if got, ok := r.Server(at); !ok || got != server {
		t.Errorf("%v stands for %v", at, got)
	}
	r.Register(at, c.LocalAddr().(*net.UDPAddr).AddrPort(), &action.Process{PID: 7})
	return func(name string) (m dnsmessage.Message) {
		t.Helper()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write(ask(name, dnsmessage.TypeA)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4096)
		n, err := c.Read(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := m.Unpack(b[:n]); err != nil || m.ID != 77 || !m.Response {
			t.Fatalf("%v %v", m, err)
		}
		return m
	}
}

func TestResolver(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	u := newUpstream(t)
	j := &fakeJudge{}
	nowhere := filepath.Join(t.TempDir(), "none")
	r := New(Config{Judge: j, Conf: nowhere, Hosts: nowhere})
	defer r.Close()
	question := client(t, r, u.at)
	first := func(m dnsmessage.Message) string {
		if len(m.Answers) == 0 {
			return m.RCode.String()
		}
		return netip.AddrFrom4(m.Answers[0].Body.(*dnsmessage.AResource).A).String()
	}
	if got := first(question("good.test.")); got != "192.0.2.1" {
		t.Error(got)
	}
	for range 3 {
		question("good.test.")
	}
	if n := u.udp.Load(); n != 1 {
		t.Errorf("%d questions went out for one that is kept", n)
	}
	for name, want := range map[string]string{"denied.test.": "RCodeNameError", "rebind.test.": "RCodeNameError"} {
		if got := first(question(name)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	for range 5 {
		question("x.tunnel.test.") // one name is no tunnel
	}
	odd := 0
	for i := range 40 {
		m := question(strings.Repeat("abcdefgh234567zyxwvu", 3)[i%20:] + "." + strings.Repeat("q2w3e4r5t6z7u8i9o0p1", 3)[:59-i] + ".tunnel.test.")
		if m.RCode == dnsmessage.RCodeRefused {
			odd++
		}
	}
	if odd == 0 {
		t.Error("a tunnel was not refused")
	}
	u.forge.Store(true)
	if got := first(question("forged.test.")); got != "192.0.2.2" || u.tcp.Load() == 0 {
		t.Errorf("with wrong answers about: %s, %d over TCP", got, u.tcp.Load())
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if q := j.asked[0]; q.Proc == nil || q.Proc.PID != 7 || q.Server != u.at || q.Name != "good.test" || q.Type != 1 || q.Protocol != action.ProtoUDP {
		t.Errorf("%+v", q)
	}
	if got := r.Names(netip.MustParseAddr("192.0.2.1")); len(got) != 0 {
		t.Errorf("a server on loopback was believed: %v", got)
	}
}

// A server on loopback is asked from addresses that nobody knows beforehand, and
// where an answer is awaited the workload may not send.
func TestAskedFromAnywhere(t *testing.T) {
	u := newUpstream(t)
	r := New(Config{Judge: &fakeJudge{}, Conf: "/none", Hosts: "/none"})
	defer r.Close()
	u.asker.Store(r)
	question := client(t, r, u.at)
	for i := range 4 {
		u.forge.Store(i == 3) // over TCP, too
		question("n" + strconv.Itoa(i) + ".test.")
	}
	n := 0
	u.from.Range(func(from, awaited any) bool {
		n++
		if a := from.(netip.Addr); a == loopback4 || !a.IsLoopback() || !awaited.(bool) {
			t.Errorf("asked from %v, awaited %v", a, awaited)
		}
		return true
	})
	if n < 4 {
		t.Errorf("asked from %d addresses", n)
	}
	if r.waits.n.Load() != 0 {
		t.Error("answers are awaited for ever")
	}
}

// A server that does not answer, or is not there, is silence, or a failure.
func TestResolverWithoutServer(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	r := New(Config{Judge: &fakeJudge{}, Conf: "/none", Hosts: "/none"})
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	nobody := pc.LocalAddr().(*net.UDPAddr).AddrPort()
	pc.Close()
	if m := client(t, r, nobody)("good.test."); m.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("%v", m.RCode)
	}
	// A flood of servers does not take more endpoints than there may be.
	refused := 0
	for i := range 2 * maxEndpoints {
		if _, err := r.Redirect(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 53), false, false); err != nil {
			refused++
		}
	}
	if refused < maxEndpoints-2 {
		t.Errorf("%d refused", refused)
	}
	r.Close()
	if _, err := r.Redirect(nobody, true, false); err == nil {
		t.Error("an endpoint after the end")
	}
}
