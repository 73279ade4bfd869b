package seccomp

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

const (
	retErrno = 0x00050000

	fSetFL  = 4
	oAppend = 0x400

	rwfNoAppend  = 0x20       // of pwritev2, from Linux 6.9
	iocUnresvsp  = 0x40305829 // FS_IOC_UNRESVSP, and two above it FS_IOC_UNRESVSP64
	iocZeroRange = 0x40305839 // FS_IOC_ZERO_RANGE
)

// files is the per-start block for calls on files:
//
//	ld arch; native? no: end
//	ld nr;   younger calls, and those that nobody knows -> ret ENOSYS
//	armed calls, each: jeq nr, test of an argument -> ret notify
func files(nrs map[string]int, arch uint32, arms Arms) []linux.SockFilter {
	out := []linux.SockFilter{{Code: ldAbs, K: offArch}, {Code: jmpJEQ, JT: 1, K: arch}, {Code: jmpJA}, {Code: ldAbs, K: offNR}}
	for _, nr := range rules.Later {
		out = append(out, linux.SockFilter{Code: jmpJEQ, JF: 1, K: nr}, linux.SockFilter{Code: ret, K: retErrno | uint32(syscall.ENOSYS)})
	}
	out = append(out, linux.SockFilter{Code: jmpJGT, JF: 1, K: rules.Youngest}, linux.SockFilter{Code: ret, K: retErrno | uint32(syscall.ENOSYS)})
	number := func(name string) uint32 {
		if nr, ok := nrs[name]; ok {
			return uint32(nr)
		}
		return ^uint32(0) // no such call here: matches nothing
	}
	notified := func(name string, test ...linux.SockFilter) {
		out = append(out, linux.SockFilter{Code: jmpJEQ, JF: uint8(len(test)) + 1, K: number(name)})
		out = append(append(out, test...), linux.SockFilter{Code: ret, K: retNotify})
	}
	if arms.Reads {
		notified("open")
		notified("openat")
	}
	if arms.Logs {
		const end = 1 // over the ret
		notified("ftruncate")
		// A call whose argument does not match leaves the number behind: the
		// accumulator holds the argument, so it is loaded again.
		notified("fallocate", linux.SockFilter{Code: ldAbs, K: offArgs + 8}, linux.SockFilter{Code: jmpJEQ, JT: end, K: 0})
		out = append(out, linux.SockFilter{Code: ldAbs, K: offNR})
		notified("fcntl",
			linux.SockFilter{Code: ldAbs, K: offArgs + 8}, linux.SockFilter{Code: jmpJEQ, JF: 2 + end, K: fSetFL},
			linux.SockFilter{Code: ldAbs, K: offArgs + 16}, linux.SockFilter{Code: jmpJSET, JT: end, K: oAppend})
		// Ways ahead of a file's end that a descriptor with O_APPEND has left:
		// they do not exist, as on older kernels and other file systems.
		// Asynchronous calls have RWF_NOAPPEND in memory.
		no := func(e syscall.Errno) linux.SockFilter { return linux.SockFilter{Code: ret, K: retErrno | uint32(e)} }
		out = append(out, linux.SockFilter{Code: ldAbs, K: offNR},
			linux.SockFilter{Code: jmpJEQ, JF: 1, K: number("io_setup")}, no(syscall.ENOSYS),
			linux.SockFilter{Code: jmpJEQ, JF: 4, K: number("pwritev2")},
			linux.SockFilter{Code: ldAbs, K: offArgs + 8*5}, linux.SockFilter{Code: jmpJSET, JF: 1, K: rwfNoAppend}, no(syscall.EOPNOTSUPP),
			linux.SockFilter{Code: ldAbs, K: offNR},
			linux.SockFilter{Code: jmpJEQ, JF: 5, K: number("ioctl")}, linux.SockFilter{Code: ldAbs, K: offArgs + 8},
			linux.SockFilter{Code: jmpJEQ, JT: 2, K: iocUnresvsp}, linux.SockFilter{Code: jmpJEQ, JT: 1, K: iocUnresvsp + 2},
			linux.SockFilter{Code: jmpJEQ, JF: 1, K: iocZeroRange}, no(syscall.ENOTTY))
	}
	out[2].K = uint32(len(out) - 3)
	return out
}
