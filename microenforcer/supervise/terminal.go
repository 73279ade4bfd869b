package supervise

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// terminal is the controlling terminal of this session, if there is one.
type terminal struct {
	fd    int
	close func()
	home  int // the group that was in the foreground when we started
}

// openTerminal finds the controlling terminal: /dev/tty, or a standard
// descriptor where the image has no /dev/tty. nil: there is none.
func openTerminal() *terminal {
	if f, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0); err == nil {
		fd := int(f.Fd())
		if pgrp, err := foreground(fd); err == nil {
			return &terminal{fd: fd, home: pgrp, close: func() { f.Close() }}
		}
		f.Close()
	}
	for fd := range 3 {
		if pgrp, err := foreground(fd); err == nil {
			return &terminal{fd: fd, home: pgrp, close: func() {}}
		}
	}
	return nil
}

// foreground is tcgetpgrp(3): it fails when fd is not our controlling terminal.
func foreground(fd int) (int, error) {
	var pgrp int32
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TIOCGPGRP, uintptr(unsafe.Pointer(&pgrp))); e != 0 {
		return 0, e
	}
	return int(pgrp), nil
}

// give puts a process group into the foreground: tcsetpgrp(3). A background
// process is sent SIGTTOU for that, again and again, unless the thread blocks it.
func (t *terminal) give(pgrp int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	block, old := uint64(1)<<(uint(syscall.SIGTTOU)-1), uint64(0)
	const sigBlock, sigSetMask = 0, 2
	if _, _, e := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigBlock, uintptr(unsafe.Pointer(&block)), uintptr(unsafe.Pointer(&old)), 8, 0, 0); e != 0 {
		return e
	}
	p := int32(pgrp)
	_, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(t.fd), syscall.TIOCSPGRP, uintptr(unsafe.Pointer(&p)))
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigSetMask, uintptr(unsafe.Pointer(&old)), 0, 8, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// owned says that our own group, or the child's, has the terminal now.
func (t *terminal) owned(child int) bool {
	pgrp, err := foreground(t.fd)
	return err == nil && (pgrp == syscall.Getpgrp() || pgrp == child)
}

// jobStop says that sig is one with which a terminal stops its job.
func jobStop(sig syscall.Signal) bool {
	return sig == syscall.SIGTSTP || sig == syscall.SIGTTIN || sig == syscall.SIGTTOU
}

// stopped deals with a main child that a signal has stopped.
//
// As PID 1 nobody could ever continue it, and without us it would not have
// stopped (the kernel ignores these signals for an init without a handler):
// it is continued at once. Otherwise a shell is waiting to be told: the
// terminal goes back to where it was, and we stop ourselves until that shell
// continues us.
func (s *Supervisor) stopped(child int, sig syscall.Signal) {
	if s.init {
		if jobStop(sig) {
			if s.tty != nil && sig != syscall.SIGTSTP {
				s.tty.give(child)
			}
			syscall.Kill(-child, syscall.SIGCONT)
		}
		return
	}
	if s.tty == nil || s.suspended {
		return
	}
	had := s.tty.owned(child)
	if jobStop(sig) && sig != syscall.SIGTSTP && had {
		// It touched the terminal before it was given to it.
		if err := s.tty.give(child); err == nil {
			syscall.Kill(-child, syscall.SIGCONT)
			return
		}
	}
	if had {
		s.tty.give(s.tty.home)
	}
	s.suspended = true
	// SIGSTOP: our own SIGTSTP has a handler.
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGSTOP); err != nil && !errors.Is(err, syscall.ESRCH) {
		s.opts.Logger.Warn("cannot stop with the job", "error", err)
	}
}

// continued follows a SIGCONT to ourselves after stopped.
func (s *Supervisor) continued(child int) {
	s.suspended = false
	if s.tty != nil && s.tty.owned(child) {
		s.tty.give(child)
	}
	syscall.Kill(-child, syscall.SIGCONT)
}
