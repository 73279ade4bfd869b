package notify

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// The network for an engine that cannot make sockets for its callers: they
// stay the callers' own, and the kernel reads addresses and messages from a
// judged copy. An address is judged by its bytes, whatever the descriptor
// names; the socket only says the protocol.

// lentNet remembers what kind of socket is behind an inode number.
type lentNet struct {
	kinds map[uint64]sockKind
	order []uint64 // oldest first
	// roaming: the tree made a socket that sends where an address says, or was
	// given a socket that we know nothing of.
	roaming bool

	connect, sendto, sendmsg, sendmmsg int // numbers
}

func (n *lentNet) init() {
	n.roaming = standardSockets()
	for name, nr := range map[string]*int{"connect": &n.connect, "sendto": &n.sendto, "sendmsg": &n.sendmsg, "sendmmsg": &n.sendmmsg} {
		*nr, _ = seccomp.Number(name)
	}
}

// named says that a message's address may count.
func (n *lentNet) named() bool { return n.roaming }

// maxKinds bounds lentNet; what is forgotten is judged for every protocol.
const maxKinds = 16384

func (n *lentNet) add(inode uint64, k sockKind) {
	if n.kinds == nil {
		n.kinds = make(map[uint64]sockKind)
	}
	if _, ok := n.kinds[inode]; !ok {
		if len(n.order) >= maxKinds {
			delete(n.kinds, n.order[0])
			n.order = n.order[1:]
		}
		n.order = append(n.order, inode)
	}
	n.kinds[inode] = k
}

func (h *Handlers) netFamily() []entry {
	return []entry{
		{"socket", h.socket},
		{"socketpair", handleSocketpair},
		{"connect", h.connect},
		{"sendto", h.sendto},
		{"sendmsg", h.sendmsg},
		{"sendmmsg", h.sendmmsg},
		{"setsockopt", func(*Supervisor, *Call) Response { return fail(syscall.EPERM) }}, // IP_HDRINCL
	}
}

func lend(l Lent) Response { return Response{Continue: true, lent: l} }

func (h *Handlers) socket(s *Supervisor, c *Call) Response {
	domain, typ, proto := int(int32(c.Args[0])), int(int32(c.Args[1])), int(int32(c.Args[2]))
	if r, denied := s.judgeSocket(c, domain, typ, proto); denied {
		return r
	}
	switch domain {
	case linux.AFInet, linux.AFInet6:
	case linux.AFSMC, linux.AFRDS, linux.AFRxRPC:
		return fail(syscall.EAFNOSUPPORT)
	default:
		return cont()
	}
	kind := sockKind{domain, typ & linux.SockTypeMask, proto}
	switch {
	case kind.typ == sockPacket:
		return cont()
	case s.carriesTCP(kind) != 0:
		return fail(s.carriesTCP(kind))
	case kind.typ == linux.SockRaw && proto == linux.ProtoRaw:
		return fail(syscall.EPERM) // its sender writes the IP header, in memory that nobody copies
	}
	h.nets.roaming = h.nets.roaming || !kind.tcp()
	tid := c.TID()
	return lend(Lent{Made: func(fd int64) {
		if fd < 0 {
			return
		}
		if inode, e := s.socketInode(tid, int(fd)); e == 0 {
			h.nets.add(inode, kind)
		}
	}})
}

// judge asks about an address. Where the socket is not known it is judged for
// each protocol that it could be of.
func (h *Handlers) judge(c *Call, addr []byte, connecting bool) (Response, bool) {
	s := h.s
	if family(addr) == linux.AFUnix {
		if !connecting && !s.judgesUnix() {
			return Response{}, false
		}
		return s.judgeUnix(c, addr, !connecting)
	}
	kind, known := h.kind(c)
	peer, ok := h.destination(kind, known, addr, connecting)
	if !ok {
		return Response{}, false
	}
	a := kind.flow(peer)
	if known {
		return s.judgeConnect(c, &a)
	}
	for _, k := range []sockKind{{peerDomain(peer), linux.SockStream, 0}, {peerDomain(peer), linux.SockDgram, 0}} {
		a.Protocol, a.Datagram = k.protocol(), !k.stream()
		if r, denied := s.judgeConnect(c, &a); denied {
			return r, true
		}
	}
	return Response{}, false
}

