package notify

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// maxSockaddr is the size of the kernel's struct sockaddr_storage: longer
// addresses are EINVAL there and here.
const maxSockaddr = 128

// sockKind is what decides how the kernel reads an address given to a socket.
type sockKind struct{ domain, typ, proto int }

// stream says that an address in a send has no effect (unless it opens the
// connection, which MSG_FASTOPEN asks for).
func (k sockKind) stream() bool { return k.typ == linux.SockStream }

// tcp is what Landlock counts as TCP.
func (k sockKind) tcp() bool {
	return k.typ == linux.SockStream && (k.proto == 0 || k.proto == linux.ProtoTCP)
}

func (k sockKind) protocol() action.Protocol {
	switch k.proto {
	case linux.ProtoTCP, linux.ProtoMPTCP:
		return action.ProtoTCP
	case linux.ProtoUDP, linux.ProtoUDPLite:
		return action.ProtoUDP
	case linux.ProtoICMP, linux.ProtoICMPv6:
		return action.ProtoICMP
	case 0:
		switch k.typ {
		case linux.SockStream:
			return action.ProtoTCP
		case linux.SockDgram:
			return action.ProtoUDP
		}
	}
	return action.ProtoOther
}

// destination reads where the address b leads on an INET or INET6 socket. It
// reads generously: what the kernel may take for an address is judged, also
// where this kernel would refuse it. ok is false for what cannot lead
// anywhere: an address that dissolves an association (connect with
// AF_UNSPEC), "no address" (UDP over IPv6 with AF_UNSPEC), another family, or
// too few bytes.
func (k sockKind) destination(b []byte, connecting bool) (peer netip.AddrPort, ok bool) {
	if len(b) < 2 {
		return netip.AddrPort{}, false
	}
	family := int(binary.NativeEndian.Uint16(b))
	if family == linux.AFUnspec {
		// Sends over IPv4 and raw IPv6 sockets take 0 for their own family.
		switch {
		case connecting, k.domain == linux.AFInet6 && k.typ == linux.SockDgram:
			return netip.AddrPort{}, false
		default:
			family = k.domain
		}
	}
	switch family {
	case linux.AFInet:
		if len(b) < 8 {
			return netip.AddrPort{}, false
		}
		return local(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:4])), true
	case linux.AFInet6:
		if len(b) < 24 {
			return netip.AddrPort{}, false
		}
		return local(netip.AddrFrom16([16]byte(b[8:24])).Unmap(), binary.BigEndian.Uint16(b[2:4])), true
	}
	return netip.AddrPort{}, false
}

// local writes the unspecified address as what connecting to it reaches: this
// host.
func local(a netip.Addr, port uint16) netip.AddrPort {
	if a.IsUnspecified() {
		if a.Is4() {
			a = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		} else {
			a = netip.IPv6Loopback()
		}
	}
	return netip.AddrPortFrom(a, port)
}

// family is the sa_family of b, -1 if it has none.
func family(b []byte) int {
	if len(b) < 2 {
		return -1
	}
	return int(binary.NativeEndian.Uint16(b))
}

// unixName gives the name in a struct sockaddr_un: a path, "@name" for an
// abstract one, "" for none.
func unixName(b []byte) string {
	if family(b) != linux.AFUnix || len(b) < 3 {
		return ""
	}
	p := b[2:]
	if p[0] == 0 {
		return "@" + strings.TrimRight(string(p[1:]), "\x00") // many are filled up to the end
	}
	for i, c := range p {
		if c == 0 {
			return string(p[:i])
		}
	}
	return string(p)
}
