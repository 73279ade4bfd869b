package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// Judge decides about first words. Its methods must not block.
type Judge interface {
	Talks() bool                // whether connections are looked into now
	Proxy(*action.Connect) bool // whether the peer of one that is allowed is a proxy, whose peers are judged, too
	Talk(*action.Talk) intercept.Answer
}

// Config of a Relay.
type Config struct {
	Judge Judge
	// Names gives the host names that an address was given for. nil: none.
	Names  func(netip.Addr) []string
	Logger *slog.Logger // nil: discard
}

// Bounds.
const (
	maxCarried = 1024
	dialLimit  = 20 * time.Second
	joinLimit  = 30 * time.Second // for a program to come after its connection was made
	wordsLimit = 5 * time.Second  // to finish words that were begun
)

// Relay carries the connections of one workload.
type Relay struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	kill   atomic.Pointer[func(*action.Process)]

	mu      sync.Mutex
	shut    bool
	ears    map[bool]*net.TCPListener // by whether it is IPv6's
	waiting map[netip.AddrPort]*Try   // by the program's own address
	carried int
}

// New starts nothing yet.
func New(cfg Config) *Relay {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Relay{cfg: cfg, ears: make(map[bool]*net.TCPListener), waiting: make(map[netip.AddrPort]*Try)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// KillWith sets what ends a process because a verdict says so.
func (r *Relay) KillWith(kill func(*action.Process)) { r.kill.Store(&kill) }

// Close ends every connection that is carried and waits for it.
func (r *Relay) Close() {
	r.mu.Lock()
	r.shut = true
	r.cancel()
	for _, l := range r.ears {
		l.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// Wants says whether a connection is looked into now; proxy: as one to a proxy.
func (r *Relay) Wants(c *action.Connect) (proxy, yes bool) {
	if r == nil || !r.cfg.Judge.Talks() {
		return false, false
	}
	proxy = r.cfg.Judge.Proxy(c)
	return proxy, proxy || Looked(c.Peer.Port()) && !c.Peer.Addr().IsLoopback()
}

func (r *Relay) names(ip netip.Addr) []string {
	if r.cfg.Names == nil {
		return nil
	}
	return r.cfg.Names(ip)
}

// Own says that addr is where we listen: nobody may go there of himself.
func (r *Relay) Own(addr netip.AddrPort) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.ears {
		if l.Addr().(*net.TCPAddr).AddrPort() == addr {
			return true
		}
	}
	return false
}

// Try is a connection to where a program wants to go.
type Try struct {
	proc  *action.Process
	peer  netip.AddrPort
	proxy bool
	done  chan struct{}
	conn  *net.TCPConn // once done; nil if err says why not
	err   error
	came  bool // the program's side is here; guarded by Relay.mu
}

var errBusy = errors.New("too many connections are carried")

// Begin connects to peer in a program's place; proxy: as Wants says.
func (r *Relay) Begin(peer netip.AddrPort, proc *action.Process, proxy bool) (*Try, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shut || r.carried >= maxCarried {
		return nil, errBusy
	}
	r.carried++
	t := &Try{proc: proc, peer: peer, proxy: proxy, done: make(chan struct{})}
	r.wg.Go(func() {
		defer close(t.done)
		ctx, cancel := context.WithTimeout(r.ctx, dialLimit)
		defer cancel()
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", peer.String())
		if t.err = err; err == nil {
			t.conn = c.(*net.TCPConn)
			return
		}
		r.release()
	})
	return t, nil
}

func (r *Relay) release() {
	r.mu.Lock()
	r.carried--
	r.mu.Unlock()
}

// Done is closed when the outcome is known.
func (t *Try) Done() <-chan struct{} { return t.done }

// Errno is what the program's connect fails with; 0 if it does not. Ask after
// Done.
func (t *Try) Errno() syscall.Errno {
	var e syscall.Errno
	switch {
	case t.err == nil:
		return 0
	case errors.As(t.err, &e):
		return e
	}
	return syscall.ETIMEDOUT
}

// Expect gives where a program's socket must be connected so that it meets t;
// local is that socket's own address.
func (r *Relay) Expect(t *Try, local netip.AddrPort, v6 bool) (netip.AddrPort, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.ears[v6]
	if l == nil {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
		if v6 {
			at = netip.AddrPortFrom(netip.IPv6Loopback(), 0)
		}
		var err error
		if r.shut {
			return netip.AddrPort{}, net.ErrClosed
		}
		if l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at)); err != nil {
			return netip.AddrPort{}, fmt.Errorf("cannot carry connections: %w", err)
		}
		r.ears[v6] = l
		r.wg.Go(func() { r.listen(l) })
	}
	r.waiting[local] = t
	// Whoever does not come leaves nothing behind.
	time.AfterFunc(joinLimit, func() {
		r.mu.Lock()
		alone := !t.came
		if r.waiting[local] == t {
			delete(r.waiting, local)
		}
		r.mu.Unlock()
		if alone {
			r.Abandon(t)
		}
	})
	return l.Addr().(*net.TCPAddr).AddrPort(), nil
}

// Abandon gives up a connection that no program will use.
func (r *Relay) Abandon(t *Try) {
	r.mu.Lock()
	if t.came {
		r.mu.Unlock()
		return
	}
	t.came = true
	r.mu.Unlock()
	go func() {
		<-t.done
		if t.conn != nil {
			t.conn.Close()
			r.release()
		}
	}()
}

func (r *Relay) listen(l *net.TCPListener) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(time.Millisecond)
			continue
		}
		from := c.RemoteAddr().(*net.TCPAddr).AddrPort()
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		r.mu.Lock()
		t := r.waiting[from]
		delete(r.waiting, from)
		if t != nil && !t.came {
			t.came = true
		} else {
			t = nil
		}
		r.mu.Unlock()
		if t == nil {
			reset(c)
			continue
		}
		r.wg.Go(func() { r.carry(c, t) })
	}
}

