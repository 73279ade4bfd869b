package sweep

import (
	"slices"
	"syscall"
	"time"
)

// The kernel gives a new process its id before the process can be seen, and on
// a busy machine some time may pass between the two: a list that is read then
// lacks it, and the last id will not change when it comes.
const (
	maxAwaited = 64              // ids that were given, and that nobody has been seen with
	maxComing  = 2 * time.Second // how long they are waited for; most of them have ended already, or are threads
	// After a moment they are asked for at every which look only.
	eagerly  = 50 * time.Millisecond
	patience = 4
)

type awaited struct {
	pid   int
	since time.Time
}

// await remembers which ids of those that were given since the look before
// are not in the list.
func (s *Sweeper) await(before, last int, now time.Time) {
	switch {
	case before == last || before == 0:
		return
	case before > last: // they begin anew
		before = 0
	}
	for pid := max(before+1, last-maxAwaited+1); pid <= last; pid++ {
		if s.known[pid] == nil {
			s.coming = append(s.coming, awaited{pid, now})
		}
	}
	s.coming = s.coming[max(0, len(s.coming)-maxAwaited):]
}

// arrived gives those who were awaited and can be seen now.
func (s *Sweeper) arrived(now time.Time) (some []int) {
	s.asked++
	s.coming = slices.DeleteFunc(s.coming, func(a awaited) bool {
		if age := now.Sub(a.since); age >= eagerly && s.asked%patience != 0 {
			return false
		} else if !leads(a.pid) {
			return age >= maxComing
		}
		some = append(some, a.pid)
		return true
	})
	return some
}

// leads says that an id is that of a process: of a thread that is none the
// kernel says that it is not there.
func leads(pid int) bool {
	_, _, e := syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(pid), uintptr(pid), 0)
	return e != syscall.ESRCH
}

// maxSteps is up to how many new ids are looked at one by one: a list of all
// processes costs as much as some hundred of them.
const maxSteps = 64

// step learns who was given an id since the look before, and who has arrived.
// Who is gone meanwhile stays known until all are listed, once a second at least;
// with visitors here, whose end matters, all are listed at each look. false: there
// is more to it than that.
func (s *Sweeper) step(now time.Time, last int, arrived []int) bool {
	if s.last == 0 || last < s.last || last-s.last > maxSteps || len(s.visitors)+len(s.passing)+s.busy > 0 || now.Sub(s.full) >= whole {
		return false
	}
	s.fresh = s.fresh[:0]
	for _, pid := range arrived {
		if s.known[pid] == nil {
			s.fresh = append(s.fresh, pid)
		}
	}
	for pid := s.last + 1; pid <= last; pid++ {
		if p := s.known[pid]; p != nil { // the number of somebody who is gone
			s.gone(p)
			delete(s.known, pid)
		}
		if leads(pid) {
			s.fresh = append(s.fresh, pid)
		}
	}
	s.meet(now)
	s.attend(now, false)
	return true
}
