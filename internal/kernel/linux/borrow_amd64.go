package linux

// SyscallInstruction is what makes a system call.
const SyscallInstruction = "\x0f\x05"

// At says that the tracee stands right behind the system call instruction that
// ends at ip, or on it, because the kernel is about to make the call again.
func (r *Regs) At(ip uint64) bool { return r.Rip == ip || r.Rip == ip-2 }

// Inject makes the tracee, when resumed, execute the system call instruction
// that ends at ip, as call nr with args.
func (r *Regs) Inject(ip uint64, nr int, args [6]uint64) {
	r.Rip = ip - 2
	r.Rax = uint64(nr)
	r.Orig_rax = ^uint64(0) // in no call: the kernel restarts none
	r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9 = args[0], args[1], args[2], args[3], args[4], args[5]
}

// Returned makes the tracee, when resumed, go on behind the instruction at ip
// as if its call had returned result. args are the call's own.
func (r *Regs) Returned(ip uint64, _ [6]uint64, result int64) {
	r.Rip = ip
	r.Rax = uint64(result)
	r.Orig_rax = ^uint64(0)
}

// Entered gives the call that a tracee is about to make, at the stop before it.
func (r *Regs) Entered() (nr int, args [6]uint64) {
	return int(int64(r.Orig_rax)), [6]uint64{r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9}
}

// Interrupted makes the tracee, which must be at the end of a call, go on as
// if call nr with args had been interrupted there with result.
func (r *Regs) Interrupted(ip uint64, nr int, _ [6]uint64, result int64) {
	r.Rip = ip
	r.Rax = uint64(result)
	r.Orig_rax = uint64(nr)
}
