package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// askLimit is how long a name server has to answer: what the C library waits.
const askLimit = 5 * time.Second

// maxForged is how many wrong answers over UDP are taken for an attempt to
// guess: then the question is asked again over TCP.
const maxForged = 3

var errForged = errors.New("answers that do not answer the question")

// exchange asks server and gives the bytes of its answer.
func (r *Resolver) exchange(ctx context.Context, q *question, server netip.AddrPort, tcp bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if !tcp {
		b, err := r.overUDP(ctx, q, server)
		if err != errForged {
			return b, err
		}
	}
	return q.overTCP(ctx, server)
}

func (r *Resolver) overUDP(ctx context.Context, q *question, server netip.AddrPort) ([]byte, error) {
	id := uint16(rand.Uint32()) // ChaCha8, seeded by the kernel
	msg, err := q.forward(id)
	if err != nil {
		return nil, err
	}
	c, err := dialUDP(server)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer r.waits.until(c.LocalAddr().(*net.UDPAddr).AddrPort())()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	if _, err := c.Write(msg); err != nil {
		return nil, err
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for range maxForged {
		n, err := c.Read(*buf)
		if err != nil {
			return nil, err
		}
		if q.answers((*buf)[:n], id) {
			return append([]byte(nil), (*buf)[:n]...), nil
		}
	}
	return nil, errForged
}

func (q *question) overTCP(ctx context.Context, server netip.AddrPort) ([]byte, error) {
	id := uint16(rand.Uint32())
	msg, err := q.forward(id)
	if err != nil {
		return nil, err
	}
	var c net.Conn
	for _, ip := range sources(server.Addr()) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}}
		if c, err = d.DialContext(ctx, "tcp", server.String()); err == nil || !errors.Is(err, syscall.EADDRNOTAVAIL) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	if err := writeFrame(c, msg); err != nil {
		return nil, err
	}
	b, err := readFrame(c, maxAnswer)
	if err != nil {
		return nil, err
	}
	if !q.answers(b, id) {
		return nil, errForged
	}
	return b, nil
}

// sources are the addresses to ask from. On loopback anybody may send from a
// server's address, and who has sent from it to each port of 127.0.0.1 beforehand
// is asked in its place where the platform translates addresses (Docker): there
// it is one of 2^24.
func sources(server netip.Addr) []net.IP {
	if !server.IsLoopback() || !server.Is4() {
		return []net.IP{nil}
	}
	n := rand.Uint32()
	return []net.IP{net.IPv4(127, byte(n>>16), byte(n>>8), 1+byte(n)%254), nil}
}

func dialUDP(server netip.AddrPort) (c *net.UDPConn, err error) {
	for _, ip := range sources(server.Addr()) {
		if c, err = net.DialUDP("udp", &net.UDPAddr{IP: ip}, net.UDPAddrFromAddrPort(server)); err == nil {
			break
		}
	}
	return c, err
}

// waits are the addresses of ours at which answers are awaited.
type waits struct {
	n  atomic.Int32 // len(at)
	mu sync.Mutex
	at map[netip.AddrPort]bool
}

// until notes an address until what it gives is called.
func (w *waits) until(at netip.AddrPort) (over func()) {
	at = netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
	set := func(on bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.at == nil {
			w.at = make(map[netip.AddrPort]bool)
		}
		if w.at[at] = true; !on {
			delete(w.at, at)
		}
		w.n.Store(int32(len(w.at)))
	}
	set(true)
	return func() { set(false) }
}

// Waits says that we await an answer at an address: nobody of the workload has
// anything to say there. A port of 0 is one that cannot be seen.
func (r *Resolver) Waits(peer netip.AddrPort) bool {
	w := &r.waits
	if w.n.Load() == 0 {
		return false
	}
	peer = netip.AddrPortFrom(peer.Addr().Unmap().WithZone(""), peer.Port())
	w.mu.Lock()
	defer w.mu.Unlock()
	if peer.Port() != 0 {
		return w.at[peer]
	}
	for at := range w.at {
		if at.Addr() == peer.Addr() {
			return true
		}
	}
	return false
}

// readFrame reads a message with its length before it.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var n [2]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint16(n[:]))
	if size > limit {
		return nil, errMalformed
	}
	b := make([]byte, size)
	_, err := io.ReadFull(r, b)
	return b, err
}

func writeFrame(w io.Writer, b []byte) error {
	out := make([]byte, 2, 2+len(b))
	binary.BigEndian.PutUint16(out, uint16(len(b)))
	_, err := w.Write(append(out, b...))
	return err
}
