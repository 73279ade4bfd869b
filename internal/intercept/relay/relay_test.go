package relay

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

func hello(name string) []byte {
	a, b := net.Pipe()
	go func() { _ = tls.Client(a, &tls.Config{ServerName: name, InsecureSkipVerify: true}).Handshake() }()
	buf := make([]byte, 8192)
	n, _ := io.ReadAtLeast(b, buf, 100)
	b.Close()
	a.Close()
	return buf[:n]
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		say  string
		want action.TalkProtocol
		what string // method or name
	}{
		{`{"id":1,"method":"mining.subscribe","params":["cpuminer/2.5"]}` + "\n", action.TalkStratum, "mining.subscribe"},
		{"\n " + `[{"id":1,"method":"x"},{"method":"mining.authorize"}]`, action.TalkStratum, "mining.authorize"},
		{`{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4Awallet","pass":"x","agent":"XMRig/6.21.0","algo":["rx/0"]}}` + "\n", action.TalkStratum, "login"},
		{`{"method":"login","params":{"user":"bob","password":"x"}}`, action.TalkOther, ""},
		{`{"method":"login","params":["bob"]}`, action.TalkOther, ""},
		{`{"worker":"r","jsonrpc":"2.0","method":"eth_submitLogin","params":["0x0"]}`, action.TalkStratum, "eth_submitLogin"},
		{`{"hello":"mining.subscribe"}`, action.TalkOther, ""},
		{"GET / HTTP/1.1\r\n", action.TalkOther, ""},
		{string(hello("Pool.SupportXMR.com")), action.TalkTLS, "pool.supportxmr.com"},
		{string(hello("")), action.TalkTLS, ""},
		{"SSH-2.0-x\r\n", action.TalkOther, ""},
	} {
		got, more := read([]byte(tt.say))
		if more || got.Protocol != tt.want || got.Method+got.ServerName != tt.what {
			t.Errorf("%.60q: %+v, more %v", tt.say, got, more)
		}
		// In pieces it is the same, and is asked for to its end.
		for i := range len(tt.say) {
			if got, more := read([]byte(tt.say[:i])); !more && got.Protocol != tt.want && tt.want != action.TalkOther {
				t.Errorf("%.60q cut at %d: %+v", tt.say, i, got)
				break
			}
		}
	}
	if got, _ := read([]byte(`{"method":"mining.subscribe","params":["` + strings.Repeat("x", maxWords))); got.Protocol != action.TalkStratum {
		t.Error("long words are not recognised")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"method":"mining.subscribe"}`))
	f.Add(hello("a.test"))
	f.Add([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		talk, more := read(b)
		if more && len(b) >= maxWords+5 {
			t.Error("asks for more than it looks at")
		}
		if len(talk.ServerName) > maxWords || bytes.IndexByte([]byte(talk.Method), 0) >= 0 {
			t.Errorf("%+v", talk)
		}
	})
}

type judge struct {
	mu   sync.Mutex
	said []action.Talk
}

func (j *judge) Talks() bool                { return true }
func (j *judge) Proxy(*action.Connect) bool { return false }
func (j *judge) Talk(a *action.Talk) intercept.Answer {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.said = append(j.said, *a)
	if a.Protocol == action.TalkStratum {
		return intercept.Answer{Errno: syscall.ECONNRESET}
	}
	return intercept.Allow
}

// carried connects through a relay to a server that echoes after a greeting.
func carried(t *testing.T, r *Relay) net.Conn { return carriedAs(t, r, false) }

func carriedAs(t *testing.T, r *Relay, proxy bool) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = c.Write([]byte("hi"))
				_, _ = io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	try, err := r.Begin(l.Addr().(*net.TCPAddr).AddrPort(), &action.Process{}, proxy)
	if err != nil {
		t.Fatal(err)
	}
	if <-try.Done(); try.Errno() != 0 {
		t.Fatal(try.Errno())
	}
	own, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	local := own.Addr().(*net.TCPAddr).AddrPort()
	own.Close()
	at, err := r.Expect(try, local, false)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.DialTCP("tcp", net.TCPAddrFromAddrPort(local), net.TCPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	return c
}

func TestCarry(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	j := &judge{}
	r := New(Config{Judge: j})
	defer r.Close()
	greet := func(c net.Conn) {
		b := make([]byte, 2)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "hi" {
			t.Errorf("greeting %q %v", b, err)
		}
	}
	c := carried(t, r)
	greet(c) // the server speaks first
	big := bytes.Repeat([]byte("GET / "), 100000)
	go func() {
		_, _ = c.Write(big)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, big) {
		t.Errorf("%d of %d bytes came back, %v", len(got), len(big), err)
	}
	c.Close()

	c = carried(t, r)
	greet(c)
	_, _ = c.Write([]byte(`{"method":"mining`))
	time.Sleep(20 * time.Millisecond)
	_, _ = c.Write([]byte(`.subscribe"}` + "\n"))
	if b, err := io.ReadAll(c); err == nil || len(b) > 0 {
		t.Errorf("a miner got %q, %v", b, err)
	}
	c.Close()
	j.mu.Lock()
	if len(j.said) != 1 || j.said[0].Method != "mining.subscribe" || j.said[0].Peer.Port() == 0 {
		t.Errorf("said %+v", j.said)
	}
	j.mu.Unlock()

	c = carried(t, r)
	_ = c.(*net.TCPConn).CloseWrite() // says nothing
	if b, err := io.ReadAll(c); err != nil || string(b) != "hi" {
		t.Errorf("%q %v", b, err)
	}
	c.Close()

	try, err := r.Begin(netip.MustParseAddrPort("127.0.0.1:1"), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if <-try.Done(); try.Errno() != syscall.ECONNREFUSED {
		t.Errorf("errno %v", try.Errno())
	}
	// Whoever comes unexpected is sent away.
	if d, err := net.Dial("tcp", r.ears[false].Addr().String()); err != nil {
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
	} else {
		_ = d.SetDeadline(time.Now().Add(5 * time.Second))
		var late net.Error
		if _, err := d.Read(make([]byte, 1)); err == nil || errors.As(err, &late) && late.Timeout() {
			t.Errorf("an unexpected connection: %v", err)
		}
		d.Close()
	}
}

func TestLooked(t *testing.T) {
	for port, want := range map[uint16]bool{3333: true, 45700: true, 443: false, 0: false, 65535: false, 5432: false} {
		if Looked(port) != want {
			t.Errorf("port %d", port)
		}
	}
}
