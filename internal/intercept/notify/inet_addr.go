package notify

import (
	"encoding/binary"
	"net/netip"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// These stand here and not in package linux because Go initialises net/netip
// late: package stage imports that package, and the helper of a start is to be
// gone before.

// inetAddress writes an address as a socket of the given family takes it; IPv4
// on an IPv6 socket is mapped. The zone, if any, must be a number.
func inetAddress(domain int, a netip.AddrPort) []byte {
	if domain == linux.AFInet {
		b := make([]byte, 16)
		binary.NativeEndian.PutUint16(b, linux.AFInet)
		binary.BigEndian.PutUint16(b[2:], a.Port())
		v := a.Addr().Unmap().As4()
		copy(b[4:], v[:])
		return b
	}
	b := make([]byte, 28)
	binary.NativeEndian.PutUint16(b, linux.AFInet6)
	binary.BigEndian.PutUint16(b[2:], a.Port())
	v := a.Addr().As16()
	copy(b[8:], v[:])
	return b
}

// parseInet reads an INET or INET6 address; mapped IPv4 is unmapped, zones
// are left out.
func parseInet(b []byte) (netip.AddrPort, bool) {
	if len(b) < 8 {
		return netip.AddrPort{}, false
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch int(binary.NativeEndian.Uint16(b)) {
	case linux.AFInet:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port), true
	case linux.AFInet6:
		if len(b) < 24 {
			return netip.AddrPort{}, false
		}
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])).Unmap(), port), true
	}
	return netip.AddrPort{}, false
}

// localAddress is getsockname(2) of an INET socket; not valid for others.
func localAddress(fd int) (netip.AddrPort, bool) { return inetName(fd, false) }

// peerAddress is getpeername(2).
func peerAddress(fd int) (netip.AddrPort, bool) { return inetName(fd, true) }

func inetName(fd int, peer bool) (netip.AddrPort, bool) {
	var b [maxSockaddr]byte
	name, e := linux.NameOf(fd, peer, b[:])
	if e != 0 {
		return netip.AddrPort{}, false
	}
	return parseInet(name)
}
