package linux

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Notification is struct seccomp_notif: one stopped call.
type Notification struct {
	ID    uint64
	PID   uint32 // thread id, in the reader's pid namespace
	Flags uint32
	NR    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

// Reply is struct seccomp_notif_resp. Error is a negative errno.
type Reply struct {
	ID    uint64
	Val   int64
	Error int32
	Flags uint32
}

// AddFD is struct seccomp_notif_addfd.
type AddFD struct {
	ID         uint64
	Flags      uint32
	SrcFD      uint32
	NewFD      uint32
	NewFDFlags uint32
}

// Flags of the listener's calls.
const (
	ReplyContinue   = 1      // SECCOMP_USER_NOTIF_FLAG_CONTINUE, Linux 5.5
	AddFDSetFD      = 1      // SECCOMP_ADDFD_FLAG_SETFD
	AddFDSend       = 2      // SECCOMP_ADDFD_FLAG_SEND, Linux 5.14
	SyncWakeUp      = 1      // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, Linux 6.6
	FilterListener  = 1 << 3 // SECCOMP_FILTER_FLAG_NEW_LISTENER, Linux 5.0
	FilterKillable  = 1 << 5 // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Linux 5.19
	ioctlRecv       = 0xc0502100
	ioctlSend       = 0xc0182101
	ioctlIDValid    = 0x40082102
	ioctlAddFD      = 0x40182103
	ioctlSetFlags   = 0x40082104
	setModeFilter   = 1
	prSetNoNewPrivs = 38
)

// SockFilter is struct sock_filter, one BPF instruction.
type SockFilter struct {
	Code   uint16
	JT, JF uint8
	K      uint32
}

type sockFprog struct {
	len    uint16
	_      [6]byte
	filter *SockFilter
}

// SetNoNewPrivs sets no_new_privs on the calling thread.
func SetNoNewPrivs() error {
	_, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0)
	return errnoErr(e)
}

// InstallFilter gives the calling thread a filter and returns the listener
// (or 0 when flags lack FilterListener). It makes raw calls only, because
// from its return on the thread's own calls are filtered.
func InstallFilter(prog []SockFilter, flags uintptr) (int, error) {
	if len(prog) == 0 || len(prog) > 4096 {
		return -1, syscall.EINVAL
	}
	p := sockFprog{len: uint16(len(prog)), filter: &prog[0]}
	fd, _, e := syscall.RawSyscall(unix.SYS_SECCOMP, setModeFilter, flags, uintptr(unsafe.Pointer(&p)))
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}

// Recv waits for the next notification. n must be zero. It blocks as an
// ordinary system call of the Go scheduler does, so that the collector is
// never held up. EINTR and ENOENT (the caller died) mean: try again.
func Recv(listener int, n *Notification) syscall.Errno {
	_, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(listener), ioctlRecv, uintptr(unsafe.Pointer(n)))
	return e
}

// Send answers a notification. ENOENT: the caller is gone or was interrupted.
// The listener's lock can be interrupted by a signal to us; an answer that is
// lost there would leave the caller waiting for ever.
func Send(listener int, r *Reply) syscall.Errno {
	for {
		_, _, e := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(listener), ioctlSend, uintptr(unsafe.Pointer(r)))
		if e != syscall.EINTR {
			return e
		}
	}
}

// IDValid says whether the notification's caller still waits. What was read
// through its pid before a true answer was read from that caller.
func IDValid(listener int, id uint64) bool {
	for {
		_, _, e := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(listener), ioctlIDValid, uintptr(unsafe.Pointer(&id)))
		if e != syscall.EINTR {
			return e == 0
		}
	}
}

// InstallFD puts a duplicate of a.SrcFD into the caller's table and returns
// its number there. With AddFDSend it also answers the call with it; the
// calling goroutine must be locked to its thread.
//
// All signals are blocked meanwhile: one that interrupts the ioctl (Go sends
// itself SIGURG all the time) leaves the call answered with 0 and nothing
// installed, as Linux 6.18 still does.
func InstallFD(listener int, a *AddFD) (int, syscall.Errno) {
	old := BlockSignals()
	fd, _, e := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(listener), ioctlAddFD, uintptr(unsafe.Pointer(a)))
	SetSignals(old)
	return int(fd), e
}

// BlockSignals keeps every signal from the calling thread, to which the
// goroutine must be locked, and gives the mask before.
func BlockSignals() (old uint64) {
	const block = 0
	all := ^uint64(0)
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, block, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	return old
}

// SetSignals makes mask the blocked signals of the calling thread.
func SetSignals(mask uint64) {
	const set = 2
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, set, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0)
}

// SetListenerFlags sets SyncWakeUp on a listener.
func SetListenerFlags(listener int, flags uint64) syscall.Errno {
	_, _, e := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(listener), ioctlSetFlags, uintptr(flags))
	return e
}

// Waiting says whether a call waits to be received.
func Waiting(listener int) bool { return poll(listener, 0)&unix.POLLIN != 0 }

// AwaitCall waits until a call can be received, or nobody is left to make one,
// at most so long, without telling Go's scheduler: a signal ends it, too.
func AwaitCall(listener int, most time.Duration) bool { return poll(listener, most) != 0 }

func poll(listener int, most time.Duration) int16 {
	p := unix.PollFd{Fd: int32(listener), Events: unix.POLLIN}
	t := unix.NsecToTimespec(int64(most))
	n, _, e := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&t)), 0, 0, 0)
	if e != 0 || n == 0 {
		return 0
	}
	return p.Revents
}

// HungUp says whether no task uses the filter any more. It waits at most
// timeoutMs milliseconds for news on the listener.
func HungUp(listener int, timeoutMs int) bool {
	p := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
	n, err := unix.Poll(p, timeoutMs)
	return err == nil && n > 0 && p[0].Revents&(unix.POLLHUP|unix.POLLNVAL) != 0 && p[0].Revents&unix.POLLIN == 0
}

func errnoErr(e syscall.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}
