package linux

import "syscall"

// NR is the number of the system call the tracee is in.
func (r *Regs) NR() int { return int(int64(r.Orig_rax)) }

// IP is the instruction pointer: behind the system call instruction.
func (r *Regs) IP() uint64 { return r.Rip }

// Args are the arguments of the system call the tracee is in.
func (r *Regs) Args() [6]uint64 { return [6]uint64{r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9} }

// SetArgs changes them.
func (r *Regs) SetArgs(a [6]uint64) {
	r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9 = a[0], a[1], a[2], a[3], a[4], a[5]
}

// SetResult changes the return value at a stop behind a call.
func (r *Regs) SetResult(v int64) { r.Rax = uint64(v) }

// SetNR changes the number of a call that was interrupted.
func (r *Regs) SetNR(nr int) { r.Orig_rax = uint64(nr) }

// Again makes the tracee, at the stop behind a call, make call nr at the same
// place.
func (r *Regs) Again(nr int) {
	r.Rip -= 2
	r.Rax, r.Orig_rax = uint64(nr), ^uint64(0)
}

// SetCall changes the number and arguments of the call that a stopped tracee is
// about to make, and SetRegs's work with it.
func SetCall(tid int, r *Regs, nr int, args [6]uint64) error {
	r.Orig_rax = uint64(nr)
	r.SetArgs(args)
	return SetRegs(tid, r)
}

// SkipCall makes a tracee that is about to make a call return v instead.
func SkipCall(tid int, r *Regs, v int64) error {
	r.Orig_rax = ^uint64(0)
	r.SetResult(v)
	return SetRegs(tid, r)
}

// NotMade is the result that registers show before a call was made.
const NotMade = -int64(syscall.ENOSYS)
