package notify

import (
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// dnsFamily shows a program the name server that it asked as the sender of
// what package resolve answered. musl, c-ares and others discard an answer
// from another address.
//
// # How a question gets to package resolve
//
// A connect, or a send with an address, to port 53 is judged like every other,
// and then carried out on our duplicate with another address: the endpoint on
// loopback that stands for that server (dns_redirect.go). Whatever is written
// to the socket later, by whatever call, arrives there. Each datagram that
// carries its address is redirected by itself, so that one socket may ask
// several servers.
//
// The calls of this family are notified only if the policy of the start looks
// at names (seccomp.Arms.Receives); without, a question over UDP stays on its
// way to the server that was asked, and what can be seen of it is judged: the
// datagrams that are sent with an address, or by sendmsg and sendmmsg. The
// questions that are written to a connected socket are not seen then.
//
// Nothing here decides: a program that reads with other calls than these sees
// our address and nothing else.
func dnsFamily() []entry {
	return []entry{
		{"recvfrom", handleRecvfrom},
		{"recvmsg", handleRecvmsg},
		{"getpeername", handleGetpeername},
	}
}

// dnsState is what this family counts.
type dnsState struct {
	asking  atomic.Int64 // sockets that are pointed at an endpoint
	waiting atomic.Int64 // connects that wait for a name
}

const (
	portDNS        = 53
	maxNameWaiting = 256
)

// governsNames says whether names are looked at now.
func (s *Supervisor) governsNames() bool { return s.cfg.Names != nil && s.cfg.Names.Active() }

// nameConnect adds what is known about names to a connection that is about to
// be judged.
func (s *Supervisor) nameConnect(a *action.Connect) {
	if !s.governsNames() || a.Protocol == action.ProtoUnix {
		return
	}
	a.Names = s.cfg.Names.Names(a.Peer.Addr())
	a.Resolver = !a.Raw && a.Peer.Port() == portDNS && (a.Protocol == action.ProtoUDP || a.Protocol == action.ProtoTCP) && s.cfg.Names.Own(a.Peer)
}

// connectNamed is connectOwned once the names that may decide are known. It
// takes over the hold on k.
func (s *Supervisor) connectNamed(c *Call, k *sock, addr []byte) Response {
	if !s.governsNames() {
		return s.connectOwned(c, k, addr)
	}
	peer, ok := k.kind.destination(addr, true)
	if !ok || s.net.dns.waiting.Load() >= maxNameWaiting {
		return s.connectOwned(c, k, addr)
	}
	a := k.kind.flow(peer)
	a.Proc = c.Process()
	s.nameConnect(&a)
	ready := s.cfg.Names.Prepare(&a)
	if ready == nil {
		return s.connectOwned(c, k, addr)
	}
	c.Slow()
	c.w = nil
	s.net.dns.waiting.Add(1)
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		defer s.net.dns.waiting.Add(-1)
		defer s.refuseOnPanic(c)
		<-ready
		if !c.Valid() {
			s.net.put(k)
			c.mem.close()
			return
		}
		if r := s.connectOwned(c, k, addr); !r.postpone {
			c.Answer(r)
		}
	}()
	return later()
}

// markAsking notes that a socket is pointed at an endpoint.
func (n *netState) markAsking(k *sock) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !k.asks && !k.gone {
		k.asks = true
		n.dns.asking.Add(1)
	}
}

// asking holds and gives the socket behind a descriptor of the caller if it is
// pointed at an endpoint, with our duplicate.
func (s *Supervisor) asking(c *Call) (k *sock, fd int) {
	if s.net.dns.asking.Load() == 0 || s.cfg.Names == nil {
		return nil, -1
	}
	inode, e := c.socketInode(int32(c.Args[0]))
	if e != 0 {
		return nil, -1
	}
	if k = s.net.hold(inode); k == nil {
		return nil, -1
	}
	s.net.mu.Lock()
	asks := k.asks
	s.net.mu.Unlock()
	if fd, _ = s.net.state(k); !asks || fd < 0 {
		s.net.put(k)
		return nil, -1
	}
	return k, fd
}

// shown is the address that a program is to see instead of one of ours.
func (s *Supervisor) shown(domain int, name []byte) []byte {
	from, ok := parseInet(name)
	if !ok || !from.Addr().IsLoopback() {
		return name
	}
	server, ok := s.cfg.Names.Server(from)
	if !ok {
		return name
	}
	return inetAddress(domain, server)
}

// killNamed ends a process because of what it asked or said. It is no caller that
// waits: its start time tells whether its id is still its own.
func (s *Supervisor) killNamed(p *action.Process) {
	fd, err := linux.PidfdOpen(p.PID)
	if err != nil || p.PID <= 1 {
		return
	}
	defer linux.Close(fd)
	if st, err := procfs.ReadStat(p.PID); err != nil || st.StartTime != p.StartTime {
		return
	}
	if linux.PidfdAlive(fd) {
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
	}
}

// loopback is where the endpoints are.
func loopback(v6 bool) netip.Addr {
	if v6 {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}
