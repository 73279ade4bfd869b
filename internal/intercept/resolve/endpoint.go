package resolve

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/action"
)

// Bounds of endpoints.
const (
	maxEndpoints = 256              // different servers, transports and families
	idleEndpoint = 10 * time.Second // after which one may go if there are too many
	maxFlows     = 4096             // sockets of the workload at one endpoint
	maxStreams   = 128              // TCP connections at one endpoint
	idleLimit    = 30 * time.Second
)

var buffers = sync.Pool{New: func() any { b := make([]byte, maxAnswer); return &b }}

// place is what an endpoint stands for: a server as the workload addresses it,
// and where its sockets can reach us.
type place struct {
	server netip.AddrPort
	tcp    bool
	v6     bool // listens on ::1
}

// endpoint is a pair of ears on loopback that stands for one server.
type endpoint struct {
	place
	at     netip.AddrPort
	used   time.Time // last redirected to; guarded by Resolver.mu
	packet *net.UDPConn
	stream *net.TCPListener
	room   chan struct{}

	mu    sync.Mutex
	flows flows
}

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

// Redirect gives the address to which a socket that is for server has to be
// pointed instead; v6 says that it must be an IPv6 one.
func (r *Resolver) Redirect(server netip.AddrPort, tcp, v6 bool) (netip.AddrPort, error) {
	p := place{server: netip.AddrPortFrom(server.Addr().Unmap(), server.Port()), tcp: tcp, v6: v6}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.endpoints[p]; e != nil {
		e.used = r.cfg.Now()
		return e.at, nil
	}
	if len(r.endpoints) >= maxEndpoints {
		r.retire()
	}
	if r.shut || len(r.endpoints) >= maxEndpoints {
		return netip.AddrPort{}, errors.New("cannot stand for another name server: too many")
	}
	e := &endpoint{place: p, used: r.cfg.Now(), room: make(chan struct{}, maxStreams)}
	if err := e.open(); err != nil {
		return netip.AddrPort{}, fmt.Errorf("cannot stand for name server %s: %w", server, err)
	}
	if r.endpoints == nil {
		r.endpoints, r.ports = make(map[place]*endpoint), make(map[netip.AddrPort]*endpoint)
	}
	r.endpoints[p], r.ports[e.at] = e, e
	if tcp {
		r.wg.Go(func() { r.listen(e) })
	} else {
		r.wg.Go(func() { r.hear(e) })
	}
	return e.at, nil
}

// retire closes the endpoint that was not used for longest, if that was a
// while ago: a recursive name server asks very many others, each now and then.
func (r *Resolver) retire() {
	var oldest *endpoint
	for _, e := range r.endpoints {
		if oldest == nil || e.used.Before(oldest.used) {
			oldest = e
		}
	}
	if oldest != nil && r.cfg.Now().Sub(oldest.used) > idleEndpoint {
		delete(r.endpoints, oldest.place)
		delete(r.ports, oldest.at)
		oldest.close()
	}
}

func (e *endpoint) open() (err error) {
	lo := netip.AddrPortFrom(loopback4, 0)
	if e.v6 {
		lo = netip.AddrPortFrom(loopback6, 0)
	}
	if e.tcp {
		if e.stream, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(lo)); err == nil {
			e.at = e.stream.Addr().(*net.TCPAddr).AddrPort()
		}
		return err
	}
	if e.packet, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(lo)); err == nil {
		e.at = e.packet.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	return err
}

func (e *endpoint) close() {
	if e.tcp {
		e.stream.Close()
	} else {
		e.packet.Close()
	}
}

// Register says which process's socket will ask from local.
func (r *Resolver) Register(at, local netip.AddrPort, proc *action.Process) {
	r.mu.Lock()
	e := r.ports[at]
	r.mu.Unlock()
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.flows.put(local, proc)
}

// Server gives the server for which we listen at an address.
func (r *Resolver) Server(at netip.AddrPort) (server netip.AddrPort, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.ports[at]
	if e == nil {
		return netip.AddrPort{}, false
	}
	return e.server, true
}

func (e *endpoint) process(from netip.AddrPort) *action.Process {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.flows.get(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
}

// hear takes questions over UDP.
func (r *Resolver) hear(e *endpoint) {
	buf := make([]byte, maxQuery+1)
	for {
		n, from, err := e.packet.ReadFromUDPAddrPort(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an earlier answer met a closed socket
		}
		proc := e.process(from)
		if proc == nil {
			r.dropped.Add(1)
			continue // not from a socket that was pointed here
		}
		select {
		case r.busy <- struct{}{}:
		default:
			r.dropped.Add(1)
			continue
		}
		msg := append([]byte(nil), buf[:n]...)
		r.wg.Go(func() {
			defer func() { <-r.busy }()
			defer r.caught()
			if out := r.answer(msg, proc, e.server, false); out != nil {
				_, _ = e.packet.WriteToUDPAddrPort(out, from)
			}
		})
	}
}

// listen takes questions over TCP.
func (r *Resolver) listen(e *endpoint) {
	for {
		c, err := e.stream.AcceptTCP()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(time.Millisecond)
			continue
		}
		proc := e.process(c.RemoteAddr().(*net.TCPAddr).AddrPort())
		select {
		case e.room <- struct{}{}:
		default:
			proc = nil
		}
		if proc == nil {
			r.dropped.Add(1)
			c.Close()
			continue
		}
		r.wg.Go(func() {
			defer func() { <-e.room }()
			defer c.Close()
			defer r.caught()
			r.converse(c, proc, e.server)
		})
	}
}

// converse answers one question after the other.
func (r *Resolver) converse(c net.Conn, proc *action.Process, server netip.AddrPort) {
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-r.ctx.Done():
			c.SetDeadline(time.Unix(1, 0))
		case <-stop:
		}
	}()
	for {
		if r.ctx.Err() != nil {
			return
		}
		c.SetDeadline(time.Now().Add(idleLimit))
		msg, err := readFrame(c, maxQuery)
		if err != nil {
			return
		}
		out := r.answer(msg, proc, server, true)
		if out == nil || writeFrame(c, out) != nil {
			return
		}
	}
}

// caught keeps a failure about one message from ending the enforcer: the
// question stays without an answer.
func (r *Resolver) caught() {
	if v := recover(); v != nil {
		r.cfg.Logger.Error("a question could not be handled", "fault", fmt.Sprint(v))
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
