package notify

import (
	"errors"
	"strings"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// errRestart makes the kernel start the caller's call again once the signal
// that is pending has been handled, or fail it with EINTR, as the handler's
// SA_RESTART says (ERESTARTSYS).
const errRestart = syscall.Errno(512)

// handleConnect judges the copied address and connects our duplicate of the
// socket that the descriptor named when we looked.
func handleConnect(s *Supervisor, c *Call) Response {
	inode, e := c.socketInode(int32(c.Args[0]))
	if e == syscall.EBADF {
		return fail(e)
	}
	addr, ae := c.readAddr(c.Args[1], int32(c.Args[2]))
	if ae != 0 {
		return fail(ae)
	}
	if e != 0 {
		return fail(e)
	}
	if !c.Valid() {
		return fail(syscall.EINTR)
	}
	k := s.net.hold(inode)
	if k == nil {
		if s.net.isGhost(inode) {
			return fail(syscall.EACCES)
		}
		return s.foreignConnect(c, inode, addr)
	}
	return s.connectNamed(c, k, addr)
}

// readAddr copies a socket address as the kernel would.
func (c *Call) readAddr(at uint64, n int32) ([]byte, syscall.Errno) {
	if n < 0 || n > maxSockaddr {
		return nil, syscall.EINVAL
	}
	if n == 0 {
		return nil, 0
	}
	b := make([]byte, n)
	if e := c.copyIn(at, b); e != 0 {
		return nil, e
	}
	return b, 0
}

// copyIn is Read with the errno that the caller sees.
func (c *Call) copyIn(at uint64, b []byte) syscall.Errno {
	switch err := c.Read(at, b); {
	case err == nil:
		return 0
	case err == syscall.EFAULT:
		return syscall.EFAULT
	default:
		c.blind = true
		return syscall.EACCES
	}
}

// judgeConnect fills in the rest of peer and asks about it.
func (s *Supervisor) judgeConnect(c *Call, peer *action.Connect) (Response, bool) {
	peer.Proc = c.Process()
	s.nameConnect(peer)
	r, denied := answerOf(s.cfg.Judge.Connect(peer))
	if !denied && s.joins(c, peer) {
		return fail(syscall.ECONNREFUSED), true
	}
	return r, denied
}

// connectOwned takes over the hold on k.
func (s *Supervisor) connectOwned(c *Call, k *sock, addr []byte) (r Response) {
	sum := uint64(0)
	if !s.killable {
		sum = sumOf(k.inode, addr)
		if r, ok := c.again(sum); ok {
			s.net.put(k)
			return r
		}
	}
	held := true
	defer func() {
		if held {
			s.net.put(k)
		}
	}()
	fd, phase := s.net.state(k)
	switch {
	case len(addr) < 2:
		return fail(syscall.EINVAL)
	case fd >= 0:
	case phase == failed && family(addr) != linux.AFUnspec:
		return s.regain(c, k)
	default:
		return s.connectSettled(c, k, phase, addr, sum)
	}
	if peer, ok := k.kind.destination(addr, true); ok {
		a := k.kind.flow(peer)
		if r, denied := s.judgeConnect(c, &a); denied {
			return r
		}
		s.endListeners(c, k, peer)
		if k.kind.typ == linux.SockRaw && (linux.HeaderIncluded(fd) || hasPorts(k.kind.proto) && s.governsNames() && k.kind.ours(addr)) {
			// Its writes would go where their headers say, unseen, or to a port
			// of ours at which the answer of a name server is awaited.
			return fail(syscall.EPERM)
		}
		if proxy, yes := s.relayed(k, &a); yes {
			held = false
			return s.connectRelayed(c, k, fd, &a, proxy, addr, sum)
		}
		var e syscall.Errno
		if addr, e = s.redirectConnect(c, k, fd, peer, addr); e != 0 {
			return fail(e)
		}
	}
	if !k.kind.stream() && k.kind.typ != syscall.SOCK_SEQPACKET {
		if e := linux.ConnectNow(fd, addr); e != 0 {
			return fail(e)
		}
		if k.kind.typ == linux.SockRaw {
			s.net.setPhase(k, connected)
		}
		return value(0)
	}
	if linux.IsNonblock(fd) {
		c.effect(sum)
		return s.connectNonblock(k, fd, addr)
	}
	first, e := c.connectPatiently(k, fd, addr, sum)
	switch e {
	case 0:
		c.effect(sum)
		s.settle(k, addr, connected)
		return value(0)
	case syscall.EALREADY:
	case syscall.EISCONN:
		return s.connectedBefore(c, k, sum)
	default:
		return fail(e)
	}
	held = !s.connectWait(c, k, fd, addr, first, sum)
	if held {
		return fail(syscall.ENOBUFS)
	}
	return later()
}

// connectSettled answers for a socket that is connected or listening.
func (s *Supervisor) connectSettled(c *Call, k *sock, p phase, addr []byte, sum uint64) Response {
	if family(addr) == linux.AFUnspec {
		// It dissolves the connection, after which only Landlock keeps it from
		// connecting anywhere: the kernel reads the address again.
		if !s.net.gated && s.judgesPeers() {
			return s.dissolve(c)
		}
		return s.passOn(c, connecting)
	}
	if p == settled {
		s.net.setPhase(k, connected)
		return value(0)
	}
	return s.connectedBefore(c, k, sum)
}

// connectedBefore answers for a socket that has its connection. Without
// WAIT_KILLABLE this may be the very call that made it, made again while its
// answer is on its way.
func (s *Supervisor) connectedBefore(c *Call, k *sock, sum uint64) Response {
	if !s.killable {
		k.op.Lock()
		mine := k.by == connector{c.TID(), sum}
		k.op.Unlock()
		if mine {
			c.made = k
			c.effect(sum)
			return value(0)
		}
	}
	return fail(syscall.EISCONN)
}

func (s *Supervisor) connectNonblock(k *sock, fd int, addr []byte) Response {
	k.op.Lock()
	e := linux.ConnectNow(fd, addr)
	k.op.Unlock()
	switch e {
	case 0:
		s.settle(k, addr, connected)
		return value(0)
	case syscall.EINPROGRESS:
		// On loopback the handshake is over before connect returns.
		switch linux.TCPState(fd) {
		case linux.TCPEstablished:
			s.net.letGo(k, settled)
		case linux.TCPSynSent, linux.TCPSynRecv:
			s.watchSettling(k)
		default:
			s.connectFailed(k)
		}
	case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ETIMEDOUT, syscall.ENETUNREACH, syscall.EHOSTUNREACH:
		s.connectFailed(k)
	}
	return fail(e)
}

// settle lets the duplicate of a connected socket go.
func (s *Supervisor) settle(k *sock, addr []byte, p phase) {
	if family(addr) != linux.AFUnspec {
		s.net.letGo(k, p)
	}
}

// watchSettling lets the duplicate go once a connect that nobody waits for is
// through. It does not keep the socket: one that its owner closed is swept,
// and with it the attempt ends.
func (s *Supervisor) watchSettling(k *sock) {
	op := &waitOp{k: k, until: time.Now().Add(settleLimit)}
	op.retry = func() (Response, bool) {
		switch linux.TCPState(op.fd) {
		case linux.TCPSynSent, linux.TCPSynRecv:
			return Response{}, true
		case linux.TCPEstablished:
			s.net.letGo(k, settled)
		default:
			s.connectFailed(k)
		}
		return Response{}, false
	}
	s.wait(op)
}

// settleLimit is longer than the kernel tries (tcp_syn_retries 6: 127 s).
const settleLimit = 150 * time.Second

// connectPatiently connects a blocking socket without blocking: O_NONBLOCK,
// which the descriptions share, is set for the microseconds of the call. A
// second connect collects what came of it. EALREADY: not yet; first is then
// what a caller gets that waits no longer.
func (c *Call) connectPatiently(k *sock, fd int, addr []byte, sum uint64) (first, e syscall.Errno) {
	k.op.Lock()
	defer k.op.Unlock()
	linux.SetNonblock(fd, true)
	defer linux.SetNonblock(fd, false)
	first = linux.ConnectNow(fd, addr)
	e = first
	if first == syscall.EINPROGRESS {
		e = linux.ConnectNow(fd, addr)
	}
	if e == 0 && !c.s.killable {
		k.by, c.made = connector{c.TID(), sum}, k
	}
	return first, e
}

// connectWait waits in the caller's place. It takes over the hold on k.
func (s *Supervisor) connectWait(c *Call, k *sock, fd int, addr []byte, first syscall.Errno, sum uint64) bool {
	op := &waitOp{k: k, call: c, late: fail(first), broken: fail(errRestart)}
	if d := linux.SendTimeout(fd); d > 0 {
		op.until, op.broken = time.Now().Add(d), fail(syscall.EINTR)
	}
	op.retry = func() (Response, bool) {
		switch _, e := c.connectPatiently(k, fd, addr, sum); e {
		case 0:
			c.effect(sum)
			s.settle(k, addr, connected)
			return value(0), false
		case syscall.EALREADY:
			return Response{}, true
		default:
			return fail(e), false
		}
	}
	return s.wait(op)
}

// foreignConnect is connect on a socket that is not of our making: of another
// family, accepted, or received from outside the tree.
func (s *Supervisor) foreignConnect(c *Call, inode uint64, addr []byte) Response {
	switch family(addr) {
	case linux.AFInet, linux.AFInet6:
		k := s.adopt(c, inode)
		if k == nil {
			if p := s.protocolOf(c.TID(), int(int32(c.Args[0]))); strings.HasPrefix(p, "UNIX") {
				return fail(syscall.EINVAL)
			}
			c.blind = true
			return fail(syscall.EACCES)
		}
		return s.connectOwned(c, k, addr)
	}
	if !s.net.gated && s.judgesPeers() {
		// What it is counts, not what the address says now.
		switch p := s.protocolOf(c.TID(), int(int32(c.Args[0]))); {
		case family(addr) == linux.AFUnspec:
			return s.dissolve(c)
		case p == "" || internet(p):
			return fail(syscall.EAFNOSUPPORT)
		}
	}
	switch family(addr) {
	case linux.AFUnix:
		// The kernel carries it out, with the caller's identity. The name may
		// change under our eyes: the verdict is about the copy.
		if r, denied := s.judgeUnix(c, addr, false); denied {
			return r
		}
	}
	return s.passOn(c, connecting)
}

// leadsTo finds the socket behind a path, as the caller's kernel would; "": it is
// the path itself, or the path leads nowhere: then e says why.
func (s *Supervisor) leadsTo(c *Call, path string) (real string, e syscall.Errno) {
	if path == "" || path[0] == '@' || !s.judgesPeers() && !s.judgesFiles() {
		return "", 0
	}
	c.Slow()
	p := place{s: s, tid: c.TID(), tgid: c.Process().PID}
	o, err := p.find(linux.AtFDCWD, path, 0)
	if err != nil {
		if errors.As(err, &e) && e != syscall.ENOENT && e != syscall.ENOTDIR {
			e = 0 // another one may get further than we do
		}
		return "", e
	}
	defer o.close()
	if o.path == path {
		return "", 0
	}
	return o.path, 0
}

// adopt takes a duplicate of an INET socket that we did not make, where
// pidfd_getfd is permitted. The result is held. nil: it cannot be had.
func (s *Supervisor) adopt(c *Call, inode uint64) *sock {
	fd, err := linux.FetchFD(c.Process().PID, int(int32(c.Args[0])))
	if err != nil {
		return nil
	}
	got, e := linux.SocketInode(fd)
	domain, typ, proto, e2 := linux.SocketKind(fd)
	if e != 0 || e2 != 0 || fd >= descriptorsForSockets() || got != inode || domain != linux.AFInet && domain != linux.AFInet6 {
		linux.Close(fd)
		return nil
	}
	kind := sockKind{domain, typ, proto}
	k := &sock{inode: inode, kind: kind, born: time.Now(), roams: s.net.roams(kind), fd: fd, users: 1}
	k.heldBy(c.TID(), int(int32(c.Args[0])))
	s.net.tally(kind, 1)
	s.net.add(k)
	s.net.sweeper.wake(s)
	return k
}
