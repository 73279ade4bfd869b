package supervise

import (
	"syscall"
	"unsafe"
)

// Numbers of waitid(2) that package syscall does not have.
const (
	idAll = 0
	idPID = 1

	wNoHang  = 0x1
	wStopped = 0x2
	wExited  = 0x4
	wNoWait  = 0x01000000
	wAll     = 0x40000000 // __WALL

	cldExited  = 1
	cldKilled  = 2
	cldDumped  = 3
	cldTrapped = 4
	cldStopped = 5
)

// childInfo is the part of siginfo_t that waitid fills in.
type childInfo struct {
	signo, errno, code int32
	_                  int32
	pid                int32
	uid                uint32
	status             int32
	_                  [100]byte
}

func (c *childInfo) dead() bool {
	return c.code == cldExited || c.code == cldKilled || c.code == cldDumped
}

// exit turns the kernel's words into an Exit.
func (c *childInfo) exit() Exit {
	if c.code == cldExited {
		return Exit{Status: int(c.status)}
	}
	return Exit{Signal: syscall.Signal(c.status), Core: c.code == cldDumped}
}

// waitid asks without waiting. A zero pid in info means that nothing is to
// be seen now.
func waitid(kind, id, options int, info *childInfo) error {
	for {
		*info = childInfo{}
		_, _, e := syscall.Syscall6(syscall.SYS_WAITID, uintptr(kind), uintptr(id),
			uintptr(unsafe.Pointer(info)), uintptr(options|wNoHang), 0, 0)
		switch e {
		case 0:
			return nil
		case syscall.EINTR:
			continue
		}
		return e
	}
}

// reapOne reaps a task that a peek has shown to be dead.
func reapOne(pid int) (Exit, bool) {
	var info childInfo
	if waitid(idPID, pid, wExited|wAll, &info) != nil || info.pid == 0 || !info.dead() {
		return Exit{}, false
	}
	return info.exit(), true
}

// reapAll collects every dead child but the foreign ones. It reports how the
// main child ended, if it did, and whether something that cannot be reaped
// stands in front of others, so that a second look is needed soon.
func (s *Supervisor) reapAll(main int) (end *Exit, again bool) {
	// The main child first: an orphan that is a stopped tracee must not hide it.
	var info childInfo
	if main > 0 {
		if e, ok := s.handedIn(main); ok {
			return &e, false
		}
		err := waitid(idPID, main, wExited|wNoWait|wAll, &info)
		switch {
		case err == syscall.ECHILD:
			// Somebody else took the status; Reaped may bring it yet.
			if e, ok := s.handedIn(main); ok {
				return &e, false
			}
			if s.lost++; s.lost > 100 {
				return &Exit{Status: lostStatus}, false
			}
			return nil, true
		case err == nil && info.pid != 0 && info.dead():
			if !s.traced(main) {
				if e, ok := reapOne(main); ok {
					return &e, false
				}
			}
			again = true
		case err == nil && info.pid != 0:
			again = true // a stopped tracee: it may die without another SIGCHLD to us
		}
	}
	for {
		if err := waitid(idAll, 0, wExited|wNoWait|wAll, &info); err != nil || info.pid == 0 {
			return nil, again
		}
		pid := int(info.pid)
		if !info.dead() || (s.opts.Foreign != nil && s.opts.Foreign(pid)) || s.traced(pid) {
			return nil, true
		}
		e, ok := reapOne(pid)
		if !ok {
			return nil, true
		}
		if pid == main {
			return &e, false
		}
		s.reaped.Add(1)
	}
}

func (s *Supervisor) traced(pid int) bool { return s.opts.Traced != nil && s.opts.Traced(pid) }

// stopSignal gives the signal that has stopped pid for its parent, or 0. It
// consumes nothing: a tracer's stop is not ours.
func stopSignal(pid int) syscall.Signal {
	var info childInfo
	if waitid(idPID, pid, wStopped|wNoWait, &info) != nil || info.pid == 0 || info.code != cldStopped {
		return 0
	}
	return syscall.Signal(info.status)
}
