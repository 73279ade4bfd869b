// Command mask plays a host that lacks something: it puts a seccomp filter on
// that answers certain calls with an errno, and becomes the rest of its
// arguments.
//
//	mask ERRNO WORD... -- COMMAND...
//
// listener: seccomp with SECCOMP_FILTER_FLAG_NEW_LISTENER; ptrace: ptrace,
// process_vm_* and pidfd_getfd; filter: every seccomp filter; shm: shmget;
// landlock: the landlock calls.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

type ins struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

const (
	ld, jeq, jset, ret = 0x20, 0x15, 0x45, 0x06
	allow, refuse      = 0x7fff0000, 0x00050000
	nrSeccompAMD64     = 317
	nrSeccompARM64     = 277
)

func main() {
	runtime.LockOSThread()
	errno, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fail(err)
	}
	seccomp := uint32(nrSeccompAMD64)
	vm := []uint32{310, 311, 438, syscall.SYS_PTRACE}
	if runtime.GOARCH == "arm64" {
		seccomp, vm = nrSeccompARM64, []uint32{270, 271, 438, syscall.SYS_PTRACE}
	}
	no := uint32(refuse | errno)
	prog := []ins{{code: ld, k: 0}}
	calls := func(nrs ...uint32) {
		for _, nr := range nrs {
			prog = append(prog, ins{jeq, 0, 1, nr}, ins{ret, 0, 0, no})
		}
	}
	i := 2
	for ; i < len(os.Args) && os.Args[i] != "--"; i++ {
		switch os.Args[i] {
		case "listener":
			prog = append(prog, ins{jeq, 0, 4, seccomp}, ins{ld, 0, 0, 24}, ins{jset, 0, 1, 8}, ins{ret, 0, 0, no}, ins{ld, 0, 0, 0})
		case "ptrace":
			calls(vm...)
		case "filter":
			calls(seccomp)
		case "shm":
			calls(syscall.SYS_SHMGET)
		case "landlock":
			calls(444, 445, 446)
		default:
			fail(fmt.Errorf("unknown word %q", os.Args[i]))
		}
	}
	prog = append(prog, ins{ret, 0, 0, allow})
	p := struct {
		n uint16
		_ [6]byte
		f *ins
	}{n: uint16(len(prog)), f: &prog[0]}
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, 38, 1, 0, 0, 0, 0); e != 0 {
		fail(e)
	}
	if _, _, e := syscall.RawSyscall(uintptr(seccomp), 1, 0, uintptr(unsafe.Pointer(&p))); e != 0 {
		fail(e)
	}
	argv := os.Args[i+1:]
	fail(syscall.Exec(argv[0], argv, os.Environ()))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mask:", err)
	os.Exit(99)
}
