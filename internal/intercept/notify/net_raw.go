package notify

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Who has CAP_NET_RAW writes the transport header of a raw socket by himself,
// and with IP_HDRINCL the IP header before it. The port of the address means
// nothing then: it is read from what is sent. Where it cannot be (a later
// fragment, a connected socket, whose writes nobody sees) it is 0, which rules
// with ports take for one that is denied and not allowed.

// Protocols whose header begins with two ports, and headers of IPv6 before it.
const (
	protoDCCP = 33
	extHop    = 0
	extRoute  = 43
	extFrag   = 44
	extDest   = 60
)

// flow is what a connection or datagram to peer is.
func (k sockKind) flow(peer netip.AddrPort) action.Connect {
	a := action.Connect{Protocol: k.protocol(), Peer: peer, Datagram: !k.stream()}
	if k.typ == linux.SockRaw {
		a.Peer, a.Raw = netip.AddrPortFrom(peer.Addr(), 0), hasPorts(k.proto)
	}
	return a
}

// judgeRaw judges one message of a raw socket: where its header leads, and where
// its name does, which chooses the way that the packet takes.
func (s *Supervisor) judgeRaw(c *Call, k *sock, m *outgoing, peer netip.AddrPort, named bool) (Response, bool) {
	kind, to, data, ok := k.kind, peer.Addr(), m.data, true
	switch {
	case linux.HeaderIncluded(k.fd):
		kind.proto, to, data, ok = readHeader(kind.domain, data)
	case !named:
		return Response{}, false // judged when it was connected
	case kind.domain == linux.AFInet6:
		kind.proto, data, ok = skipExtensions(kind.proto, data)
	}
	if !ok {
		return fail(syscall.EPERM), true
	}
	a := kind.flow(netip.AddrPort{})
	if a.Peer = local(to, portOf(kind.proto, data)); s.endpointItself(a.Peer) {
		return fail(syscall.ECONNREFUSED), true
	}
	r, denied := s.judgeConnect(c, &a)
	if !denied && named && peer.Addr() != a.Peer.Addr() {
		a.Peer, a.Names = netip.AddrPortFrom(peer.Addr(), a.Peer.Port()), nil
		r, denied = s.judgeConnect(c, &a)
	}
	return r, denied
}

// readHeader reads protocol, destination and payload from an IP header; payload
// nil: a fragment that is not the first. ok false: it is none, or routes the
// packet elsewhere.
func readHeader(domain int, b []byte) (proto int, to netip.Addr, payload []byte, ok bool) {
	if domain == linux.AFInet6 {
		if len(b) < 40 {
			return 0, to, nil, false
		}
		proto, payload, ok = skipExtensions(int(b[6]), b[40:])
		return proto, netip.AddrFrom16([16]byte(b[24:40])).Unmap(), payload, ok
	}
	if len(b) < 20 {
		return 0, to, nil, false
	}
	n := int(b[0]&15) * 4
	if n < 20 || n > len(b) || routed(b[20:n]) {
		return 0, to, nil, false
	}
	if binary.BigEndian.Uint16(b[6:])&0x1fff == 0 {
		payload = b[n:]
	}
	return int(b[9]), netip.AddrFrom4([4]byte(b[16:20])), payload, true
}

// routed says that options of IPv4 are a source route, or cannot be read.
func routed(b []byte) bool {
	const end, pad, loose, strict = 0, 1, 131, 137
	for len(b) > 0 && b[0] != end {
		switch {
		case b[0] == pad:
			b = b[1:]
		case b[0] == loose, b[0] == strict, len(b) < 2, b[1] < 2, int(b[1]) > len(b):
			return true
		default:
			b = b[b[1]:]
		}
	}
	return false
}

// skipExtensions finds what stands behind the extension headers of IPv6.
func skipExtensions(next int, b []byte) (proto int, payload []byte, ok bool) {
	for {
		size := 8
		switch next {
		case extHop, extDest:
			if len(b) > 1 {
				size = (int(b[1]) + 1) * 8
			}
		case extFrag:
			if len(b) >= 8 && binary.BigEndian.Uint16(b[2:])&^7 != 0 {
				return int(b[0]), nil, true
			}
		case extRoute:
			return 0, nil, false
		default:
			return next, b, true
		}
		if len(b) < size {
			return 0, nil, false
		}
		next, b = int(b[0]), b[size:]
	}
}

// portOf reads the port that a segment is for; 0: none is to be seen.
func portOf(proto int, segment []byte) uint16 {
	if !hasPorts(proto) || len(segment) < 4 {
		return 0
	}
	return binary.BigEndian.Uint16(segment[2:])
}

func hasPorts(proto int) bool {
	switch proto {
	case linux.ProtoTCP, linux.ProtoUDP, linux.ProtoUDPLite, linux.ProtoSCTP, protoDCCP:
		return true
	}
	return false
}
