package seccomp

import (
	"slices"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Static gives a filter that asks nobody, for where nobody can be asked: the
// named calls are EPERM, what aims at the protected pids is EPERM, what
// Program refuses stays refused, and the rest happens. Of unshare and clone
// only namespaces are refused.
func Static(protect []int, deny []string) ([]linux.SockFilter, error) {
	prog, err := Program(Start{Arms: Arms{Forks: true}})
	if err != nil {
		return nil, err
	}
	for i := range prog {
		if prog[i].Code == ret && prog[i].K == retNotify {
			prog[i].K = retAllow
		}
	}
	head := refused(numbers(), auditArch, deny)
	aimed := targets(numbers(), auditArch, protect)
	for i := range aimed {
		if aimed[i].Code == ret && aimed[i].K == retNotify {
			aimed[i].K = retEPERM
		}
	}
	return append(append(head, aimed...), prog...), nil
}

// namespaces are the CLONE_NEW* flags of unshare; clone's low byte is another
// thing, so CLONE_NEWTIME (0x80) cannot be asked for with it.
const namespaces = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

func refused(nrs map[string]int, arch uint32, deny []string) []linux.SockFilter {
	var out []linux.SockFilter
	for _, n := range deny {
		nr, ok := nrs[n]
		if !ok {
			continue
		}
		mask := uint32(0)
		switch n {
		case "clone":
			mask = namespaces
		case "unshare":
			mask = namespaces | 0x80
		}
		if mask == 0 {
			out = append(out, linux.SockFilter{Code: jmpJEQ, JF: 1, K: uint32(nr)}, linux.SockFilter{Code: ret, K: retEPERM})
			continue
		}
		out = append(out,
			linux.SockFilter{Code: jmpJEQ, JF: 4, K: uint32(nr)},
			linux.SockFilter{Code: ldAbs, K: offArgs},
			linux.SockFilter{Code: jmpJSET, JF: 1, K: mask},
			linux.SockFilter{Code: ret, K: retEPERM},
			linux.SockFilter{Code: ldAbs, K: offNR},
		)
	}
	return slices.Concat([]linux.SockFilter{
		{Code: ldAbs, K: offArch},
		{Code: jmpJEQ, JT: 1, K: arch},
		{Code: jmpJA, K: uint32(len(out) + 1)},
		{Code: ldAbs, K: offNR},
	}, out)
}
