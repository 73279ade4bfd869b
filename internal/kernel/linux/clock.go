package linux

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Adjtimex reads (Modes 0) or changes the clock's state.
func Adjtimex(tx *syscall.Timex) (state int, e syscall.Errno) {
	r, _, e := syscall.RawSyscall(syscall.SYS_ADJTIMEX, uintptr(unsafe.Pointer(tx)), 0, 0)
	return int(r), e
}

// ThreadTime is the processor time of the calling thread.
func ThreadTime() time.Duration {
	var ts unix.Timespec
	_, _, _ = syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}
