package enforcer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// baitPorts listens on the honeypots' ports. A connection from within is judged
// when it is made (Loop.Connect); what is accepted here and was not judged came
// from outside. Nothing is read or said: whoever connects is sent away. It owns
// a goroutine for each port; close ends them.
type baitPorts struct {
	mu       sync.Mutex // guards what follows
	open     map[uint16]net.Listener
	failed   map[uint16]error
	expected map[uint16]int // connections from within that were let through
	engine   *verdict.Engine
	own      []netip.Addr // addresses of this host
	ownAt    time.Time
	shut     bool
	wg       sync.WaitGroup
}

// errYielded is why a port is not listened on that the application took.
var errYielded = errors.New("the application listens there itself")

// ownFor is how long the list of our addresses holds.
const ownFor = 5 * time.Second

// PlacePorts listens on the ports of the policy in force, and on no other. Run
// keeps it so.
func (l *Loop) PlacePorts() {
	e := l.current.Load().Engine
	b := &l.ports
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut || b.engine == e {
		return
	}
	b.engine = e
	want := e.HoneyPorts()
	for p, ln := range b.open {
		if !slices.Contains(want, p) {
			ln.Close()
			delete(b.open, p)
		}
	}
	b.failed = nil
	for _, p := range want {
		if b.open[p] != nil {
			continue
		}
		ln, err := net.Listen("tcp", ":"+strconv.Itoa(int(p)))
		if err != nil {
			b.fail(p, err)
			continue
		}
		if b.open == nil {
			b.open, b.expected = make(map[uint16]net.Listener), make(map[uint16]int)
		}
		b.open[p] = ln
		b.wg.Go(func() { l.host(ln.(*net.TCPListener), p) })
	}
}

func (b *baitPorts) fail(p uint16, err error) {
	if b.failed == nil {
		b.failed = make(map[uint16]error)
	}
	b.failed[p] = err
}

func (b *baitPorts) close() {
	b.mu.Lock()
	b.shut = true
	for _, ln := range b.open {
		ln.Close()
	}
	b.open = nil
	b.mu.Unlock()
	b.wg.Wait()
}

// host sends away who comes to a port.
func (l *Loop) host(ln *net.TCPListener, port uint16) {
	for {
		c, err := ln.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(100 * time.Millisecond) // no descriptors
			continue
		}
		peer, _ := netip.ParseAddrPort(c.RemoteAddr().String())
		local, _ := netip.ParseAddrPort(c.LocalAddr().String())
		if l.touched(peer, local, port) != intercept.Allow {
			_ = c.SetLinger(0)
		}
		c.Close()
	}
}

// touched judges who came to a port, unless that was done when he set out.
func (l *Loop) touched(peer, local netip.AddrPort, port uint16) (a intercept.Answer) {
	defer l.caught("honeypot", 0, &a)
	peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	if l.isOwn(peer.Addr()) {
		l.ports.mu.Lock()
		known := l.ports.expected[port] > 0
		if known {
			l.ports.expected[port]--
		}
		l.ports.mu.Unlock()
		if known {
			return intercept.Allow
		}
	}
	c := action.Accept{Protocol: action.ProtoTCP, Peer: peer, Local: netip.AddrPortFrom(local.Addr().Unmap(), port)}
	p := l.current.Load()
	d := p.Engine.Touch(&c)
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	// Nobody of the workload did anything: there is none to kill.
	d.Kill, d.Stop = false, false
	a = l.answer(d, nil, tamperErrno)
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_NETWORK, object: "touch " + peer.Addr().String() + " " + strconv.Itoa(int(port)),
		fill: func(ev *eventpb.Event) { ev.Object = acceptObject(&c) }})
	return a
}

// isOwn says that an address is one of this host's.
func (l *Loop) isOwn(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	b := &l.ports
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := l.cfg.Now(); now.Sub(b.ownAt) > ownFor || now.Before(b.ownAt) {
		b.ownAt, b.own = now, b.own[:0]
		list, err := net.InterfaceAddrs()
		if err != nil {
			l.cfg.Logger.Warn("the addresses of this host cannot be listed", "error", err)
		}
		for _, n := range list {
			if p, ok := n.(*net.IPNet); ok {
				if addr, ok := netip.AddrFromSlice(p.IP); ok {
					b.own = append(b.own, addr.Unmap())
				}
			}
		}
	}
	return slices.Contains(b.own, a.Unmap())
}

// baited fills in whether a connection stays on this host, if a rule asks.
func (l *Loop) baited(p *Policies, c *action.Connect) {
	c.Own = c.Protocol == action.ProtoTCP && slices.Contains(p.Engine.HoneyPorts(), c.Peer.Port()) && l.isOwn(c.Peer.Addr())
}

// expects notes that a connection to a port was judged and goes on.
func (b *baitPorts) expects(c *action.Connect, d verdict.Decision) {
	if d.Control != policy.Honeypots || d.Verdict == verdict.Deny || c.Raw {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[c.Peer.Port()] != nil {
		b.expected[c.Peer.Port()]++
	}
}

// yield gives a port to the application, which was let bind it.
func (b *baitPorts) yield(a *action.Bind) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ln := b.open[a.Local.Port()]; ln != nil && a.Protocol == action.ProtoTCP {
		ln.Close()
		delete(b.open, a.Local.Port())
		b.fail(a.Local.Port(), errYielded)
	}
}

// is says that we listen on a port.
func (b *baitPorts) is(port uint16) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open[port] != nil
}

// UnplacedPorts says which of the honeypots' ports are not listened on, and
// why; "" if all are.
func (l *Loop) UnplacedPorts() string {
	b := &l.ports
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for p, err := range b.failed {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		out = append(out, fmt.Sprintf("port %d is not listened on: %v", p, err))
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}
