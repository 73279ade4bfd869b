package notify

import (
	"encoding/binary"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// handleBind frees a port that only our duplicate of a closed socket keeps
// busy. Binding itself is the kernel's: nothing is judged here.
func handleBind(s *Supervisor, c *Call) Response {
	addr, e := c.readAddr(c.Args[1], int32(c.Args[2]))
	if e != 0 || len(addr) < 4 || !c.Valid() {
		return cont()
	}
	if f := family(addr); f != linux.AFInet && f != linux.AFInet6 {
		return cont()
	}
	port := binary.BigEndian.Uint16(addr[2:4])
	if port == 0 {
		return cont()
	}
	if suspects := s.net.boundTo(port); len(suspects) > 0 {
		c.Slow()
		s.dropDead(suspects)
		for _, k := range suspects {
			s.net.put(k)
		}
	}
	return cont()
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

// handleListen lets the duplicate of a listening socket go: it connects
// nowhere any more, and closing it must free the port at once.
func handleListen(s *Supervisor, c *Call) Response {
	inode, e := c.socketInode(int32(c.Args[0]))
	if e != 0 {
		return cont()
	}
	if k := s.net.hold(inode); k != nil {
		if k.kind.stream() {
			s.net.letGo(k, connected)
		}
		s.net.put(k)
	}
	return cont()
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
		return s.passOn(c, true)
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
