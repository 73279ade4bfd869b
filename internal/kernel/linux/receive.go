package linux

import (
	"encoding/binary"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Flags of receiving that callers of RecvNow need.
const (
	MsgPeek        = unix.MSG_PEEK
	MsgTrunc       = unix.MSG_TRUNC
	MsgErrQueue    = unix.MSG_ERRQUEUE
	MsgCmsgCloexec = unix.MSG_CMSG_CLOEXEC
)

// RecvNow is recvmsg(2) into one buffer. It makes a raw call: flags must hold
// MsgDontWait. name gets the sender's address.
func RecvNow(fd int, data, control, name []byte, flags int) (n, controlLen, nameLen, msgFlags int, e syscall.Errno) {
	var iov unix.Iovec
	m := message(&iov, name, control, data)
	r, _, e := syscall.RawSyscall(syscall.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), uintptr(flags))
	return int(r), int(m.Controllen), int(m.Namelen), int(m.Flags), e
}

// RecvTimeout reads SO_RCVTIMEO; 0: none.
func RecvTimeout(fd int) time.Duration {
	var b [16]byte
	if n, e := getsockopt(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, b[:]); e != 0 || n < 16 {
		return 0
	}
	sec, usec := int64(binary.NativeEndian.Uint64(b[:])), int64(binary.NativeEndian.Uint64(b[8:]))
	return time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond
}

// NameOf is getsockname(2), or with peer getpeername(2); name is the part of
// b that holds the address.
func NameOf(fd int, peer bool, b []byte) (name []byte, e syscall.Errno) {
	call := uintptr(syscall.SYS_GETSOCKNAME)
	if peer {
		call = syscall.SYS_GETPEERNAME
	}
	n := uint32(len(b))
	if _, _, e := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(&n))); e != 0 {
		return nil, e
	}
	return b[:min(int(n), len(b))], 0
}

// BindNow is bind(2) with the address's bytes as they are.
func BindNow(fd int, addr []byte) syscall.Errno {
	if len(addr) == 0 {
		return syscall.EINVAL
	}
	_, _, e := syscall.RawSyscall(syscall.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&addr[0])), uintptr(len(addr)))
	return e
}
