package notify

import "golang.org/x/sys/unix"

// Calls that are told apart by number.
const (
	sysSendmsg  = unix.SYS_SENDMSG
	sysSendmmsg = unix.SYS_SENDMMSG
)
