package notify

import (
	"sync/atomic"
	"time"
)

// brief is about calls that seldom take long: to hand the lead on before each
// of them would cost more than most of them do. The lead is taken from a
// thread that such a call keeps for longer than it should.
type brief struct {
	leader atomic.Pointer[worker]
	since  atomic.Int64 // when the leader began such a call, in nanoseconds; 0: it is in none
	last   atomic.Int64
	minded atomic.Bool
}

// Bounds of minding.
const (
	patiently = 3 * time.Millisecond
	unminded  = time.Second // without such a call nobody minds any more
)

// Brief is called before what is done at once unless a disk is slow. It may be
// called again.
func (c *Call) Brief() {
	if c.w == nil || !c.w.leads.Load() {
		return
	}
	b := &c.s.brief
	now := time.Now().UnixNano()
	b.since.Store(now)
	b.last.Store(now)
	if !b.minded.Load() && b.minded.CompareAndSwap(false, true) {
		go c.s.mind()
	}
}

// mind takes the lead from a thread that keeps it in a call. Should that end
// at this very moment, two threads receive for a while, which is harmless.
func (s *Supervisor) mind() {
	b := &s.brief
	for !s.closed.Load() {
		time.Sleep(patiently)
		now := time.Now().UnixNano()
		if since := b.since.Load(); since != 0 && now-since > int64(patiently) {
			if w := b.leader.Load(); w != nil && b.since.Load() == since && w.leads.CompareAndSwap(true, false) {
				b.since.Store(0)
				s.abdicate()
			}
		}
		if now-b.last.Load() > int64(unminded) {
			break
		}
	}
	b.minded.Store(false)
}
