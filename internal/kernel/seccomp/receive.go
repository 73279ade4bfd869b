package seccomp

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// armed are the calls that only an arm notifies; they are not in the embedded
// filter, so that a start without it does not pay for them.
var armed = map[string]int{
	"recvfrom":    syscall.SYS_RECVFROM,
	"recvmsg":     syscall.SYS_RECVMSG,
	"getpeername": syscall.SYS_GETPEERNAME,
	"accept":      syscall.SYS_ACCEPT,
	"accept4":     syscall.SYS_ACCEPT4,
}

// receives notifies the calls that tell a program who sent something:
//
//	ld arch; native? no: end
//	ld nr;   recvmsg, getpeername: notify; recvfrom? no: end
//	ld args[4] (where the address goes), both halves; NULL? end : notify
func receives(arch uint32) []linux.SockFilter {
	const from = offArgs + 8*4
	return []linux.SockFilter{
		{Code: ldAbs, K: offArch},
		{Code: jmpJEQ, JF: 9, K: arch},
		{Code: ldAbs, K: offNR},
		{Code: jmpJEQ, JT: 6, K: syscall.SYS_RECVMSG},
		{Code: jmpJEQ, JT: 5, K: syscall.SYS_GETPEERNAME},
		{Code: jmpJEQ, JF: 5, K: syscall.SYS_RECVFROM},
		{Code: ldAbs, K: from},
		{Code: jmpJEQ, JF: 2, K: 0},
		{Code: ldAbs, K: from + 4},
		{Code: jmpJEQ, JT: 1, K: 0},
		{Code: ret, K: retNotify},
	}
}
