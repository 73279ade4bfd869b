package linux

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// AuditArch is this machine's AUDIT_ARCH value in notifications.
const AuditArch = unix.AUDIT_ARCH_X86_64

// Regs are the general registers of a tracee.
type Regs struct{ syscall.PtraceRegs }

// Untagged is an address without what programs may write into bits 57 to 62,
// where the processor and the kernel mask them (LAM): as memory calls take it.
func Untagged(addr uint64) uint64 { return addr &^ (0x3f << 57) }

// Result is the return value of the system call the tracee stopped after.
func (r *Regs) Result() int64 { return int64(r.Rax) }

// SP is the stack pointer.
func (r *Regs) SP() uint64 { return r.Rsp }

// PrepareCall makes the tracee, when resumed, execute the system call
// instruction that ends at ip, as call nr with args a and b.
func (r *Regs) PrepareCall(ip uint64, nr int, a, b uint64) {
	r.Rip = ip - 2
	r.Rax = uint64(nr)
	r.Orig_rax = ^uint64(0) // in no call: the kernel restarts none
	r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8 = a, b, 0, 0, 0
}

// Restart makes registers that were read inside an interrupted call into such
// that make the call again, as the kernel would do when nothing handles a
// signal. It changes nothing when there was no interrupted call.
func (r *Regs) Restart() {
	if nr := int64(r.Orig_rax); nr >= 0 {
		switch int64(r.Rax) {
		case errRestartSys, errRestartNoIntr, errRestartNoHand:
			r.Rax = r.Orig_rax
			r.Rip -= 2
		case errRestartBlock:
			r.Rax = syscall.SYS_RESTART_SYSCALL
			r.Rip -= 2
		}
	}
	r.Orig_rax = ^uint64(0)
}
