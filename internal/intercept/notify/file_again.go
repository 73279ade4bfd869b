package notify

import (
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// again remembers calls that were carried out and whose answer nobody took.
//
// Without WAIT_KILLABLE a signal ends the wait for our answer at any moment;
// when its handler restarts calls, the kernel makes the same call once more.
// A mkdir would meet the directory that it has made. So the second call of the
// same thread with the same arguments gets the answer of the first.
type again struct {
	mu   sync.Mutex
	m    map[int]answered
	busy map[int]chan struct{} // threads whose call is being carried out
}

// enter waits until an earlier call of the same thread has ended.
func (a *again) enter(c *Call) (leave func()) {
	tid, mine := c.TID(), make(chan struct{})
	for {
		a.mu.Lock()
		other := a.busy[tid]
		if other == nil {
			if a.busy == nil {
				a.busy = make(map[int]chan struct{})
			}
			a.busy[tid] = mine
			a.mu.Unlock()
			break
		}
		a.mu.Unlock()
		c.Slow()
		<-other
	}
	return func() {
		a.mu.Lock()
		delete(a.busy, tid)
		a.mu.Unlock()
		close(mine)
	}
}

type answered struct {
	nr   int32
	args [6]uint64
	val  int64
	fd   int // to be handed over; -1: none
	till time.Time
}

// Bounds of what is remembered.
const (
	maxAgain  = 256
	keepAgain = 2 * time.Second
)

// lost notes that nobody took the answer of c. It takes fd over.
func (a *again) lost(c *Call, val int64, fd int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m = make(map[int]answered)
	}
	now := time.Now()
	for tid, r := range a.m {
		if tid == c.TID() || now.After(r.till) || len(a.m) >= maxAgain {
			closeIf(r.fd)
			delete(a.m, tid)
		}
	}
	a.m[c.TID()] = answered{nr: c.NR, args: c.Args, val: val, fd: fd, till: now.Add(keepAgain)}
}

// take gives what was remembered of the same call.
func (a *again) take(c *Call) (answered, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.m[c.TID()]
	if !ok || r.nr != c.NR || r.args != c.Args || time.Now().After(r.till) {
		return answered{}, false
	}
	delete(a.m, c.TID())
	return r, true
}

// repeated answers a call that was carried out before.
func (s *Supervisor) repeated(c *Call) (Response, bool) {
	if s.killable {
		return Response{}, false
	}
	r, ok := s.files.again.take(c)
	switch {
	case !ok:
		return Response{}, false
	case r.fd < 0:
		return s.answerOnce(c, value(r.val)), true
	}
	defer linux.Close(r.fd)
	return s.handMade(c, r.fd, uint64(r.val)), true
}

// answerOnce answers a call that must not be carried out twice.
func (s *Supervisor) answerOnce(c *Call, r Response) Response {
	if s.killable || r.ended || r.postpone || r.Continue || r.Kill || r.Errno != 0 {
		return r
	}
	if !s.send(c, r) {
		s.files.again.lost(c, r.Val, -1)
	}
	c.answered.Store(true)
	return done()
}

// handMade gives the caller a duplicate of a file that was made for it.
func (s *Supervisor) handMade(c *Call, fd int, flags uint64) Response {
	r := s.handOver(c, fd, flags)
	if r.ended && !s.killable && !c.handed {
		if kept, err := linux.Dup(fd); err == nil {
			s.files.again.lost(c, int64(flags), kept)
		}
	}
	return r
}
