package seccomp

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// accepts notifies the calls that take a connection from a queue.
//
//	ld arch; native? no: end
//	ld nr;   accept, accept4: notify
func accepts(arch uint32) []linux.SockFilter {
	return []linux.SockFilter{
		{Code: ldAbs, K: offArch},
		{Code: jmpJEQ, JF: 4, K: arch},
		{Code: ldAbs, K: offNR},
		{Code: jmpJEQ, JT: 1, K: syscall.SYS_ACCEPT4},
		{Code: jmpJEQ, JF: 1, K: syscall.SYS_ACCEPT},
		{Code: ret, K: retNotify},
	}
}
