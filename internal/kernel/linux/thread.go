package linux

import (
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Gettid is the calling thread's id.
func Gettid() int { return unix.Gettid() }

// SetThreadIDs makes uid and gid the real and effective ids of the calling
// thread only, keeping the saved ones, so that RestoreThreadIDs can go back.
// The permitted capabilities stay while the saved uid is 0 and are made
// effective, so that a task which kept capabilities can be looked into.
func SetThreadIDs(uid, gid uint32) error {
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESGID, uintptr(gid), uintptr(gid), ^uintptr(0)); e != 0 {
		return e
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), ^uintptr(0)); e != 0 {
		return e
	}
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if unix.Capget(&h, &d[0]) == nil {
		d[0].Effective, d[1].Effective = d[0].Permitted, d[1].Permitted
		_ = unix.Capset(&h, &d[0])
	}
	return nil
}

// RestoreThreadIDs undoes SetThreadIDs.
func RestoreThreadIDs(uid, gid uint32) error {
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), ^uintptr(0)); e != 0 {
		return e
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESGID, uintptr(gid), uintptr(gid), ^uintptr(0)); e != 0 {
		return e
	}
	return nil
}

// Capability numbers.
const (
	CapKill      = 5
	CapSetGID    = 6
	CapSetUID    = 7
	CapNetBind   = 10
	CapSysPtrace = 19
	CapSysAdmin  = 21
)

// HasCapability says whether the calling thread has cap in its effective set.
func HasCapability(cap int) bool {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if err := unix.Capget(&h, &d[0]); err != nil {
		return false
	}
	return d[cap/32].Effective&(1<<(cap%32)) != 0
}

// DropBounding removes cap from the calling thread's bounding set.
func DropBounding(cap int) error {
	return unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(cap), 0, 0, 0)
}

// DropCapability removes cap from the calling thread's effective,
// permitted, inheritable and ambient sets.
func DropCapability(cap int) error {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if err := unix.Capget(&h, &d[0]); err != nil {
		return err
	}
	bit := uint32(1) << (cap % 32)
	d[cap/32].Effective &^= bit
	d[cap/32].Permitted &^= bit
	d[cap/32].Inheritable &^= bit
	return unix.Capset(&h, &d[0])
}

// SetDumpable sets or clears the process's dumpable flag: cleared, nobody
// without CAP_SYS_PTRACE may trace it or open its /proc/PID/mem.
func SetDumpable(on bool) error {
	v := uintptr(0)
	if on {
		v = 1
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, v, 0, 0, 0)
}

// futex operations.
const (
	futexWaitPrivate = 0 | 128
	futexWakePrivate = 1 | 128
)

// FutexWait sleeps while *addr == val. It may wake without reason.
func FutexWait(addr *uint32, val uint32) {
	syscall.Syscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), futexWaitPrivate, uintptr(val), 0, 0, 0)
}

// FutexWake wakes up to n sleepers on addr.
func FutexWake(addr *uint32, n int) {
	syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), futexWakePrivate, uintptr(n), 0, 0, 0)
}

// Nap sleeps on its thread without telling Go's scheduler, until d has passed
// or a signal comes. It is for short sleeps that come again and again.
func Nap(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}

// Yield lets others that are ready run first.
func Yield() { syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }

// Tgkill sends sig to one thread.
func Tgkill(pid, tid int, sig syscall.Signal) error {
	_, _, e := syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(pid), uintptr(tid), uintptr(sig))
	return errnoErr(e)
}

// PlainIDs says that our real, effective and saved ids are the same.
func PlainIDs() bool {
	r, e, s := unix.Getresuid()
	gr, ge, gs := unix.Getresgid()
	return r == e && e == s && gr == ge && ge == gs
}

// LeadsThreads says that a task's id is that of its process.
func LeadsThreads(tid int) bool { return Tgkill(tid, tid, 0) != syscall.ESRCH }

// PidfdOpen opens a process; EINVAL or ENOENT for a thread that is not a leader.
func PidfdOpen(pid int) (int, error) { return unix.PidfdOpen(pid, 0) }

// PidfdAlive says whether a pidfd's process has not been reaped.
func PidfdAlive(fd int) bool {
	_, _, e := syscall.RawSyscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(fd), 0, 0, 0, 0, 0)
	return e == 0 || e == syscall.EPERM
}

// PidfdSignal sends a signal to the process that a pidfd names.
func PidfdSignal(fd int, sig syscall.Signal) error {
	_, _, e := syscall.RawSyscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(fd), uintptr(sig), 0, 0, 0, 0)
	return errnoErr(e)
}

// BootTicks is the time since boot in the unit of field 22 of /proc/PID/stat.
// Go has no clock that counts through a suspension, so what one adds is asked
// for once a second.
func BootTicks() uint64 {
	const perSecond = 100 // USER_HZ, on every architecture that we run on
	since := int64(time.Since(clockStart))
	if ahead, asked := bootAhead.Load(), bootAsked.Load(); asked != 0 && since-asked < int64(time.Second) {
		return uint64(since+ahead) / (1e9 / perSecond)
	}
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	bootAhead.Store(t.Nano() - since)
	bootAsked.Store(since)
	return uint64(t.Nano()) / (1e9 / perSecond)
}

var (
	clockStart           = time.Now()
	bootAhead, bootAsked atomic.Int64 // nanoseconds: boot's clock before Go's; when it was asked
)

// DropEffective makes a capability ineffective in the calling thread, until
// its ids change again.
func DropEffective(cap int) {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if unix.Capget(&h, &d[0]) == nil {
		d[cap/32].Effective &^= 1 << (cap % 32)
		_ = unix.Capset(&h, &d[0])
	}
}
