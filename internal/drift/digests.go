package drift

import (
	"container/list"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/workload"
)

// Bounds of hashing.
const (
	MaxFile      = 2 << 30 // bytes of one file
	DefaultCache = 4096    // digests remembered by NewDigests(0)
	// settle is more than a tick of the file system's clock, within which a second
	// change leaves no trace in ctime. Ticks are at most 10 ms (HZ=100).
	settle = 50 * time.Millisecond
	// Of files above heavy bytes that the workload made two are hashed at a time, so
	// that it does not take the processors from us, and maxHeavy may wait for it:
	// each wait is a worker that others need.
	heavy     = 16 << 20
	heavySlot = 2
	maxHeavy  = 64
)

// Errors of Digests.Of.
var (
	ErrTooLarge = errors.New("file too large to hash")
	ErrChanged  = errors.New("file changed while it was hashed")
	ErrBusy     = errors.New("too many large files to hash at once")
	ErrLeft     = errors.New("nobody waits for it any more")
)

// Digests hashes files and remembers the results by file identity (device,
// inode, size, mtime, ctime). It is safe for concurrent use: many callers that
// ask for the same file at once have it hashed once.
//
// A remembered digest is right as long as every change of content changes
// ctime. Writes through a shared mapping do so only at the first write to a
// clean page: who has made one may write again at any later time, unseen, and
// on overlayfs also while the file runs. So digests are only remembered of files
// that nobody has changed since the cache was made, before the workload began.
type Digests struct {
	max   int
	since int64         // nanoseconds: what changed earlier has settled
	brief time.Duration // for how long the digest of any other is remembered
	stat  func(fd int) (action.File, error)

	mu      sync.Mutex
	entries map[identity]*list.Element // of *remembered
	recent  *list.List                 // most recent first
	flying  map[identity]*flight
	hits    uint64
	hashed  uint64
	large   int // of heavy ones that are hashed or wait for it
	slots   chan struct{}
}

type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
}

type remembered struct {
	until  time.Time // zero: for ever
	id     identity
	digest workload.Digest
}

type flight struct {
	done   chan struct{}
	digest workload.Digest
	err    error
}

// NewDigests makes a cache of at most max digests; 0 means DefaultCache.
func NewDigests(max int) *Digests {
	if max <= 0 {
		max = DefaultCache
	}
	return &Digests{max: max, since: time.Now().Add(-settle).UnixNano(), brief: 2 * time.Second, stat: Stat, entries: map[identity]*list.Element{}, recent: list.New(), flying: map[identity]*flight{}, slots: make(chan struct{}, heavySlot)}
}

func identityOf(f action.File) identity {
	return identity{f.Dev, f.Ino, f.Size, f.MtimeNs, f.CtimeNs}
}

// Of gives the SHA-256 of an open file. fd stays open and its offset stays
// where it is; f must be what fstat says about it.
func (c *Digests) Of(fd int, f action.File) (workload.Digest, error) { return c.OfWhile(fd, f, nil) }

// OfWhile is Of for as long as somebody waits; nil: for as long as it takes.
func (c *Digests) OfWhile(fd int, f action.File, waits func() bool) (workload.Digest, error) {
	id := identityOf(f)
	c.mu.Lock()
	if d, ok := c.known(id); ok {
		c.mu.Unlock()
		return d, nil
	}
	if fl, ok := c.flying[id]; ok && c.Settled(f) {
		c.mu.Unlock()
		<-fl.done
		if fl.err == nil {
			return fl.digest, nil
		}
		// The other caller's descriptor may be the trouble: try ours.
		return c.hash(fd, f, waits)
	}
	fl := &flight{done: make(chan struct{})}
	c.flying[id] = fl
	c.mu.Unlock()

	fl.digest, fl.err = c.hash(fd, f, waits)

	c.mu.Lock()
	if c.flying[id] == fl {
		delete(c.flying, id)
	}
	if fl.err == nil && c.Settled(f) {
		c.remember(id, fl.digest, time.Time{})
	} else if fl.err == nil && c.brief > 0 {
		c.forget(id)
		c.remember(id, fl.digest, time.Now().Add(c.brief))
	}
	c.mu.Unlock()
	close(fl.done)
	return fl.digest, fl.err
}

// Known gives a digest that is remembered; the file need not be open.
func (c *Digests) Known(f action.File) (workload.Digest, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known(identityOf(f))
}

// known needs c.mu.
func (c *Digests) known(id identity) (workload.Digest, bool) {
	el, ok := c.entries[id]
	if !ok {
		return workload.Digest{}, false
	}
	if until := el.Value.(*remembered).until; !until.IsZero() && time.Now().After(until) {
		return workload.Digest{}, false
	}
	c.recent.MoveToFront(el)
	c.hits++
	return el.Value.(*remembered).digest, true
}

