package notify

import (
	"encoding/binary"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Bounds of one message. A datagram cannot be longer than 65535 bytes,
// headers included.
const (
	maxDatagram = 65535
	maxControl  = 8 << 10
	maxIOV      = 1024 // UIO_MAXIOV
	maxBatch    = 1024 // UIO_MAXIOV, sendmmsg
)

// buffers holds maxDatagram-byte slices.
var buffers = sync.Pool{New: func() any { b := make([]byte, maxDatagram); return &b }}

// outgoing is one message, copied.
type outgoing struct {
	name    []byte
	control []byte
	data    []byte
	buf     *[]byte // backs data; back to the pool when sent
}

func (m *outgoing) free() {
	if m.buf != nil {
		buffers.Put(m.buf)
		m.buf, m.data = nil, nil
	}
}

// take copies n bytes of data from at. EMSGSIZE: no datagram is that long.
func (m *outgoing) take(c *Call, at uint64, n uint64) syscall.Errno {
	if n > uint64(maxDatagram-len(m.data)) {
		return syscall.EMSGSIZE
	}
	if m.buf == nil {
		m.buf = buffers.Get().(*[]byte)
	}
	old := len(m.data)
	m.data = (*m.buf)[:old+int(n)]
	if n == 0 {
		return 0
	}
	return c.copyIn(at, m.data[old:])
}

// send sends the message without blocking. With MSG_ZEROCOPY the kernel may go
// on reading what it was given: that is a copy in pages that nobody uses again.
func (m *outgoing) send(fd, flags int) (int, syscall.Errno) {
	data := m.data
	if flags&linux.MsgZeroCopy != 0 && len(data) > 0 {
		pages, err := syscall.Mmap(-1, 0, len(data), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
		if err != nil {
			return 0, syscall.ENOBUFS
		}
		copy(pages, data)
		defer func() { _ = syscall.Munmap(pages) }()
		data = pages
	}
	return linux.SendNow(fd, m.name, m.control, data, flags|linux.MsgDontWait|linux.MsgNoSignal)
}

// sendTarget finds the socket of a send. own false: r is the answer.
func (s *Supervisor) sendTarget(c *Call, flags int) (k *sock, r Response, own bool) {
	inode, e := c.socketInode(int32(c.Args[0]))
	if e != 0 {
		return nil, fail(e), false
	}
	k = s.net.hold(inode)
	switch {
	case k == nil && s.net.isGhost(inode):
		return nil, fail(syscall.EACCES), false
	case k == nil && flags&linux.MsgFastOpen != 0, k != nil && k.kind.stream() && flags&linux.MsgFastOpen != 0:
		// Opening a connection by sending: programs fall back to connect.
		if k != nil {
			s.net.put(k)
		}
		return nil, fail(syscall.EOPNOTSUPP), false
	case k == nil:
		return nil, s.passOn(c, sending), false
	case k.kind.stream():
		// The address has no effect; data goes where connect led.
		s.net.put(k)
		return nil, s.passOn(c, sending), false
	}
	if fd, _ := s.net.state(k); fd < 0 {
		s.net.put(k)
		return nil, fail(syscall.EACCES), false
	}
	return k, Response{}, true
}

// handleSendto: the filter lets sends without an address pass.
func handleSendto(s *Supervisor, c *Call) Response {
	flags := int(int32(c.Args[3]))
	if r, denied := s.judgeUnixSend(c); denied {
		return r
	}
	if flags&linux.MsgFastOpen == 0 && s.net.departWith(c, false) {
		return done()
	}
	k, r, own := s.sendTarget(c, flags)
	if !own {
		return r
	}
	var m outgoing
	var e syscall.Errno
	if m.name, e = c.readAddr(c.Args[4], int32(c.Args[5])); e == 0 {
		e = m.take(c, c.Args[1], c.Args[2])
	}
	if e == 0 && !c.Valid() {
		e = syscall.EINTR
	}
	if e != 0 {
		m.free()
		s.net.put(k)
		return fail(e)
	}
	return s.sendOwned(c, k, &m, flags)
}

// sendOwned judges and sends one message. It takes over the hold on k and m.
func (s *Supervisor) sendOwned(c *Call, k *sock, m *outgoing, flags int) Response {
	sum := uint64(0)
	if !s.killable {
		sum = sumOf(k.inode, m.name, m.control, m.data)
		if r, ok := c.again(sum); ok {
			m.free()
			s.net.put(k)
			return r
		}
	}
	n, r := s.sendOnce(c, k, m, flags)
	if r.Errno == syscall.EAGAIN && !r.Kill && s.patient(k, flags) {
		sent := func(n int) Response { c.effect(sum); return value(int64(n)) }
		if s.sendWait(c, k, m, flags, sent) {
			return later()
		}
		r = fail(syscall.ENOBUFS)
	}
	m.free()
	s.net.put(k)
	if r.Errno != 0 || r.Kill {
		return r
	}
	c.effect(sum)
	return value(int64(n))
}

// patient says that the caller would wait for room.
func (s *Supervisor) patient(k *sock, flags int) bool {
	return flags&linux.MsgDontWait == 0 && !linux.IsNonblock(k.fd)
}

// sendOnce asks for a verdict and sends without blocking.
func (s *Supervisor) sendOnce(c *Call, k *sock, m *outgoing, flags int) (int, Response) {
	if r, denied := s.judgeSend(c, k, m); denied {
		return 0, r
	}
	n, e := m.send(k.fd, flags)
	if e != 0 {
		return 0, fail(e)
	}
	return n, Response{}
}

func (s *Supervisor) judgeSend(c *Call, k *sock, m *outgoing) (Response, bool) {
	peer, ok := k.kind.destination(m.name, false)
	if k.kind.typ == linux.SockRaw {
		return s.judgeRaw(c, k, m, peer, ok)
	}
	if ok {
		a := k.kind.flow(peer)
		if r, denied := s.judgeConnect(c, &a); denied {
			return r, true
		}
		if e := s.redirectSend(c, k, m, peer); e != 0 {
			return fail(e), true
		}
	}
	return s.judgeQuestion(c, k, m, peer, ok)
}

// sendWait sends in the caller's place once there is room. It takes over the
// hold on k and m. then says what the number sent means to the caller.
func (s *Supervisor) sendWait(c *Call, k *sock, m *outgoing, flags int, then func(int) Response) bool {
	op := &waitOp{k: k, call: c, late: fail(syscall.EAGAIN), broken: fail(errRestart)}
	if d := linux.SendTimeout(k.fd); d > 0 {
		op.until, op.broken = time.Now().Add(d), fail(syscall.EINTR)
	}
	op.retry = func() (Response, bool) {
		n, e := m.send(k.fd, flags)
		switch e {
		case 0:
			return then(n), false
		case syscall.EAGAIN:
			return Response{}, true
		}
		return fail(e), false
	}
	op.finish = m.free
	return s.wait(op)
}

// handleSendmsg sends one copied message.
func handleSendmsg(s *Supervisor, c *Call) Response {
	flags := int(int32(c.Args[2]))
	if r, denied := s.judgeUnixSend(c); denied {
		return r
	}
	if flags&linux.MsgFastOpen == 0 && s.net.departWith(c, false) {
		return done()
	}
	k, r, own := s.sendTarget(c, flags)
	if !own {
		return r
	}
	var h [msghdrSize]byte
	var m outgoing
	e := c.copyIn(c.Args[1], h[:])
	if e == 0 {
		e = m.read(s, c, h[:])
	}
	if e == 0 && !c.Valid() {
		e = syscall.EINTR
	}
	if e != 0 {
		m.free()
		s.net.put(k)
		return fail(e)
	}
	return s.sendOwned(c, k, &m, flags)
}

// Layout of struct user_msghdr and struct mmsghdr on 64-bit machines.
const (
	msghdrSize  = 56
	mmsghdrSize = 64
	offMsgLen   = 56
)

// read copies the message that a struct user_msghdr describes.
func (m *outgoing) read(s *Supervisor, c *Call, h []byte) syscall.Errno {
	u64 := func(off int) uint64 { return binary.NativeEndian.Uint64(h[off:]) }
	name, nameLen := u64(0), int32(binary.NativeEndian.Uint32(h[8:]))
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
	if iovLen > 0 {
		v := make([]byte, 16*iovLen)
		if e := c.copyIn(iov, v); e != 0 {
			return e
		}
		for ; len(v) > 0; v = v[16:] {
			base, n := binary.NativeEndian.Uint64(v), binary.NativeEndian.Uint64(v[8:])
			if int64(n) < 0 {
				return syscall.EINVAL
			}
			if e := m.take(c, base, n); e != 0 {
				return e
			}
		}
	}
	if control != 0 && controlLen > 0 {
		if controlLen > maxControl {
			return syscall.ENOBUFS
		}
		m.control = make([]byte, controlLen)
		if e := c.copyIn(control, m.control); e != 0 {
			return e
		}
		return s.checkControl(c, m.control)
	}
	return 0
}

// handleSendmmsg sends copied messages one by one, each under its own verdict.
// As in the kernel, the first that fails ends the call; what was sent before
// counts, and the error shows when the caller goes on from there.
func handleSendmmsg(s *Supervisor, c *Call) Response {
	flags := int(int32(c.Args[3]))
	if r, denied := s.judgeUnixSend(c); denied {
		return r
	}
	if flags&linux.MsgFastOpen == 0 && s.net.departWith(c, false) {
		return done()
	}
	k, r, own := s.sendTarget(c, flags)
	if !own {
		return r
	}
	vlen := min(uint32(c.Args[2]), maxBatch)
	vec := make([]byte, mmsghdrSize*int(vlen))
	// Entries behind the first that cannot be read are not needed to fail.
	readable := len(vec)
	if e := c.copyIn(c.Args[1], vec); e != 0 {
		readable = 0
		for readable < len(vec) && c.copyIn(c.Args[1]+uint64(readable), vec[readable:readable+mmsghdrSize]) == 0 {
			readable += mmsghdrSize
		}
	}
	sent := 0
	for ; sent < int(vlen); sent++ {
		r = s.sendEntry(c, k, vec, readable, sent, flags)
		if r.postpone {
			return r // it took the hold over
		}
		if r.Errno != 0 || r.Kill {
			break
		}
	}
	s.net.put(k)
	if r.Kill || sent == 0 && vlen > 0 {
		return r
	}
	return value(int64(sent))
}

// sendEntry sends entry i. Only the first may wait for room.
func (s *Supervisor) sendEntry(c *Call, k *sock, vec []byte, readable, i, flags int) Response {
	off := i * mmsghdrSize
	if off+mmsghdrSize > readable {
		return fail(syscall.EFAULT)
	}
	var m outgoing
	e := m.read(s, c, vec[off:off+msghdrSize])
	if e == 0 && !c.Valid() {
		e = syscall.EINTR
	}
	if e != 0 {
		m.free()
		return fail(e)
	}
	note := func(n int) Response {
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], uint32(n))
		if err := c.Write(c.Args[1]+uint64(off+offMsgLen), b[:]); err != nil {
			return fail(syscall.EFAULT)
		}
		return value(1)
	}
	n, r := s.sendOnce(c, k, &m, flags)
	if r.Errno == syscall.EAGAIN && !r.Kill && i == 0 && s.patient(k, flags) {
		if s.sendWait(c, k, &m, flags, note) {
			return later()
		}
		r = fail(syscall.ENOBUFS)
	}
	m.free()
	if r.Errno != 0 || r.Kill {
		return r
	}
	return note(n)
}
