package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// More of ptrace, for a tree of tasks that stay traced for a while.
const (
	ptraceSetOptions = 0x4200

	TraceExit = 1 << 6 // PTRACE_O_TRACEEXIT: a tracee stops on its way out
	EventExit = 6      // PTRACE_EVENT_EXIT
)

// SetTraceOptions changes the options of a stopped tracee.
func SetTraceOptions(tid, options int) error {
	return ptrace(ptraceSetOptions, tid, 0, uintptr(options))
}

// Childless says that the calling thread has neither children nor tracees. The
// stops of a child that another thread of this process traces are shown to its
// parent thread, too: WaitTracees would take them away.
func Childless() bool {
	var si siginfo
	_, _, e := syscall.Syscall6(unix.SYS_WAITID, unix.P_ALL, 0, uintptr(unsafe.Pointer(&si)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|wAll|wNoThread, 0, 0)
	return e == syscall.ECHILD
}
