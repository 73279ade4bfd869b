package linux

import (
	"encoding/binary"
	"net/netip"
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

// LocalAddr is the address an INET socket is bound to; not valid for others.
// IPv4-mapped addresses are unmapped.
func LocalAddr(fd int) netip.AddrPort {
	var b [maxAddr]byte
	n := uint32(len(b))
	_, _, e := syscall.RawSyscall(syscall.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)))
	if e != 0 {
		return netip.AddrPort{}
	}
	return ParseAddr(b[:min(n, maxAddr)])
}

// ParseAddr reads an INET or INET6 socket address as the kernel writes it.
func ParseAddr(b []byte) netip.AddrPort {
	if len(b) < 8 {
		return netip.AddrPort{}
	}
	port := binary.BigEndian.Uint16(b[2:4])
	switch binary.NativeEndian.Uint16(b) {
	case AFInet:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	case AFInet6:
		if len(b) >= 24 {
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])).Unmap(), port)
		}
	}
	return netip.AddrPort{}
}

// Reset closes a TCP connection so that its peer is reset.
func Reset(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	Close(fd)
}
