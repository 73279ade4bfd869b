package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// askLimit is how long a name server has to answer: what the C library waits.
const askLimit = 5 * time.Second

// maxForged is how many wrong answers over UDP are taken for an attempt to
// guess: then the question is asked again over TCP.
const maxForged = 3

var errForged = errors.New("answers that do not answer the question")

// exchange asks server and gives the bytes of its answer.
func (q *question) exchange(ctx context.Context, server netip.AddrPort, tcp bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if !tcp {
		b, err := q.overUDP(ctx, server)
		if err != errForged {
			return b, err
		}
	}
	return q.overTCP(ctx, server)
}

func (q *question) overUDP(ctx context.Context, server netip.AddrPort) ([]byte, error) {
	id := uint16(rand.Uint32()) // ChaCha8, seeded by the kernel
	msg, err := q.forward(id)
	if err != nil {
		return nil, err
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		return nil, err
	}
	defer c.Close()
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
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", server.String())
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
