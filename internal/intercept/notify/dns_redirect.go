package notify

import (
	"net/netip"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// asksNames says whether a socket that goes to peer is one of those that carry
// questions which we answer.
func (s *Supervisor) asksNames(k *sock, peer netip.AddrPort) bool {
	if peer.Port() != portDNS || !s.governsNames() {
		return false
	}
	switch k.kind.protocol() {
	case action.ProtoTCP:
		return k.kind.typ == linux.SockStream
	case action.ProtoUDP:
		return k.kind.typ == linux.SockDgram && s.cfg.Arms.Receives
	}
	return false
}

// endpointItself says that peer is one of our endpoints: nobody may go there
// but by asking the server it stands for; or where we await an answer that
// somebody could forge.
func (s *Supervisor) endpointItself(peer netip.AddrPort) bool {
	if s.cfg.Names != nil && s.cfg.Names.Waits(peer) {
		return true
	}
	if !peer.Addr().IsLoopback() {
		return false
	}
	if s.cfg.Names != nil {
		if _, ok := s.cfg.Names.Server(peer); ok {
			return true
		}
	}
	return s.cfg.Relay.Own(peer)
}

// redirectConnect gives the address to which the duplicate fd of k is to be
// connected instead of addr, which leads to peer.
func (s *Supervisor) redirectConnect(c *Call, k *sock, fd int, peer netip.AddrPort, addr []byte) ([]byte, syscall.Errno) {
	if s.endpointItself(peer) {
		return nil, syscall.ECONNREFUSED
	}
	if !s.asksNames(k, peer) {
		return addr, 0
	}
	v6 := peer.Addr().Is6()
	at, err := s.cfg.Names.Redirect(peer, k.kind.stream(), v6)
	if err != nil {
		s.cfg.Logger.Warn("a name server cannot be asked", "error", err)
		return nil, syscall.ENETUNREACH
	}
	local, e := s.bindFor(k, fd, addr, v6)
	if e != 0 {
		return nil, e
	}
	s.expect(c, k, at, local, v6)
	return inetAddress(k.kind.domain, at), 0
}

// bindFor binds the duplicate fd, unless the program did, to the address of
// our own that it would get on its way to addr, because the program may look;
// and gives the address that the other end will see on loopback.
func (s *Supervisor) bindFor(k *sock, fd int, addr []byte, v6 bool) (netip.AddrPort, syscall.Errno) {
	local, ok := localAddress(fd)
	if ok && local.Port() == 0 {
		mine, e := s.sourceFor(k.kind.domain, addr)
		if e != 0 {
			return local, e
		}
		if mine.IsLinkLocalUnicast() && v6 {
			mine = loopback(v6)
		}
		if e := linux.BindNow(fd, inetAddress(k.kind.domain, netip.AddrPortFrom(mine, 0))); e != 0 {
			return local, e
		}
		local, ok = localAddress(fd)
	}
	if !ok {
		return local, syscall.EINVAL
	}
	if local.Addr().IsUnspecified() {
		local = netip.AddrPortFrom(loopback(v6), local.Port())
	}
	return local, 0
}

// redirectSend is redirectConnect for one datagram with an address.
func (s *Supervisor) redirectSend(c *Call, k *sock, m *outgoing, peer netip.AddrPort) syscall.Errno {
	if s.endpointItself(peer) {
		return syscall.ECONNREFUSED
	}
	if !s.asksNames(k, peer) {
		return 0
	}
	v6 := peer.Addr().Is6()
	at, err := s.cfg.Names.Redirect(peer, false, v6)
	if err != nil {
		s.cfg.Logger.Warn("a name server cannot be asked", "error", err)
		return syscall.ENETUNREACH
	}
	local, ok := localAddress(k.fd)
	if ok && local.Port() == 0 {
		any := netip.IPv4Unspecified()
		if k.kind.domain == linux.AFInet6 {
			any = netip.IPv6Unspecified()
		}
		if e := linux.BindNow(k.fd, inetAddress(k.kind.domain, netip.AddrPortFrom(any, 0))); e != 0 {
			return e
		}
		local, ok = localAddress(k.fd)
	}
	if !ok {
		return syscall.EINVAL
	}
	s.expect(c, k, at, local, v6)
	m.name = inetAddress(k.kind.domain, at)
	m.control = nil // an interface or a source of its own would lead past loopback
	return 0
}

// expect tells the endpoint whose questions come from local.
func (s *Supervisor) expect(c *Call, k *sock, at, local netip.AddrPort, v6 bool) {
	if local.Addr().IsUnspecified() {
		local = netip.AddrPortFrom(loopback(v6), local.Port())
	}
	s.cfg.Names.Register(at, local, c.Process())
	if !k.kind.stream() { // a stream tells of its far end only where it is asked
		s.net.markAsking(k)
	}
}

// sourceFor is the address of our own that the kernel would choose for addr.
func (s *Supervisor) sourceFor(domain int, addr []byte) (netip.Addr, syscall.Errno) {
	fd, e := linux.NewSocket(domain, linux.SockDgram, 0)
	if e != 0 {
		return netip.Addr{}, e
	}
	defer linux.Close(fd)
	if e := linux.ConnectNow(fd, addr); e != 0 {
		return netip.Addr{}, e
	}
	local, ok := localAddress(fd)
	if !ok {
		return netip.Addr{}, syscall.ENETUNREACH
	}
	return local.Addr(), 0
}

// judgeQuestion judges what can be seen of a question that is not redirected:
// a datagram of UDP to port 53, with its address or on a connected socket.
func (s *Supervisor) judgeQuestion(c *Call, k *sock, m *outgoing, peer netip.AddrPort, named bool) (Response, bool) {
	if s.cfg.Arms.Receives || k.kind.typ != linux.SockDgram || k.kind.protocol() != action.ProtoUDP || !s.governsNames() {
		return Response{}, false
	}
	if !named {
		var ok bool
		if peer, ok = peerAddress(k.fd); !ok {
			return Response{}, false
		}
	}
	if peer.Port() != portDNS {
		return Response{}, false
	}
	return answerOf(s.cfg.Names.Inspect(m.data, c.Process(), peer))
}
