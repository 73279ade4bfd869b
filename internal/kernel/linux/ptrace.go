package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ptrace requests and options that this module uses.
const (
	ptraceSyscall    = 24
	ptraceCont       = 7
	ptraceDetach     = 17
	ptraceGetRegSet  = 0x4204
	ptraceSetRegSet  = 0x4205
	ptraceSeize      = 0x4206
	ptraceInterrupt  = 0x4207
	ptraceListen     = 0x4208
	ptraceGetSigMask = 0x420a
	ptraceSetSigMask = 0x420b

	TraceExec     = 1 << 4  // PTRACE_O_TRACEEXEC
	TraceSysGood  = 1       // PTRACE_O_TRACESYSGOOD
	TraceExitKill = 1 << 20 // PTRACE_O_EXITKILL
	EventExec     = 4       // PTRACE_EVENT_EXEC
	EventStop     = 128     // PTRACE_EVENT_STOP
)

func ptrace(req, pid int, addr, data uintptr) error {
	_, _, e := syscall.RawSyscall6(syscall.SYS_PTRACE, uintptr(req), uintptr(pid), addr, data, 0, 0)
	return errnoErr(e)
}

// ptraceAt is ptrace with the address of something of ours. It stays a pointer
// up to the call: an address that was made a number before does not follow when
// this goroutine's stack grows, and what the kernel writes there lands on
// whoever's stack it is by then.
func ptraceAt(req, pid int, addr uintptr, data unsafe.Pointer) error {
	_, _, e := syscall.RawSyscall6(syscall.SYS_PTRACE, uintptr(req), uintptr(pid), addr, uintptr(data), 0, 0)
	return errnoErr(e)
}

// Seize attaches the calling thread to tid without stopping it.
func Seize(tid int, options int) error { return ptrace(ptraceSeize, tid, 0, uintptr(options)) }

// Interrupt asks a seized task to stop with EventStop.
func Interrupt(tid int) error { return ptrace(ptraceInterrupt, tid, 0, 0) }

// Cont lets a stopped tracee run, delivering sig if it is not 0.
func Cont(tid int, sig int) error { return ptrace(ptraceCont, tid, 0, uintptr(sig)) }

// ContSyscall lets a stopped tracee run to its next system call stop.
func ContSyscall(tid int, sig int) error { return ptrace(ptraceSyscall, tid, 0, uintptr(sig)) }

// Listen leaves a tracee in its group stop.
func Listen(tid int) error { return ptrace(ptraceListen, tid, 0, 0) }

// Detach lets a stopped tracee go, delivering sig if it is not 0.
func Detach(tid int, sig int) error { return ptrace(ptraceDetach, tid, 0, uintptr(sig)) }

// GetSigMask reads the tracee's blocked signals.
func GetSigMask(tid int) (uint64, error) {
	var m uint64
	err := ptraceAt(ptraceGetSigMask, tid, 8, unsafe.Pointer(&m))
	return m, err
}

// SetSigMask sets the tracee's blocked signals.
func SetSigMask(tid int, m uint64) error {
	return ptraceAt(ptraceSetSigMask, tid, 8, unsafe.Pointer(&m))
}

const ntPrstatus = 1

// What an interrupted call leaves as its result until it is made again.
const (
	errRestartSys    = -512
	errRestartNoIntr = -513
	errRestartNoHand = -514
	errRestartBlock  = -516
)

// GetRegs reads the general registers of a stopped tracee. ENOSYS: it runs a
// program of another ABI, whose registers are others.
func GetRegs(tid int, r *Regs) error {
	iov := unix.Iovec{Base: (*byte)(unsafe.Pointer(r))}
	iov.SetLen(int(unsafe.Sizeof(*r)))
	err := ptraceAt(ptraceGetRegSet, tid, ntPrstatus, unsafe.Pointer(&iov))
	if err == nil && uintptr(iov.Len) != unsafe.Sizeof(*r) {
		return syscall.ENOSYS
	}
	return err
}

// SetRegs writes the general registers of a stopped tracee.
func SetRegs(tid int, r *Regs) error {
	iov := unix.Iovec{Base: (*byte)(unsafe.Pointer(r))}
	iov.SetLen(int(unsafe.Sizeof(*r)))
	return ptraceAt(ptraceSetRegSet, tid, ntPrstatus, unsafe.Pointer(&iov))
}
