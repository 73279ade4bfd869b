package linux

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// AuditArch is this machine's AUDIT_ARCH value in notifications.
const AuditArch = unix.AUDIT_ARCH_X86_64

// Regs are the general registers of a tracee.
type Regs struct{ syscall.PtraceRegs }

// Result is the return value of the system call the tracee stopped after.
func (r *Regs) Result() int64 { return int64(r.Rax) }

// PrepareCall makes the tracee, when resumed, execute again the system call
// instruction it has just passed, as call nr with args a and b.
func (r *Regs) PrepareCall(nr int, a, b uint64) {
	r.Rip -= 2
	r.Rax = uint64(nr)
	r.Orig_rax = ^uint64(0)
	r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8 = a, b, 0, 0, 0
}

// ForgetCall says that the tracee is in no system call, so that the kernel
// restarts none when it is resumed.
func (r *Regs) ForgetCall() { r.Orig_rax = ^uint64(0) }
