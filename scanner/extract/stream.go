package extract

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// errLimit ends the reading of a layer that is too large.
var errLimit = errors.New("limit")

// hasher hashes what it is given on a goroutine of its own, so that hashing
// runs beside decompression.
type hasher struct {
	h    hash.Hash
	in   chan []byte
	free chan []byte
	wg   sync.WaitGroup
	cur  []byte
	n    int64
}

var (
	gzipMagic     = []byte{0x1f, 0x8b}
	zstdMagic     = []byte{0x28, 0xb5, 0x2f, 0xfd}
	zstdSkippable = []byte{0x2a, 0x4d, 0x18} // behind a byte 0x50 to 0x5f
)

const hashChunk = 128 << 10

func newHasher() *hasher {
	h := &hasher{h: sha256.New(), in: make(chan []byte, 4), free: make(chan []byte, 6)}
	h.wg.Go(func() {
		for b := range h.in {
			h.h.Write(b)
			h.free <- b[:0]
		}
	})
	return h
}

func (h *hasher) Write(p []byte) (int, error) {
	n := len(p)
	h.n += int64(n)
	for len(p) > 0 {
		if h.cur == nil {
			select {
			case h.cur = <-h.free:
			default:
				h.cur = make([]byte, 0, hashChunk)
			}
		}
		k := min(len(p), cap(h.cur)-len(h.cur))
		h.cur = append(h.cur, p[:k]...)
		p = p[k:]
		if len(h.cur) == cap(h.cur) {
			h.in <- h.cur
			h.cur = nil
		}
	}
	return n, nil
}

// sum ends the hasher.
func (h *hasher) sum() string {
	if h.cur != nil {
		h.in <- h.cur
	}
	close(h.in)
	h.wg.Wait()
	return "sha256:" + hex.EncodeToString(h.h.Sum(nil))
}

// stream gives a layer's uncompressed bytes and hashes both sides as they pass.
type stream struct {
	ctx    context.Context
	stored *counted
	raw    *bufio.Reader
	plain  *hasher // nil where the stored bytes are the plain ones
	r      io.Reader
	close  func()
	limits Limits
	total  func(int64) error // adds to the bytes of the image

	size    int64
	garbage int64 // stored bytes behind the compressed ones
	err     error // how reading ended, io.EOF when well
}

// counted hashes and counts the stored bytes.
type counted struct {
	ctx context.Context
	r   io.Reader
	h   *hasher
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.h.Write(p[:n])
	return n, err
}

func newStream(ctx context.Context, r io.Reader, l Limits, total func(int64) error) (*stream, error) {
	s := &stream{ctx: ctx, limits: l, total: total, close: func() {}}
	s.stored = &counted{ctx: ctx, r: r, h: newHasher()}
	s.raw = bufio.NewReaderSize(s.stored, 256<<10)
	head, err := s.raw.Peek(4)
	if err != nil && err != io.EOF {
		s.stored.h.sum()
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(s.raw)
		if err != nil {
			s.stored.h.sum()
			return nil, unexpected(err)
		}
		z.Multistream(false)
		s.plain, s.r = newHasher(), gzipMembers{s, z}
	case bytes.HasPrefix(head, zstdMagic), len(head) == 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:], zstdSkippable):
		z, err := zstd.NewReader(s.raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			s.stored.h.sum()
			return nil, err
		}
		s.plain, s.r, s.close = newHasher(), z, z.Close
	default:
		s.r = s.raw
	}
	return s, nil
}

// Read gives uncompressed bytes. After an error every further Read gives it again.
func (s *stream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if s.plain != nil {
		s.plain.Write(p[:n])
	}
	s.size += int64(n)
	if err == nil {
		err = s.check(int64(n))
	}
	s.err = err
	return n, err
}

func (s *stream) check(n int64) error {
	if s.size > s.limits.LayerBytes {
		return fmt.Errorf("the layer has more than %d bytes: %w", s.limits.LayerBytes, errLimit)
	}
	if s.size > s.limits.RatioFree && s.size/(s.stored.h.n+1) > s.limits.Ratio {
		return fmt.Errorf("%d bytes were compressed to %d, more than %d times: %w", s.size, s.stored.h.n, s.limits.Ratio, errLimit)
	}
	return s.total(n)
}

// ending is what a stream came to.
type ending struct {
	stored  string // digest of the stored bytes
	plain   string // of the uncompressed ones; "" where they broke off
	garbage int64  // stored bytes behind the compressed ones
	source  error  // the stored bytes could not be read to their end
}

// end reads what is left, unless it is not to be drained, and gives the digests.
func (s *stream) end(drain bool) ending {
	buf := make([]byte, 64<<10)
	for drain && s.err == nil {
		_, _ = s.Read(buf)
	}
	e := ending{garbage: s.garbage}
	if drain {
		// A broken stream still has a digest of its stored bytes, which tells
		// whether it was broken on the way or made so.
		n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{s.raw}, buf)
		e.source = err
		if s.err == io.EOF {
			e.garbage += n
		}
	}
	s.close()
	e.stored = s.stored.h.sum()
	plain := e.stored
	if s.plain != nil {
		plain = s.plain.sum()
	}
	if s.err == io.EOF {
		e.plain = plain
	}
	return e
}

// gzipMembers reads one gzip member after the other and stops where no further
// one begins, as tools do that ignore what stands behind.
type gzipMembers struct {
	s  *stream
	gz *gzip.Reader
}

func (g gzipMembers) Read(p []byte) (int, error) {
	n, err := g.gz.Read(p)
	if err != io.EOF {
		return n, err
	}
	head, err := g.s.raw.Peek(2)
	if err != nil && err != io.EOF {
		return n, err
	}
	if !bytes.Equal(head, gzipMagic) {
		return n, io.EOF
	}
	if err := g.gz.Reset(g.s.raw); errors.Is(err, gzip.ErrHeader) {
		g.s.garbage += 10 // it looked like a member by chance
		return n, io.EOF
	} else if err != nil {
		return n, unexpected(err)
	}
	g.gz.Multistream(false)
	return n, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
