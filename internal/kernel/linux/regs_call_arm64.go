package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// NR is the number of the system call the tracee is in.
func (r *Regs) NR() int { return int(int32(r.Regs[8])) }

// IP is the instruction pointer: behind the system call instruction.
func (r *Regs) IP() uint64 { return r.Pc }

// Args are the arguments of the system call the tracee is in.
func (r *Regs) Args() [6]uint64 { return [6]uint64(r.Regs[:6]) }

// SetArgs changes them.
func (r *Regs) SetArgs(a [6]uint64) { copy(r.Regs[:6], a[:]) }

// SetResult changes the return value at a stop behind a call.
func (r *Regs) SetResult(v int64) { r.Regs[0] = uint64(v) }

// SetNR changes the number of a call that was interrupted.
func (r *Regs) SetNR(nr int) { r.Regs[8] = uint64(nr) }

// Again makes the tracee, at the stop behind a call, make call nr at the same
// place. The first argument must be put back with it: it holds the result.
func (r *Regs) Again(nr int) {
	r.Pc -= 4
	r.Regs[8] = uint64(nr)
}

const ntARMSystemCall = 0x404

func setNumber(tid int, nr int32) error {
	iov := unix.Iovec{Base: (*byte)(unsafe.Pointer(&nr))}
	iov.SetLen(4)
	return ptraceAt(ptraceSetRegSet, tid, ntARMSystemCall, unsafe.Pointer(&iov))
}

// SetCall changes the number and arguments of the call that a stopped tracee is
// about to make, and SetRegs's work with it.
func SetCall(tid int, r *Regs, nr int, args [6]uint64) error {
	r.Regs[8] = uint64(nr)
	r.SetArgs(args)
	if err := SetRegs(tid, r); err != nil {
		return err
	}
	return setNumber(tid, int32(nr))
}

// SkipCall makes a tracee that is about to make a call return v instead.
func SkipCall(tid int, r *Regs, v int64) error {
	r.SetResult(v)
	if err := SetRegs(tid, r); err != nil {
		return err
	}
	return setNumber(tid, -1)
}

// NotMade is the result that registers show before a call was made.
const NotMade = -int64(syscall.ENOSYS)
