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

// arrived says that somebody who was awaited can be seen now.
func (s *Sweeper) arrived(now time.Time) bool {
	some := false
	s.coming = slices.DeleteFunc(s.coming, func(a awaited) bool {
		// Of a thread that is no process the kernel says that it is not there.
		_, _, e := syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(a.pid), uintptr(a.pid), 0)
		some = some || e != syscall.ESRCH
		return e != syscall.ESRCH || now.Sub(a.since) >= maxComing
	})
	return some
}