// reset closes so that the other side sees an error.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	c.Close()
}

// carry joins the program's side with the other one.
func (r *Relay) carry(in *net.TCPConn, t *Try) {
	<-t.done
	if t.conn == nil {
		reset(in)
		return
	}
	out := t.conn
	defer r.release()
	stop := context.AfterFunc(r.ctx, func() { in.Close(); out.Close() })
	defer stop()
	defer func() {
		if v := recover(); v != nil {
			r.cfg.Logger.Error("a connection could not be looked into", "fault", fmt.Sprint(v))
		}
		in.Close()
		out.Close()
	}()
	var back sync.WaitGroup
	back.Go(func() { pass(in, out) })
	var first []byte
	var eof, denied bool
	if t.proxy {
		denied, eof = r.askProxy(in, out, t), true
	} else {
		first, eof, denied = r.listenTo(in, t)
	}
	if denied {
		reset(in)
		reset(out)
		back.Wait()
		return
	}
	if len(first) > 0 {
		if _, err := out.Write(first); err != nil {
			reset(in)
		}
	}
	if eof {
		_ = out.CloseWrite()
	} else {
		pass(out, in)
	}
	back.Wait()
}

// pass carries one direction to its end.
func pass(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		reset(to)
		reset(from)
		return
	}
	_ = to.CloseWrite()
}

// judge asks about words of t.Proc's; false: they are denied.
func (r *Relay) judge(t *action.Talk) bool {
	a := r.cfg.Judge.Talk(t)
	if kill := r.kill.Load(); a.Kill && kill != nil {
		(*kill)(t.Proc)
	}
	return a == intercept.Allow
}

// listenTo reads the program's first words and asks the Judge about them. They
// may be long in coming: a server may speak first.
func (r *Relay) listenTo(in *net.TCPConn, t *Try) (first []byte, eof, denied bool) {
	buf := make([]byte, maxWords)
	n := 0
	for {
		m, err := in.Read(buf[n:])
		n += m
		var talk action.Talk
		more := false
		if n > 0 {
			talk, more = read(buf[:n])
		}
		if err == nil && more && n < len(buf) {
			_ = in.SetReadDeadline(time.Now().Add(wordsLimit))
			continue
		}
		_ = in.SetReadDeadline(time.Time{})
		var timeout net.Error
		late := errors.As(err, &timeout) && timeout.Timeout()
		if talk.Protocol != action.TalkOther {
			talk.Proc, talk.Peer = t.proc, t.peer
			if !r.judge(&talk) {
				return nil, false, true
			}
		}
		return buf[:n], err != nil && !late, false
	}
}
