package notify

import (
	"encoding/binary"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// incoming is a datagram that was received in a program's place.
type incoming struct {
	n       int // as the kernel counts it
	data    []byte
	control []byte
	name    []byte // as the program is to see it
	flags   int
}

// receiveFor takes a datagram from fd, our duplicate of k, and hands it to put,
// which writes it into the caller's memory. It takes over the hold on k.
func (s *Supervisor) receiveFor(c *Call, k *sock, fd int, flags int, size, controlSize int, put func(*incoming) Response) Response {
	sum := uint64(0)
	if !s.killable {
		sum = sumOf(k.inode)
		if r, ok := c.again(sum); ok {
			s.net.put(k)
			return r // the datagram is in its memory already
		}
	}
	buf := buffers.Get().(*[]byte)
	control := make([]byte, controlSize)
	try := func() (Response, bool) {
		var name [maxSockaddr]byte
		n, cl, nl, mf, e := linux.RecvNow(fd, (*buf)[:size], control, name[:], flags&^linux.MsgCmsgCloexec|linux.MsgDontWait)
		switch {
		case e == syscall.EAGAIN:
			return fail(e), true
		case e != 0:
			return fail(e), false
		}
		in := incoming{n: n, data: (*buf)[:min(n, size)], control: control[:min(cl, len(control))], flags: mf &^ linux.MsgCmsgCloexec}
		if nl > 0 {
			in.name = s.shown(k.kind.domain, name[:min(nl, len(name))])
		}
		c.effect(sum)
		return put(&in), false
	}
	r, wait := try()
	if wait && s.patient(k, flags) {
		op := &waitOp{k: k, call: c, events: linux.EpollIn, late: fail(syscall.EAGAIN), broken: fail(errRestart), retry: try}
		if d := linux.RecvTimeout(fd); d > 0 {
			op.until, op.broken = time.Now().Add(d), fail(syscall.EINTR)
		}
		op.finish = func() { buffers.Put(buf) }
		if s.wait(op) {
			return later()
		}
		r = fail(syscall.ENOBUFS)
	}
	buffers.Put(buf)
	s.net.put(k)
	return r
}

// putName writes a sender's address as the kernel does: what fits, and the
// whole length.
func (c *Call) putName(at, lenAt uint64, room int32, name []byte) syscall.Errno {
	var n [4]byte
	binary.NativeEndian.PutUint32(n[:], uint32(len(name)))
	if len(name) > 0 && room > 0 && c.Write(at, name[:min(len(name), int(room))]) != nil || c.Write(lenAt, n[:]) != nil {
		return syscall.EFAULT
	}
	return 0
}

func (c *Call) readInt(at uint64) (int32, syscall.Errno) {
	var b [4]byte
	if e := c.copyIn(at, b[:]); e != 0 {
		return 0, e
	}
	return int32(binary.NativeEndian.Uint32(b[:])), 0
}

// handleRecvfrom: only calls with room for an address are notified.
func handleRecvfrom(s *Supervisor, c *Call) Response {
	k, fd := s.asking(c)
	if k == nil {
		return cont()
	}
	flags := int(int32(c.Args[3]))
	room, e := c.readInt(c.Args[5])
	if flags&linux.MsgErrQueue != 0 || e != 0 || room < 0 || !c.Valid() {
		s.net.put(k)
		return cont() // the kernel knows what to say
	}
	return s.receiveFor(c, k, fd, flags, int(min(c.Args[2], maxDatagram)), 0, func(in *incoming) Response {
		if c.Write(c.Args[1], in.data) != nil || c.putName(c.Args[4], c.Args[5], room, in.name) != 0 {
			return fail(syscall.EFAULT)
		}
		return value(int64(in.n))
	})
}

// Offsets in struct user_msghdr.
const (
	offNameLen    = 8
	offControlLen = 40
	offFlags      = 48
)

// handleRecvmsg is handleRecvfrom for a struct user_msghdr.
func handleRecvmsg(s *Supervisor, c *Call) Response {
	k, fd := s.asking(c)
	if k == nil {
		return cont()
	}
	native := func() Response { s.net.put(k); return cont() }
	flags := int(int32(c.Args[2]))
	var h [msghdrSize]byte
	if flags&linux.MsgErrQueue != 0 || c.copyIn(c.Args[1], h[:]) != 0 {
		return native()
	}
	u64 := func(off int) uint64 { return binary.NativeEndian.Uint64(h[off:]) }
	name, room := u64(0), int32(binary.NativeEndian.Uint32(h[offNameLen:]))
	iov, iovLen, control, controlLen := u64(16), u64(24), u64(32), u64(offControlLen)
	if name == 0 || room < 0 || iovLen > maxIOV {
		return native()
	}
	vec := make([]byte, 16*iovLen)
	if len(vec) > 0 && c.copyIn(iov, vec) != 0 {
		return native()
	}
	size := uint64(0)
	for v := vec; len(v) > 0; v = v[16:] {
		n := binary.NativeEndian.Uint64(v[8:])
		size = min(size+min(n, maxDatagram), maxDatagram)
	}
	if control == 0 {
		controlLen = 0
	}
	if !c.Valid() {
		return native()
	}
	at := c.Args[1]
	return s.receiveFor(c, k, fd, flags, int(size), int(min(controlLen, maxControl)), func(in *incoming) Response {
		rest := in.data
		for v := vec; len(v) > 0 && len(rest) > 0; v = v[16:] {
			n := min(binary.NativeEndian.Uint64(v[8:]), uint64(len(rest)))
			if c.Write(binary.NativeEndian.Uint64(v), rest[:n]) != nil {
				return fail(syscall.EFAULT)
			}
			rest = rest[n:]
		}
		var cl [8]byte
		var fl [4]byte
		binary.NativeEndian.PutUint64(cl[:], uint64(len(in.control)))
		binary.NativeEndian.PutUint32(fl[:], uint32(in.flags))
		if c.putName(name, at+offNameLen, room, in.name) != 0 || len(in.control) > 0 && c.Write(control, in.control) != nil ||
			c.Write(at+offControlLen, cl[:]) != nil || c.Write(at+offFlags, fl[:]) != nil {
			return fail(syscall.EFAULT)
		}
		return value(int64(in.n))
	})
}

// handleGetpeername shows the server for which an endpoint stands.
func handleGetpeername(s *Supervisor, c *Call) Response {
	k, fd := s.asking(c)
	if k == nil {
		return cont()
	}
	defer s.net.put(k)
	peer, ok := peerAddress(fd)
	if !ok {
		return cont()
	}
	server, ok := s.cfg.Names.Server(peer)
	if !ok {
		return cont()
	}
	room, e := c.readInt(c.Args[2])
	if e != 0 || room < 0 || !c.Valid() {
		return cont()
	}
	if e := c.putName(c.Args[1], c.Args[2], room, inetAddress(k.kind.domain, server)); e != 0 {
		return fail(e)
	}
	return value(0)
}
