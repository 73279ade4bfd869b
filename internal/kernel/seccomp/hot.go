package seccomp

import "github.com/limpet-security/limpet/internal/kernel/linux"

// Levels of setsockopt that no rule names.
const (
	solSocket = 1
	solTCP    = 6
)

// oChanges are the bits of open flags under which an open may change something
// (rules.Files): O_ACCMODE, O_CREAT, O_TRUNC.
const oChanges = 0o3 | 0o100 | 0o1000

// hot allows, ahead of everything, what a busy server calls and no rule wants:
// opens for reading only, and options of sockets and TCP. The kernel remembers
// by number which calls are always allowed; these depend on an argument, so
// each of them runs the filter (140 ns for an openat without this block).
//
//	ld arch; native? no: end
//	ld nr;   open, openat: ld flags; one of oChanges? end : allow
//	setsockopt: ld level; SOL_SOCKET, TCP: allow
func hot(nrs map[string]int, arch uint32, arms Arms) []linux.SockFilter {
	number := func(name string) uint32 {
		if nr, ok := nrs[name]; ok && (!arms.Reads || name == "setsockopt") {
			return uint32(nr)
		}
		return ^uint32(0) // matches nothing
	}
	return []linux.SockFilter{
		{Code: ldAbs, K: offArch},
		{Code: jmpJEQ, JF: 12, K: arch},
		{Code: ldAbs, K: offNR},
		{Code: jmpJEQ, JT: 4, K: number("openat")},
		{Code: jmpJEQ, JT: 1, K: number("open")},
		{Code: jmpJEQ, JT: 4, JF: 8, K: number("setsockopt")},
		{Code: ldAbs, K: offArgs + 8},
		{Code: jmpJA, K: 1},
		{Code: ldAbs, K: offArgs + 16},
		{Code: jmpJSET, JT: 4, JF: 3, K: oChanges},
		{Code: ldAbs, K: offArgs + 8},
		{Code: jmpJEQ, JT: 1, K: solSocket},
		{Code: jmpJEQ, JF: 1, K: solTCP},
		{Code: ret, K: retAllow},
	}
}
