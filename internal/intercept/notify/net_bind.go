package notify

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// peerJudge is the Judge's word about what others can reach; nil: it has none.
func (s *Supervisor) peerJudge() intercept.NetworkJudge {
	j, _ := s.cfg.Judge.(intercept.NetworkJudge)
	return j
}

// handleBind binds our duplicate to the copied address where somebody judges
// that; else it leaves binding to the kernel. Either way it frees a port that
// only our duplicate of a closed socket keeps busy.
func handleBind(s *Supervisor, c *Call) Response {
	j := s.peerJudge()
	judged := j != nil && j.JudgesBinds()
	var inode uint64
	if judged {
		var e syscall.Errno
		if inode, e = c.socketInode(int32(c.Args[0])); e != 0 {
			return fail(e)
		}
	}
	addr, e := c.readAddr(c.Args[1], int32(c.Args[2]))
	switch {
	case e != 0 && judged:
		return fail(e)
	case e != 0:
		return cont()
	case !c.Valid():
		return fail(syscall.EINTR)
	}
	if f := family(addr); len(addr) >= 4 && (f == linux.AFInet || f == linux.AFInet6) {
		s.freePort(c, binary.BigEndian.Uint16(addr[2:4]))
	}
	var k *sock
	if judged {
		k = s.net.hold(inode)
	}
	if k == nil && family(addr) == linux.AFUnix {
		if r, denied := s.mayName(c, unixName(addr)); denied {
			return r
		}
		s.net.bound.note(s, c, unixName(addr))
	}
	if !judged {
		return cont()
	}
	if k == nil {
		if s.net.isGhost(inode) {
			return fail(syscall.EACCES)
		}
		return s.passOn(c, binding)
	}
	defer s.net.put(k)
	fd, _ := s.net.state(k)
	if fd < 0 {
		return fail(k.kind.unboundTo(addr, syscall.EINVAL)) // connected
	}
	if local, ok := k.kind.source(addr); ok {
		if r, denied := answerOf(j.Bind(&action.Bind{Proc: c.Process(), Protocol: k.kind.protocol(), Local: local})); denied {
			return r
		}
		// Our right to low ports is not the caller's.
		if p := local.Port(); p != 0 && int(p) < firstFreePort() && k.kind.typ != linux.SockRaw && !s.callerHas(c, linux.CapNetBind) {
			return fail(k.kind.unboundTo(addr, syscall.EACCES))
		}
	}
	if e := linux.BindNow(fd, addr); e != 0 {
		return fail(e)
	}
	return value(0)
}

// source reads which local address b names on an INET or INET6 socket; ok is
// false for what the kernel refuses.
func (k sockKind) source(b []byte) (local netip.AddrPort, ok bool) {
	switch f := family(b); {
	case len(b) >= 8 && (f == linux.AFInet || f == linux.AFUnspec && k.domain == linux.AFInet):
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:4])), true
	case len(b) >= 24 && f == linux.AFInet6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])).Unmap(), binary.BigEndian.Uint16(b[2:4])), true
	}
	return netip.AddrPort{}, false
}

// unboundTo says why a socket cannot be bound to b, if not for the reason given:
// the kernel looks at the address before it looks at right and state.
func (k sockKind) unboundTo(b []byte, reason syscall.Errno) syscall.Errno {
	if fd, e := linux.NewSocket(k.domain, k.typ, k.proto); e == 0 {
		defer linux.Close(fd)
		if len(b) >= 4 {
			b = append(append(b[:2:2], 0, 0), b[4:]...) // any port
		}
		if e := linux.BindNow(fd, b); e != 0 {
			return e
		}
	}
	return reason
}

// ours says that an address is one of this machine.
func (k sockKind) ours(b []byte) bool {
	fd, e := linux.NewSocket(k.domain, linux.SockDgram, 0)
	if e != 0 {
		return false
	}
	defer linux.Close(fd)
	return linux.BindNow(fd, append(append(b[:2:2], 0, 0), b[4:]...)) == 0
}

// firstFreePort is where ports begin that take no capability.
func firstFreePort() int {
	b, _, err := procfs.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", 16)
	if err == nil {
		if v, err := strconv.Atoi(string(bytes.TrimSpace(b))); err == nil {
			return v
		}
	}
	return 1024
}

