package linux

import (
	"syscall"
	"unsafe"
)

// Options and events of an engine that traces a whole tree (package tracer).
const (
	TraceFork    = 1 << 1 // PTRACE_O_TRACEFORK
	TraceVfork   = 1 << 2 // PTRACE_O_TRACEVFORK
	TraceSeccomp = 1 << 7 // PTRACE_O_TRACESECCOMP

	EventFork    = 1 // PTRACE_EVENT_FORK
	EventVfork   = 2 // PTRACE_EVENT_VFORK
	EventSeccomp = 7 // PTRACE_EVENT_SECCOMP

	ptracePeekData = 2
	ptracePokeData = 5
)

// Peek reads a word of a stopped tracee. Unlike /proc/TID/mem it asks for no
// uid, but for a dumpable process.
func Peek(tid int, addr uint64) (uint64, error) {
	var v uint64
	err := ptraceAt(ptracePeekData, tid, uintptr(addr), unsafe.Pointer(&v))
	return v, err
}

// Poke writes a word of a stopped tracee.
func Poke(tid int, addr, v uint64) error {
	return ptrace(ptracePokeData, tid, uintptr(addr), uintptr(v))
}

// SysV shared memory.
const (
	shmRdonly = 0o10000
	ipcCreat  = 0o1000
	ipcRmid   = 0
	// ShmReadOnly is SHM_RDONLY of shmat.
	ShmReadOnly = shmRdonly
)

// Segment makes a private SysV shared memory segment that everybody may
// attach for reading, maps it here for writing, and marks it to go with its
// last user.
func Segment(size int) (id int, at []byte, err error) {
	v, _, e := syscall.RawSyscall(syscall.SYS_SHMGET, 0, uintptr(size), ipcCreat|0o644)
	if e != 0 {
		return -1, nil, e
	}
	addr, _, e := syscall.RawSyscall(syscall.SYS_SHMAT, v, 0, 0)
	syscall.RawSyscall(syscall.SYS_SHMCTL, v, ipcRmid, 0)
	if e != 0 {
		return -1, nil, e
	}
	// Not Go memory: mapped until detached.
	p := *(*unsafe.Pointer)(unsafe.Pointer(&addr))
	return int(v), unsafe.Slice((*byte)(p), size), nil
}

// ReleaseSegment unmaps what Segment gave.
func ReleaseSegment(at []byte) {
	syscall.RawSyscall(syscall.SYS_SHMDT, uintptr(unsafe.Pointer(&at[0])), 0, 0)
}

// AttachSegment is shmat with an address, for tests of whether it can be had.
func AttachSegment(id int, addr uint64, flags int) (uint64, error) {
	v, _, e := syscall.RawSyscall(syscall.SYS_SHMAT, uintptr(id), uintptr(addr), uintptr(flags))
	return uint64(v), errnoErr(e)
}

// DetachSegment is shmdt.
func DetachSegment(addr uint64) { syscall.RawSyscall(syscall.SYS_SHMDT, uintptr(addr), 0, 0) }

// MakeWritable is mprotect with PROT_READ|PROT_WRITE.
func MakeWritable(addr uint64, n int) error {
	_, _, e := syscall.RawSyscall(syscall.SYS_MPROTECT, uintptr(addr), uintptr(n), syscall.PROT_READ|syscall.PROT_WRITE)
	return errnoErr(e)
}

// PollTracees is WaitTracees without waiting; pid 0: there is nothing now.
func PollTracees() (pid int, st Status, err error) {
	return waitTracee(-1, wAll|wNoThread|syscall.WNOHANG)
}