// Settled says that a file has not been changed since c was made, so that its
// identity tells its content. A ctime in the future never does.
func (c *Digests) Settled(f action.File) bool { return f.CtimeNs < c.since }

// Fresh forgets the digest of a file that has not settled. It is remembered for
// a moment only because a call that signals interrupt (before Linux 5.19) would
// be hashed for again and again; who gives the last word asks for a fresh one.
func (c *Digests) Fresh(f action.File) {
	if c.Settled(f) {
		return
	}
	c.mu.Lock()
	c.forget(identityOf(f))
	c.mu.Unlock()
}

// forget needs c.mu.
func (c *Digests) forget(id identity) {
	if el, ok := c.entries[id]; ok {
		c.recent.Remove(el)
		delete(c.entries, id)
	}
}

// remember needs c.mu.
func (c *Digests) remember(id identity, d workload.Digest, until time.Time) {
	if _, ok := c.entries[id]; ok {
		return
	}
	c.entries[id] = c.recent.PushFront(&remembered{until, id, d})
	for c.recent.Len() > c.max {
		last := c.recent.Back()
		c.recent.Remove(last)
		delete(c.entries, last.Value.(*remembered).id)
	}
}

// Stats gives how often a digest was remembered and how often a file was hashed.
func (c *Digests) Stats() (hits, hashed uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits, c.hashed
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// hash reads the file by pread, and looks at it again afterwards.
func (c *Digests) hash(fd int, f action.File, waits func() bool) (workload.Digest, error) {
	if fd < 0 {
		return workload.Digest{}, fmt.Errorf("cannot hash file: %w", syscall.EBADF)
	}
	if f.Size > MaxFile {
		return workload.Digest{}, fmt.Errorf("cannot hash file of %d bytes: %w", f.Size, ErrTooLarge)
	}
	if f.Size > heavy && !c.Settled(f) {
		if err := c.enter(waits); err != nil {
			return workload.Digest{}, err
		}
		defer c.leave()
	}
	c.mu.Lock()
	c.hashed++
	c.mu.Unlock()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	h := sha256.New()
	for off := int64(0); ; {
		n, err := syscall.Pread(fd, *buf, off)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return workload.Digest{}, fmt.Errorf("cannot hash file: %w", err)
		}
		if n == 0 {
			break
		}
		h.Write((*buf)[:n])
		if off += int64(n); off > f.Size {
			return workload.Digest{}, fmt.Errorf("cannot hash file: %w", ErrChanged)
		}
		if off%heavy == 0 && waits != nil && !waits() {
			return workload.Digest{}, fmt.Errorf("cannot hash file: %w", ErrLeft)
		}
	}
	again, err := c.stat(fd)
	if err != nil {
		return workload.Digest{}, fmt.Errorf("cannot hash file: %w", err)
	}
	if identityOf(again) != identityOf(f) {
		return workload.Digest{}, fmt.Errorf("cannot hash file: %w", ErrChanged)
	}
	var d workload.Digest
	h.Sum(d[:0])
	return d, nil
}

// enter waits for its turn among large files.
func (c *Digests) enter(waits func() bool) error {
	c.mu.Lock()
	busy := c.large >= maxHeavy
	if !busy {
		c.large++
	}
	c.mu.Unlock()
	if busy {
		return fmt.Errorf("cannot hash file: %w", ErrBusy)
	}
	for {
		select {
		case c.slots <- struct{}{}:
			if waits == nil || waits() {
				return nil
			}
			c.leave()
			return fmt.Errorf("cannot hash file: %w", ErrLeft)
		case <-time.After(100 * time.Millisecond):
			if waits != nil && !waits() {
				c.mu.Lock()
				c.large--
				c.mu.Unlock()
				return fmt.Errorf("cannot hash file: %w", ErrLeft)
			}
		}
	}
}

func (c *Digests) leave() {
	<-c.slots
	c.mu.Lock()
	c.large--
	c.mu.Unlock()
}

// Stat gives the identity of an open file, as Digests.Of wants it.
func Stat(fd int) (action.File, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return action.File{}, err
	}
	return action.File{Dev: st.Dev, Ino: st.Ino, Size: st.Size, MtimeNs: st.Mtim.Nano(), CtimeNs: st.Ctim.Nano(),
		Mode: st.Mode, UID: st.Uid, GID: st.Gid, Nlink: uint32(st.Nlink)}, nil
}
