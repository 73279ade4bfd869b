package linux

import (
	"encoding/binary"
	"net/netip"
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

// Address writes an address as a socket of the given family takes it; IPv4 on
// an IPv6 socket is mapped. The zone, if any, must be a number.
func Address(domain int, a netip.AddrPort) []byte {
	if domain == AFInet {
		b := make([]byte, 16)
		binary.NativeEndian.PutUint16(b, AFInet)
		binary.BigEndian.PutUint16(b[2:], a.Port())
		v := a.Addr().Unmap().As4()
		copy(b[4:], v[:])
		return b
	}
	b := make([]byte, 28)
	binary.NativeEndian.PutUint16(b, AFInet6)
	binary.BigEndian.PutUint16(b[2:], a.Port())
	v := a.Addr().As16()
	copy(b[8:], v[:])
	return b
}

// ParseAddress reads an INET or INET6 address; mapped IPv4 is unmapped, zones
// are left out.
func ParseAddress(b []byte) (netip.AddrPort, bool) {
	if len(b) < 8 {
		return netip.AddrPort{}, false
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch int(binary.NativeEndian.Uint16(b)) {
	case AFInet:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port), true
	case AFInet6:
		if len(b) < 24 {
			return netip.AddrPort{}, false
		}
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])).Unmap(), port), true
	}
	return netip.AddrPort{}, false
}

// LocalAddress is getsockname(2).
func LocalAddress(fd int) (netip.AddrPort, bool) { return nameOf(syscall.SYS_GETSOCKNAME, fd) }

// PeerAddress is getpeername(2).
func PeerAddress(fd int) (netip.AddrPort, bool) { return nameOf(syscall.SYS_GETPEERNAME, fd) }

func nameOf(call uintptr, fd int) (netip.AddrPort, bool) {
	var b [128]byte
	n := uint32(len(b))
	if _, _, e := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&b)), uintptr(unsafe.Pointer(&n))); e != 0 {
		return netip.AddrPort{}, false
	}
	return ParseAddress(b[:min(int(n), len(b))])
}

// BindNow is bind(2) with the address's bytes as they are.
func BindNow(fd int, addr []byte) syscall.Errno {
	if len(addr) == 0 {
		return syscall.EINVAL
	}
	_, _, e := syscall.RawSyscall(syscall.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&addr[0])), uintptr(len(addr)))
	return e
}