func peerDomain(p netip.AddrPort) int {
	if p.Addr().Is4() {
		return linux.AFInet
	}
	return linux.AFInet6
}

func (h *Handlers) destination(k sockKind, known bool, addr []byte, connecting bool) (netip.AddrPort, bool) {
	if !known {
		// Generously: AF_UNSPEC in a send means IPv4 to some sockets.
		k = sockKind{domain: linux.AFInet, typ: linux.SockDgram}
	}
	return k.destination(addr, connecting)
}

func (h *Handlers) kind(c *Call) (sockKind, bool) {
	inode, e := c.socketInode(int32(c.Args[0]))
	if e != 0 {
		return sockKind{}, false
	}
	k, ok := h.nets.kinds[inode]
	return k, ok
}

// addressed has the kernel read an address of n bytes from the copy.
func addressed(addr []byte, arg int) Lent {
	return Lent{Copy: &Copy{
		Size: len(addr),
		Fill: func(_ uint64, b []byte) { copy(b, addr) },
		Args: func(base uint64, a *[6]uint64) { a[arg], a[arg+1] = base, uint64(len(addr)) },
	}}
}

func (h *Handlers) connect(s *Supervisor, c *Call) Response {
	addr, e := c.readAddr(c.Args[1], int32(c.Args[2]))
	if e != 0 {
		return fail(e)
	}
	if len(addr) == 0 {
		return cont()
	}
	if r, denied := h.judge(c, addr, true); denied {
		return r
	}
	return lend(addressed(addr, 1))
}

// sendto: the filter lets sends without an address pass.
func (h *Handlers) sendto(s *Supervisor, c *Call) Response {
	if uint32(c.Args[3])&linux.MsgFastOpen != 0 {
		return fail(syscall.EOPNOTSUPP) // programs fall back to connect
	}
	addr, e := c.readAddr(c.Args[4], int32(c.Args[5]))
	if e != 0 {
		return fail(e)
	}
	if len(addr) == 0 {
		return lend(Lent{Copy: &Copy{Fill: func(uint64, []byte) {}, Args: func(_ uint64, a *[6]uint64) { a[4], a[5] = 0, 0 }}})
	}
	if kind, ok := h.kind(c); ok && kind.tcp() {
		// It has no effect, and must have none if another socket takes this
		// one's place.
		return lend(Lent{Copy: &Copy{Fill: func(uint64, []byte) {}, Args: func(_ uint64, a *[6]uint64) { a[4], a[5] = 0, 0 }}})
	}
	if r, denied := h.judge(c, addr, false); denied {
		return r
	}
	return lend(addressed(addr, 4))
}

// lentMessage is a struct user_msghdr with what it points to, but for the data.
type lentMessage struct {
	head         [msghdrSize]byte
	name         []byte
	iov, control []byte
}

// readMessage copies the header at addr and what decides where data goes.
func (c *Call) readMessage(addr uint64, m *lentMessage) syscall.Errno {
	if e := c.copyIn(addr, m.head[:]); e != 0 {
		return e
	}
	u64 := func(off int) uint64 { return binary.NativeEndian.Uint64(m.head[off:]) }
	name, nameLen := u64(0), int32(binary.NativeEndian.Uint32(m.head[8:]))
	iov, iovLen, control, controlLen := u64(16), u64(24), u64(32), u64(40)
	var e syscall.Errno
	if name != 0 {
		if nameLen < 0 {
			return syscall.EINVAL
		}
		if m.name, e = c.readAddr(name, min(nameLen, maxSockaddr)); e != 0 {
			return e
		}
	}
	if iovLen > maxIOV {
		return syscall.EMSGSIZE
	}
	m.iov = make([]byte, 16*iovLen)
	if e := c.copyIn(iov, m.iov); e != 0 {
		return e
	}
	if control != 0 && controlLen > 0 {
		if controlLen > maxControl {
			return syscall.ENOBUFS
		}
		m.control = make([]byte, controlLen)
		if e := c.copyIn(control, m.control); e != 0 {
			return e
		}
	}
	return 0
}

