package linux

// SyscallInstruction is what makes a system call.
const SyscallInstruction = "\x01\x00\x00\xd4"

// At says that the tracee stands right behind the system call instruction that
// ends at ip, or on it, because the kernel is about to make the call again.
func (r *Regs) At(ip uint64) bool { return r.Pc == ip || r.Pc == ip-4 }

// Inject makes the tracee, when resumed, execute the system call instruction
// that ends at ip, as call nr with args.
func (r *Regs) Inject(ip uint64, nr int, args [6]uint64) {
	r.Pc = ip - 4
	r.Regs[8] = uint64(nr)
	copy(r.Regs[:6], args[:])
}

// Returned makes the tracee, when resumed, go on behind the instruction at ip
// as if its call had returned result. args are the call's own: the first was
// in the register of the result.
func (r *Regs) Returned(ip uint64, args [6]uint64, result int64) {
	r.Pc = ip
	copy(r.Regs[1:6], args[1:])
	r.Regs[0] = uint64(result)
}

// Entered gives the call that a tracee is about to make, at the stop before it.
func (r *Regs) Entered() (nr int, args [6]uint64) {
	copy(args[:], r.Regs[:6])
	return int(int64(r.Regs[8])), args
}

// Interrupted makes the tracee, which must be at the end of a call with the
// same first argument, go on as if call nr with args had been interrupted
// there with result.
func (r *Regs) Interrupted(ip uint64, nr int, args [6]uint64, result int64) {
	r.Pc = ip
	copy(r.Regs[1:6], args[1:])
	r.Regs[0], r.Regs[8] = uint64(result), uint64(nr)
}
