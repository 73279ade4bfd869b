package linux

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// AuditArch is this machine's AUDIT_ARCH value in notifications.
const AuditArch = unix.AUDIT_ARCH_AARCH64

// Regs are the general registers of a tracee.
type Regs struct{ syscall.PtraceRegs }

// Untagged is an address without what programs may write into its top byte, as
// memory calls take it: the byte is bit 55 repeated.
func Untagged(addr uint64) uint64 { return uint64(int64(addr<<8) >> 8) }

// Result is the return value of the system call the tracee stopped after.
func (r *Regs) Result() int64 { return int64(r.Regs[0]) }

// SP is the stack pointer.
func (r *Regs) SP() uint64 { return r.Sp }

// PrepareCall makes the tracee, when resumed, execute the system call
// instruction that ends at ip, as call nr with args a and b.
func (r *Regs) PrepareCall(ip uint64, nr int, a, b uint64) {
	r.Pc = ip - 4
	r.Regs[8] = uint64(nr)
	r.Regs[0], r.Regs[1], r.Regs[2], r.Regs[3], r.Regs[4] = a, b, 0, 0, 0
}

// Restart does nothing: at a stop on the way out of an interrupted call arm64
// has already rewound the registers to make it again.
func (r *Regs) Restart() {}