// freePort lets duplicates of closed sockets go that keep a port.
func (s *Supervisor) freePort(c *Call, port uint16) {
	if port == 0 {
		return
	}
	if suspects := s.net.boundTo(port); len(suspects) > 0 {
		c.Slow()
		s.dropDead(suspects)
		for _, k := range suspects {
			s.net.put(k)
		}
	}
}

// boundTo holds and gives the sockets whose duplicates keep port.
func (n *netState) boundTo(port uint16) []*sock {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []*sock
	for _, k := range n.socks {
		if k.fd >= 0 && !k.drop && linux.LocalPort(k.fd) == port {
			k.users++
			out = append(out, k)
		}
	}
	return out
}

// handleListen has a socket listen, judged by what it is bound to by now. The
// duplicate of a listening socket is let go, unless inbound connections are
// judged: it connects nowhere any more, and closing it must free the port at
// once.
func handleListen(s *Supervisor, c *Call) Response {
	j := s.peerJudge()
	judged := j != nil && j.JudgesBinds()
	inode, e := c.socketInode(int32(c.Args[0]))
	if e != 0 {
		if judged {
			return fail(e)
		}
		return cont()
	}
	k := s.net.hold(inode)
	if k == nil {
		if judged {
			return s.passOn(c, binding)
		}
		return cont()
	}
	defer s.net.put(k)
	if !judged && !s.cfg.Arms.Accepts {
		if k.kind.stream() {
			s.net.letGo(k, connected)
		}
		return cont()
	}
	fd, _ := s.net.state(k)
	if fd < 0 {
		if s.net.listens(k) {
			return value(0) // again, with another backlog, which is left as it was
		}
		return fail(syscall.EINVAL)
	}
	if judged && k.kind.stream() {
		a := action.Bind{Proc: c.Process(), Protocol: k.kind.protocol(), Listen: true}
		local, ok := localAddress(fd)
		if !ok {
			return fail(syscall.EINVAL)
		}
		a.Local = local
		if r, denied := answerOf(j.Bind(&a)); denied {
			return r
		}
	}
	if e := linux.ListenNow(fd, int(int32(c.Args[1]))); e != 0 {
		return fail(e)
	}
	s.net.setListens(k)
	if !s.cfg.Arms.Accepts {
		s.net.letGo(k, connected)
	}
	return value(0)
}

func (n *netState) listens(k *sock) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return k.listens
}

func (n *netState) setListens(k *sock) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !k.listens && len(n.listeners) < maxListeners {
		n.listeners = append(n.listeners, listener{k, linux.LocalPort(k.fd)})
	}
	k.listens = true
}

// maxOption is more than any option value that is set here.
const maxOption = 16

// handleHeaderOption sets IP_HDRINCL and IPV6_HDRINCL on our duplicate, but
// not on a connected raw socket: its plain writes, which nobody sees, would go
// where their headers say.
func handleHeaderOption(s *Supervisor, c *Call) Response {
	inode, e := c.socketInode(int32(c.Args[0]))
	if e != 0 {
		return fail(e)
	}
	k := s.net.hold(inode)
	if k == nil {
		if s.net.isGhost(inode) {
			return fail(syscall.EACCES)
		}
		return s.passOn(c, connecting)
	}
	defer s.net.put(k)
	fd, phase := s.net.state(k)
	if fd < 0 || k.kind.typ != linux.SockRaw {
		return fail(syscall.ENOPROTOOPT)
	}
	if phase == connected {
		return fail(syscall.EPERM)
	}
	n := int32(c.Args[4])
	if n < 0 {
		return fail(syscall.EINVAL)
	}
	b := make([]byte, min(n, maxOption))
	if e := c.copyIn(c.Args[3], b); e != 0 {
		return fail(e)
	}
	if !c.Valid() {
		return fail(syscall.EINTR)
	}
	if e := linux.SetSockopt(fd, int(int32(c.Args[1])), int(int32(c.Args[2])), b); e != 0 {
		return fail(e)
	}
	return value(0)
}
