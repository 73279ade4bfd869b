package linux

import (
	"syscall"
	"unsafe"
)

// Adjtimex reads (Modes 0) or changes the clock's state.
func Adjtimex(tx *syscall.Timex) (state int, e syscall.Errno) {
	r, _, e := syscall.RawSyscall(syscall.SYS_ADJTIMEX, uintptr(unsafe.Pointer(tx)), 0, 0)
	return int(r), e
}
