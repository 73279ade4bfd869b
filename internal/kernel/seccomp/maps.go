package seccomp

import (
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// maps lets calls that make memory executable happen where nobody asks about
// them. Without any of their arms the kernel can tell by the number alone.
//
//	ld arch; native? no: end
//	ld nr;   one of those without an arm: allow
//	with ExecMaps alone: mmap; ld flags; MAP_ANONYMOUS: allow
func maps(nrs map[string]int, arch uint32, a Arms) []linux.SockFilter {
	var free []string
	switch {
	case a.AnonExec:
		return nil
	case a.ExecMaps:
		free = []string{"shmat"}
	default:
		free = []string{"mmap", "mprotect", "pkey_mprotect", "shmat"}
	}
	var out []linux.SockFilter
	for i, name := range free {
		if nr, ok := nrs[name]; ok {
			out = append(out, linux.SockFilter{Code: jmpJEQ, JT: uint8(len(free) - i), K: uint32(nr)})
		} else {
			out = append(out, linux.SockFilter{Code: jmpJA})
		}
	}
	out = append(out, linux.SockFilter{Code: jmpJA, K: 1}, linux.SockFilter{Code: ret, K: retAllow})
	if a.ExecMaps {
		if nr, ok := nrs["mmap"]; ok {
			out = append(out,
				linux.SockFilter{Code: jmpJEQ, JF: 3, K: uint32(nr)},
				linux.SockFilter{Code: ldAbs, K: offArgs + 8*3},
				linux.SockFilter{Code: jmpJSET, JF: 1, K: rules.MapAnonymous},
				linux.SockFilter{Code: ret, K: retAllow})
		}
	}
	head := []linux.SockFilter{{Code: ldAbs, K: offArch}, {Code: jmpJEQ, JF: uint8(len(out) + 1), K: arch}, {Code: ldAbs, K: offNR}}
	return append(head, out...)
}
