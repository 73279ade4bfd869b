package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// More of ptrace, for calls that a tracee makes for us.
const (
	ptraceGetEventMsg = 0x4201
	ptraceGetSigInfo  = 0x4202

	TraceClone = 1 << 3 // PTRACE_O_TRACECLONE: what a tracee clones is traced from birth
	EventClone = 3      // PTRACE_EVENT_CLONE

	// SyscallStop is the signal of a system call stop under TraceSysGood.
	SyscallStop = syscall.SIGTRAP | 0x80

	// ERestart is what an interrupted call leaves as its result (ERESTARTSYS).
	ERestart = -errRestartSys
)

// EventMessage gives what a ptrace event is about: the new thread's id at
// EventClone.
func EventMessage(tid int) (int, error) {
	var v uint64
	err := ptraceAt(ptraceGetEventMsg, tid, 0, unsafe.Pointer(&v))
	return int(v), err
}

// siTkill is the code of a signal sent by tgkill.
const siTkill = -6

// SignalFrom says whether the signal that a tracee is about to get was sent by
// a thread of process pid with tgkill, or of a pid namespace above its own.
func SignalFrom(tid, pid int) bool {
	var si [128]byte
	if ptraceAt(ptraceGetSigInfo, tid, 0, unsafe.Pointer(&si)) != nil {
		return false
	}
	code := *(*int32)(unsafe.Pointer(&si[8]))
	from := *(*int32)(unsafe.Pointer(&si[16]))
	return code == siTkill && (int(from) == pid || from == 0)
}

// SocketProtocol names the protocol of the socket behind a descriptor link
// below /proc: "UNIX", "TCP", "UDPv6" (Linux 3.7). It needs the right that
// reading the link needs.
func SocketProtocol(link string) (string, error) {
	var b [64]byte
	n, err := unix.Getxattr(link, "system.sockprotoname", b[:])
	if err != nil {
		return "", err
	}
	if n > 0 && b[n-1] == 0 {
		n--
	}
	return string(b[:n]), nil
}

// Restarts says that a call with this result was interrupted by a signal and
// is made again unless the signal's handler says otherwise.
func Restarts(result int64) bool {
	switch result {
	case errRestartSys, errRestartNoIntr, errRestartNoHand, errRestartBlock:
		return true
	}
	return false
}
