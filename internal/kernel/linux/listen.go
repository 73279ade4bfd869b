package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ListenNow is listen(2).
func ListenNow(fd, backlog int) syscall.Errno {
	_, _, e := syscall.RawSyscall(syscall.SYS_LISTEN, uintptr(fd), uintptr(backlog), 0)
	return e
}

// maxAddr holds any INET address (struct sockaddr_in6).
const maxAddr = 28

// AcceptNow is accept4(2); peer are the bytes of the peer's address. It makes
// a raw call: the socket must be in non-blocking mode.
func AcceptNow(fd, flags int) (conn int, peer []byte, e syscall.Errno) {
	var b [maxAddr]byte
	n := uint32(len(b))
	c, _, e := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)), uintptr(flags), 0, 0)
	if e != 0 {
		return -1, nil, e
	}
	return int(c), append([]byte(nil), b[:min(n, maxAddr)]...), 0
}

// Reset closes a TCP connection so that its peer is reset.
func Reset(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	Close(fd)
}
