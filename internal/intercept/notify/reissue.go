package notify

import (
	"hash/maphash"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// unheard remembers the answers that nobody waited for any more.
//
// Without WAIT_KILLABLE (before Linux 5.19) any signal takes a caller out of
// its notification, also after we have begun to carry the call out. The kernel
// makes the call again once the signal's handler has run, and what was done
// must not be done twice: a second descriptor would be leaked, a second connect
// says EISCONN, a second datagram is one too many. So what a call with an
// effect came to is kept when it could not be told, and told when the same
// thread makes the same call again.
//
// A handler asks again() before it acts, and says effect() when it has. What
// was judged is judged again all the same.
type unheard struct {
	n  atomic.Int32 // answers kept, so that the usual case costs one load
	mu sync.Mutex
	m  map[int][]lost
}

type lost struct {
	nr   int32
	args [6]uint64
	sum  uint64 // of what the arguments point at, and of the object
	r    Response
	fd   int // descriptor that the caller has without knowing; -1: none
	dev  uint64
	ino  uint64
	at   time.Time
}

// Bounds of the memory. A handler that makes calls of its own comes in
// between; what is older than maxUnheardAge was given up by its caller.
const (
	maxUnheard    = 1024
	maxPerTask    = 4
	maxUnheardAge = 10 * time.Second
)

var sumSeed = maphash.MakeSeed()

// sumOf makes one number of what a call's effect depends on besides its
// arguments.
func sumOf(inode uint64, parts ...[]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(sumSeed)
	for _, p := range parts {
		_, _ = h.Write(p)
		_ = h.WriteByte(0)
	}
	return h.Sum64() ^ inode
}

// again gives the answer of this very call, if it was carried out already and
// its caller was interrupted before it heard.
func (c *Call) again(sum uint64) (Response, bool) {
	u := &c.s.unheard
	if c.s.killable || u.n.Load() == 0 {
		return Response{}, false
	}
	l, ok := u.take(c, sum)
	if !ok || l.fd >= 0 && !c.holds(l) {
		return Response{}, false
	}
	c.sum, c.acted, c.given = sum, true, l
	return l.r, true
}

// effect says that the call was carried out, so that its answer must not be
// lost.
func (c *Call) effect(sum uint64) {
	if !c.s.killable {
		c.sum, c.acted, c.given = sum, true, lost{fd: -1}
	}
}

// installed is effect for a descriptor that the caller has and may not hear of.
func (c *Call) installed(fd, num int) {
	if c.s.killable {
		return
	}
	var st linux.Stat
	if err := linux.Fstat(fd, &st); err == nil {
		c.sum, c.acted, c.given = 0, true, lost{fd: num, dev: uint64(st.Dev), ino: st.Ino}
	}
}

// holds says whether the caller still has the descriptor that it never heard of.
func (c *Call) holds(l lost) bool {
	var st linux.Stat
	err := c.Privileged(func() error {
		return linux.StatAt(linux.AtFDCWD, procfs.Path(c.TID(), "fd/"+strconv.Itoa(l.fd)), &st, 0)
	})
	return err == nil && uint64(st.Dev) == l.dev && st.Ino == l.ino
}

// keep remembers what c came to.
func (u *unheard) keep(c *Call, r Response) {
	l := c.given
	l.nr, l.args, l.sum, l.r, l.at = c.NR, c.Args, c.sum, r, time.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m == nil || len(u.m) >= maxUnheard {
		u.m = make(map[int][]lost)
		u.n.Store(0)
	}
	of := u.m[c.TID()]
	if len(of) >= maxPerTask {
		of = append(of[:0], of[1:]...)
		u.n.Add(-1)
	}
	u.m[c.TID()] = append(of, l)
	u.n.Add(1)
}

// take gives and forgets the answer to the same call.
func (u *unheard) take(c *Call, sum uint64) (lost, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	of := u.m[c.TID()]
	for i := len(of) - 1; i >= 0; i-- {
		l := of[i]
		if l.nr != c.NR || l.args != c.Args || l.sum != sum {
			continue
		}
		of = append(of[:i], of[i+1:]...)
		if len(of) == 0 {
			delete(u.m, c.TID())
		} else {
			u.m[c.TID()] = of
		}
		u.n.Add(-1)
		return l, time.Since(l.at) < maxUnheardAge
	}
	return lost{}, false
}
