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
// was judged is judged again all the same, but for calls on files: the object
// that was judged is the one that was made or removed.
type unheard struct {
	n    atomic.Int32 // answers kept, so that the usual case costs one load
	mu   sync.Mutex
	m    map[int][]lost
	busy map[int]chan struct{} // threads whose call on files is being carried out
}

type lost struct {
	id   uint64 // of the notification
	nr   int32
	args [6]uint64
	sum  uint64 // of what the arguments point at, and of the object
	r    Response
	fd   int // descriptor that the caller has without knowing; -1: none
	made int // file of ours that was made for it and is to be handed over; -1: none
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
		c.sum, c.acted, c.given = sum, true, lost{fd: -1, made: -1}
	}
}

// installed is effect for a descriptor that the caller has and may not hear of.
func (c *Call) installed(fd, num int) {
	if c.s.killable {
		return
	}
	var st linux.Stat
	if err := linux.Fstat(fd, &st); err == nil {
		c.sum, c.acted, c.given = 0, true, lost{fd: num, made: -1, dev: uint64(st.Dev), ino: st.Ino}
	}
}

// holds says whether the caller still has the descriptor that it never heard of.
func (c *Call) holds(l lost) bool {
	var st linux.Stat
	err := c.Privileged(func() error {
		return linux.StatAt(linux.AtFDCWD, c.s.power.path(c.TID(), "fd/"+strconv.Itoa(l.fd)), &st, 0)
	})
	return err == nil && uint64(st.Dev) == l.dev && st.Ino == l.ino
}

// keep remembers what c came to.
func (u *unheard) keep(c *Call, r Response) {
	l := c.given
	l.id, l.nr, l.args, l.sum, l.r, l.at = c.ID, c.NR, c.Args, c.sum, r, time.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.expire(l.at)
	if u.m == nil {
		u.m = make(map[int][]lost)
	}
	of := u.m[c.TID()]
	if len(of) >= maxPerTask {
		closeIf(of[0].made)
		of = append(of[:0], of[1:]...)
		u.n.Add(-1)
	}
	u.m[c.TID()] = append(of, l)
	u.n.Add(1)
}

// expire forgets what is too old; everything, if that is not enough. The
// caller holds mu.
func (u *unheard) expire(now time.Time) {
	full := len(u.m) >= maxUnheard
	for tid, of := range u.m {
		if last := of[len(of)-1]; !full && now.Sub(last.at) < maxUnheardAge {
			continue
		}
		for _, l := range of {
			closeIf(l.made)
		}
		delete(u.m, tid)
		u.n.Add(-int32(len(of)))
	}
}

// take gives and forgets the answer to the same call. The file that was made
// for it is its caller's now.
func (u *unheard) take(c *Call, sum uint64) (lost, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	of := u.m[c.TID()]
	for i := len(of) - 1; i >= 0; i-- {
		l := of[i]
		if l.nr != c.NR || l.args != c.Args || l.sum != sum {
			continue
		}
		u.drop(c.TID(), i)
		if time.Since(l.at) >= maxUnheardAge {
			closeIf(l.made)
			return lost{}, false
		}
		return l, true
	}
	return lost{}, false
}

// forget drops what was kept last: its caller has heard.
func (u *unheard) forget(c *Call) {
	u.mu.Lock()
	defer u.mu.Unlock()
	of := u.m[c.TID()]
	for i := len(of) - 1; i >= 0; i-- {
		if of[i].id == c.ID {
			u.drop(c.TID(), i)
			return
		}
	}
}

// drop takes one answer of a thread out. The caller holds mu.
func (u *unheard) drop(tid, i int) {
	of := u.m[tid]
	if of = append(of[:i], of[i+1:]...); len(of) == 0 {
		delete(u.m, tid)
	} else {
		u.m[tid] = of
	}
	u.n.Add(-1)
}

// awaitSleep waits until the caller sleeps or is gone. Without WAIT_KILLABLE
// the kernel accepts an answer that comes between the signal that wakes a
// caller and the caller's leaving, and drops it. On a busy machine a caller
// that was woken, or has not fallen asleep yet, gets its turn late. What remains
// is a signal between our look and our answer, about a microsecond: such a call
// is made again and carried out twice.
func (c *Call) awaitSleep() {
	const quick, patient = 100, 10_000
	for n := range quick + patient {
		if st, err := procfs.ReadStat(c.TID()); err != nil || st.State == 'S' || !c.Valid() {
			return
		}
		if n < quick {
			linux.Yield()
			continue
		}
		if n == quick && c.w != nil && int(c.w.tid.Load()) == linux.Gettid() {
			c.Slow()
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// Calls on files are carried out beside each other, so that an earlier call of
// the same thread may not have ended when the kernel makes it again.

// enter waits until an earlier call of the same thread has ended.
func (u *unheard) enter(c *Call) (leave func()) {
	tid, mine := c.TID(), make(chan struct{})
	for {
		u.mu.Lock()
		other := u.busy[tid]
		if other == nil {
			if u.busy == nil {
				u.busy = make(map[int]chan struct{})
			}
			u.busy[tid] = mine
			u.mu.Unlock()
			break
		}
		u.mu.Unlock()
		c.Slow()
		<-other
	}
	return func() {
		u.mu.Lock()
		delete(u.busy, tid)
		u.mu.Unlock()
		close(mine)
	}
}

// repeated answers a call on files that was carried out before.
func (s *Supervisor) repeated(c *Call) (Response, bool) {
	if s.killable || s.unheard.n.Load() == 0 {
		return Response{}, false
	}
	l, ok := s.unheard.take(c, 0)
	switch {
	case !ok || l.fd >= 0 && !c.holds(l):
		return Response{}, false
	case l.made < 0:
		return s.answerOnce(c, l.r), true
	}
	defer linux.Close(l.made)
	return s.handMade(c, l.made, uint64(l.r.Val)), true
}

// answerOnce answers a call on files that must not be carried out twice,
// before the next call of its thread is looked at.
func (s *Supervisor) answerOnce(c *Call, r Response) Response {
	if s.killable || r.ended || r.postpone || r.Continue || r.Kill || r.Errno != 0 {
		return r
	}
	c.effect(0)
	s.send(c, r)
	c.answered.Store(true)
	return done()
}

// handMade gives the caller a duplicate of a file that was made for it. flags
// are those of the open.
func (s *Supervisor) handMade(c *Call, fd int, flags uint64) Response {
	r := s.handOver(c, fd, flags)
	if r.ended && !s.killable && !c.handed {
		if kept, err := linux.Dup(fd); err == nil {
			c.sum, c.given = 0, lost{fd: -1, made: kept}
			s.unheard.keep(c, value(int64(flags)))
		}
	}
	return r
}
