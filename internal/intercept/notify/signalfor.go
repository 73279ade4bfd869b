package notify

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// Where Landlock does not confine signals and we are not PID 1, a call that
// signals many processes, or one that a descriptor names, could reach us after
// the verdict. Such a call is made here, with the caller's ids.

// killMany is kill(2) with a target of 0 or below.
func (s *Supervisor) killMany(c *Call, target int, sig syscall.Signal) Response {
	group := -target
	if target == 0 {
		st, err := procfs.ReadStat(c.Process().PID)
		if err != nil {
			return fail(syscall.ESRCH)
		}
		group = st.PGID
	}
	if target != -1 {
		if group == syscall.Getpgrp() {
			return s.tamper(c, "kill", fmt.Sprintf("signal %d to our process group", int(sig)))
		}
		return cont() // a group that we are not in, and that nobody can change to ours
	}
	c.Slow()
	var pids []int
	names, err := readProc()
	if err != nil {
		return fail(syscall.EAGAIN)
	}
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err == nil && pid > 1 && pid != c.Process().PID && pid != s.self && !slices.Contains(s.cfg.Protect, pid) {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		return fail(syscall.ESRCH)
	}
	result := syscall.Errno(0)
	if err := s.likeCaller(c, func() {
		// As the kernel has it: any answer but EPERM is the last one's.
		for _, pid := range pids {
			if e, _ := syscall.Kill(pid, sig).(syscall.Errno); e != syscall.EPERM {
				result = e
			}
		}
	}); err != nil {
		return fail(syscall.EPERM)
	}
	return fail(result)
}

func readProc() ([]string, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(procfs.MaxProcesses)
}

// signalFor is pidfd_send_signal to pid, which the caller's descriptor named
// when it was looked at. A siginfo of the caller's own is not passed on.
func (s *Supervisor) signalFor(c *Call, pid int) Response {
	switch {
	case pid < 0:
		return fail(syscall.ESRCH)
	case pid == 0:
		return fail(syscall.EBADF)
	case c.Args[3] != 0:
		return fail(syscall.EINVAL)
	}
	fd, err := linux.PidfdOpen(pid)
	if err != nil {
		return fail(syscall.ESRCH)
	}
	defer linux.Close(fd)
	if s.pidfdTarget(c, int(int32(c.Args[0]))) != pid || s.ours(pid) {
		return fail(syscall.EBADF)
	}
	var result error
	if err := s.likeCaller(c, func() { result = linux.PidfdSignal(fd, syscall.Signal(int32(c.Args[1]))) }); err != nil {
		return fail(syscall.EPERM)
	}
	e, _ := result.(syscall.Errno)
	return fail(e)
}

// likeCaller runs fn in a thread with the caller's user and group.
func (s *Supervisor) likeCaller(c *Call, fn func()) error {
	st, err := procfs.ReadStatus(c.TID())
	if err != nil || !c.Valid() {
		return syscall.ESRCH
	}
	if st.UID.Real == s.power.uid && st.UID.Same() {
		fn()
		return nil
	}
	if !s.power.switches || !st.UID.Same() || !st.GID.Same() {
		return errMixed
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = linux.SetThreadIDs(st.UID.Real, st.GID.Real)
	if err == nil {
		linux.DropEffective(linux.CapKill) // it was kept for looking, not for this
		fn()
	}
	if rerr := linux.RestoreThreadIDs(s.power.uid, s.power.gid); rerr != nil {
		panic(fmt.Sprintf("cannot take back our own ids: %v", rerr))
	}
	return err
}
