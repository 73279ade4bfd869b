package linux

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	wNoThread = 0x20000000
	wAll      = 0x40000000
	cldExited = 1
	cldKilled = 2
	cldDumped = 3
)

// siginfo is the part of siginfo_t that waitid fills in.
type siginfo struct {
	Signo, Errno, Code int32
	_                  int32
	PID                int32
	UID                uint32
	Status             int32
	_                  [100]byte
}

// A Status is what wait4 said about one task.
type Status = syscall.WaitStatus

// WaitTracee waits for the next stop or death of a tracee by its thread id.
// The death of a tracee that is also a child of this process is consumed for
// good, so its status must be handed to whoever reaps; other parents are told
// by the kernel afterwards. ECHILD: there is no such tracee any more.
func WaitTracee(tid int) (pid int, st Status, err error) { return waitTracee(tid, wAll) }

// WaitTracees waits among all tracees of the calling thread, for one that may
// take another thread's id by exec. Children that this very thread has
// forked, or inherited from a thread that ended, die here too: whatever is
// not a tracee must be handed to whoever reaps.
func WaitTracees() (pid int, st Status, err error) { return waitTracee(-1, wAll|wNoThread) }

func waitTracee(who, options int) (pid int, st Status, err error) {
	for {
		pid, err = wait4(who, &st, options)
		if err != syscall.EINTR {
			return pid, st, err
		}
	}
}

func wait4(pid int, st *Status, options int) (int, error) {
	var raw int32
	p, _, e := syscall.Syscall6(syscall.SYS_WAIT4, uintptr(pid), uintptr(unsafe.Pointer(&raw)), uintptr(options), 0, 0, 0)
	*st = Status(raw)
	if e != 0 {
		return -1, e
	}
	return int(p), nil
}

// Reap collects one dead child without ever consuming a ptrace stop: for
// programs without a supervise loop of their own (probes, tests). ok is false
// when there is none now.
func Reap() (pid int, st Status, ok bool) {
	for tries := 0; ; {
		var si siginfo
		_, _, e := syscall.Syscall6(unix.SYS_WAITID, unix.P_ALL, 0, uintptr(unsafe.Pointer(&si)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, 0, 0)
		switch {
		case e == syscall.EINTR:
			continue
		case e != 0 || si.PID == 0:
			return 0, 0, false
		case si.Code != cldExited && si.Code != cldKilled && si.Code != cldDumped:
			// A stop that its tracer is about to collect hides what lies
			// behind it. It is gone in microseconds.
			if tries++; tries > maxReapTries {
				return 0, 0, false
			}
			time.Sleep(50 * time.Microsecond)
			continue
		}
		p, err := wait4(int(si.PID), &st, unix.WNOHANG)
		if err == nil && p == int(si.PID) {
			return p, st, true
		}
	}
}

const maxReapTries = 200