func (m *lentMessage) size() int { return msghdrSize + maxSockaddr + len(m.iov) + len(m.control) }

// fill lays the message out at base, with its pointers inside it.
func (m *lentMessage) fill(base uint64, b []byte) {
	put := func(off int, v uint64) { binary.NativeEndian.PutUint64(b[off:], v) }
	copy(b, m.head[:])
	at := msghdrSize
	part := func(p []byte, room, ptr, length int) {
		switch {
		case len(p) == 0:
			put(ptr, 0)
		default:
			copy(b[at:], p)
			put(ptr, base+uint64(at))
		}
		if length >= 0 {
			put(length, uint64(len(p)))
		}
		at += room
	}
	part(m.name, maxSockaddr, 0, -1)
	binary.NativeEndian.PutUint32(b[8:], uint32(len(m.name)))
	part(m.iov, len(m.iov), 16, -1)
	part(m.control, len(m.control), 32, 40)
}

// leads refuses control messages that would lead a datagram elsewhere; those
// of other levels are not the network's.
func leads(control []byte) bool {
	for b := control; len(b) >= cmsgHeader; {
		n := binary.NativeEndian.Uint64(b)
		if n < cmsgHeader || n > uint64(len(b)) {
			return false // the kernel stops here, too
		}
		level, typ := int32(binary.NativeEndian.Uint32(b[8:])), int32(binary.NativeEndian.Uint32(b[12:]))
		if (level == 0 || level == 41) && !controls[[2]int32{level, typ}] {
			return true
		}
		step := (n + 7) &^ 7
		if step >= uint64(len(b)) {
			return false
		}
		b = b[step:]
	}
	return false
}

func (h *Handlers) sendmsg(s *Supervisor, c *Call) Response {
	return h.message(c, c.Args[1], uint32(c.Args[2]), &Copy{Args: func(base uint64, a *[6]uint64) { a[1] = base }})
}

// message judges one message and has the kernel read the copy.
func (h *Handlers) message(c *Call, at uint64, flags uint32, p *Copy) Response {
	switch {
	case flags&linux.MsgFastOpen != 0:
		return fail(syscall.EOPNOTSUPP)
	case !h.nets.named():
		return cont() // no socket of the tree goes where an address says
	}
	var m lentMessage
	if e := c.readMessage(at, &m); e != 0 {
		return fail(e)
	}
	if leads(m.control) {
		return fail(syscall.EINVAL)
	}
	if kind, ok := h.kind(c); ok && kind.tcp() {
		m.name = nil
	}
	if len(m.name) > 0 {
		if r, denied := h.judge(c, m.name, false); denied {
			return r
		}
	}
	p.Size, p.Fill = m.size(), m.fill
	return lend(Lent{Copy: p})
}

// sendmmsg sends the first message only, as one sendmsg: a count below the
// number asked for is an ordinary answer, and the caller goes on from there.
func (h *Handlers) sendmmsg(s *Supervisor, c *Call) Response {
	vec, n := c.Args[1], uint32(c.Args[2])
	if n == 0 {
		return value(0)
	}
	tid := c.TID()
	args := func(base uint64, a *[6]uint64) { a[1], a[2] = base, a[3] }
	done := func(sent int64) int64 {
		if sent < 0 {
			return sent
		}
		// The word that holds msg_len and its neighbour.
		w, err := linux.Peek(tid, vec+offMsgLen)
		if err == nil {
			err = linux.Poke(tid, vec+offMsgLen, w&^0xffffffff|uint64(uint32(sent)))
		}
		if err != nil {
			return -int64(syscall.EFAULT)
		}
		return 1
	}
	return h.message(c, vec, uint32(c.Args[3]), &Copy{Call: h.nets.sendmsg, Args: args, Done: done})
}
