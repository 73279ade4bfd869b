package notify

import (
	"sync/atomic"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// brief is about calls that seldom take long: to hand the lead on before each
// of them would cost more than most of them do. The lead is taken from a
// thread that such a call keeps for longer than it should.
type brief struct {
	leader atomic.Pointer[worker]
	since  atomic.Int64 // when the leader began such a call, in nanoseconds; 0: it is in none
	last   atomic.Int64
	minded atomic.Bool
	crowd  atomic.Int32 // of the next attended calls, how many hand the lead on at once
	ended  atomic.Uint32
}

// Bounds of minding.
const (
	patiently = 3 * time.Millisecond
	drowsy    = 4 * patiently // between looks when all of the last ones found nothing but quick calls
	looks     = 16            // so many
	unminded  = time.Second   // without such a call nobody minds any more
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

// crowded is how many attended calls hand the lead on after one that others
// had to wait for.
const crowded = 64

// Attend is called before a call that this thread stays with to its end, such
// as an exec: most take less than a millisecond, and to wake a thread for the
// lead costs a third of that. Where others come meanwhile, as on a machine with
// many processors, the lead is handed on after all.
func (c *Call) Attend() {
	b := &c.s.brief
	if b.crowd.Load() > 0 {
		b.crowd.Add(-1)
		c.Slow()
		return
	}
	c.Brief()
}

// asking is every which attended call asks whether others wait.
const asking = 4

// attended is called at the end of what Attend began.
func (c *Call) attended() {
	b := &c.s.brief
	if c.w != nil && c.w.leads.Load() && b.ended.Add(1)%asking == 0 && linux.Waiting(c.s.listener) {
		b.crowd.Store(crowded)
	}
}

// mind takes the lead from a thread that keeps it in a call. Should that end
// at this very moment, two threads receive for a while, which is harmless.
func (s *Supervisor) mind() {
	b := &s.brief
	defer b.minded.Store(false)
	// A timer of Go's would wake its scheduler each time.
	idle := 0
	for !s.closed.Load() {
		pause := patiently
		if idle >= looks {
			pause = drowsy
		}
		linux.Nap(pause)
		now := time.Now().UnixNano()
		since := b.since.Load()
		if idle++; since != 0 && now-since > int64(patiently)/4 {
			idle = 0
		}
		if since != 0 && now-since > int64(patiently) {
			if w := b.leader.Load(); w != nil && b.since.Load() == since && w.leads.CompareAndSwap(true, false) {
				b.since.Store(0)
				s.abdicate()
			}
		}
		if now-b.last.Load() > int64(unminded) {
			return
		}
	}
}
