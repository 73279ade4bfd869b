package disk

import (
	"container/list"
	"io"
)

const (
	chunkBytes = 64 << 10
	chunks     = 128
)

// cache keeps the pieces of a disk that were read last: inodes and tables lie
// close together. It belongs to one goroutine.
type cache struct {
	r    io.ReaderAt
	size int64
	by   map[int64]*list.Element
	used *list.List // of *chunk, last used first
}

type chunk struct {
	at   int64
	data []byte
}

func newCache(r io.ReaderAt, size int64) *cache {
	return &cache{r: r, size: size, by: map[int64]*list.Element{}, used: list.New()}
}

// ReadAt reads large pieces past the cache.
func (c *cache) ReadAt(p []byte, at int64) (int, error) {
	if len(p) >= chunkBytes {
		return c.r.ReadAt(p, at)
	}
	done := 0
	for done < len(p) {
		now := at + int64(done)
		if now >= c.size {
			return done, io.EOF
		}
		k, err := c.chunk(now - now%chunkBytes)
		if err != nil {
			return done, err
		}
		n := copy(p[done:], k.data[min(now%chunkBytes, int64(len(k.data))):])
		if n == 0 {
			return done, io.ErrUnexpectedEOF
		}
		done += n
	}
	return done, nil
}

func (c *cache) chunk(at int64) (*chunk, error) {
	if e, ok := c.by[at]; ok {
		c.used.MoveToFront(e)
		return e.Value.(*chunk), nil
	}
	k := &chunk{at: at}
	if c.used.Len() >= chunks {
		last := c.used.Back()
		old := c.used.Remove(last).(*chunk)
		delete(c.by, old.at)
		k.data = old.data[:cap(old.data)]
	} else {
		k.data = make([]byte, chunkBytes)
	}
	n, err := c.r.ReadAt(k.data[:min(chunkBytes, c.size-at)], at)
	if n == 0 || err != nil && err != io.EOF {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	k.data = k.data[:n]
	c.by[at] = c.used.PushFront(k)
	return k, nil
}
