package notify

import (
	"encoding/binary"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// acceptFamily is there where a start arms it (seccomp.Arms.Accepts). The
// duplicates of listening sockets are then kept, and connections are taken from
// the queue here: what is denied is reset, and the application never knows of
// it; the others are handed in. Nothing is read from a connection before.
//
// What it costs: a listening socket that was closed goes on to listen for
// others until the next sweep; who is in the tree meets it as closed
// (net_listening.go). A connection that was taken
// when the application's descriptor table turns out to be full is lost.
// Listeners that were received from outside the tree, and connections of
// SOCK_SEQPACKET and AF_UNIX, are the kernel's.
func acceptFamily() []entry {
	return []entry{
		{"accept", func(s *Supervisor, c *Call) Response { return s.accept(c, 0) }},
		{"accept4", func(s *Supervisor, c *Call) Response { return s.accept(c, int(int32(c.Args[3]))) }},
	}
}

func (s *Supervisor) accept(c *Call, flags int) Response {
	inode, e := c.socketInode(int32(c.Args[0]))
	if e != 0 {
		return fail(e)
	}
	k := s.net.hold(inode)
	if k == nil {
		if s.net.isGhost(inode) {
			return fail(syscall.EACCES)
		}
		return cont()
	}
	fd, _ := s.net.state(k)
	switch {
	case flags&^(linux.SockCloexec|linux.SockNonblock) != 0, fd < 0:
		s.net.put(k)
		return fail(syscall.EINVAL)
	case !k.kind.stream():
		s.net.put(k)
		return fail(syscall.EOPNOTSUPP)
	}
	if !c.Valid() {
		s.net.put(k)
		return fail(syscall.EINTR)
	}
	k.heldBy(c.TID(), int(int32(c.Args[0])))
	r := s.acceptOnce(c, k, fd, flags)
	if r.Errno != syscall.EAGAIN || linux.IsNonblock(fd) {
		s.net.put(k)
		return r
	}
	op := &waitOp{k: k, call: c, events: linux.EpollIn, late: fail(syscall.EAGAIN), broken: fail(errRestart)}
	if d := linux.RecvTimeout(fd); d > 0 {
		op.until, op.broken = time.Now().Add(d), fail(syscall.EINTR)
	}
	op.retry = func() (Response, bool) {
		r := s.acceptOnce(c, k, fd, flags)
		return r, r.Errno == syscall.EAGAIN
	}
	if !s.wait(op) {
		s.net.put(k)
		return fail(syscall.ENOBUFS)
	}
	return later()
}

// maxRefused bounds how many denied connections one look at the queue takes.
const maxRefused = 64

// acceptOnce takes connections until one may be handed in. EAGAIN: there is
// none now.
func (s *Supervisor) acceptOnce(c *Call, k *sock, fd, flags int) Response {
	for range maxRefused {
		conn, peer, e := s.take(c, k, fd, flags)
		if e != 0 {
			return fail(e)
		}
		if j := s.peerJudge(); j != nil && j.JudgesAccepts() {
			a := action.Accept{Proc: c.Process(), Protocol: k.kind.protocol()}
			a.Peer, _ = parseInet(peer)
			a.Local, _ = localAddress(conn)
			if r, denied := answerOf(j.Accept(&a)); denied {
				linux.Reset(conn)
				if r.Kill {
					return r
				}
				continue
			}
		}
		return s.handIn(c, conn, peer, flags)
	}
	return fail(syscall.EAGAIN)
}

// take accepts one connection without waiting, as the caller's filesystem user.
func (s *Supervisor) take(c *Call, k *sock, fd, flags int) (conn int, peer []byte, e syscall.Errno) {
	k.op.Lock()
	defer k.op.Unlock()
	if !linux.IsNonblock(fd) {
		linux.SetNonblock(fd, true)
		defer linux.SetNonblock(fd, false)
	}
	if uid, gid := s.ownerOf(c); uid != s.power.uid || gid != s.power.gid {
		u, g := linux.SetFSIDs(uid, gid)
		defer linux.SetFSIDs(u, g)
	}
	return linux.AcceptNow(fd, flags|linux.SockCloexec)
}

// handIn gives a connection to the caller and writes its peer's address where
// the caller wants it.
func (s *Supervisor) handIn(c *Call, conn int, peer []byte, flags int) Response {
	defer linux.Close(conn)
	if at := c.Args[1]; at != 0 {
		var n [4]byte
		if c.copyIn(c.Args[2], n[:]) != 0 || !c.Valid() {
			return fail(syscall.EFAULT)
		}
		room := int32(binary.NativeEndian.Uint32(n[:]))
		if room < 0 {
			return fail(syscall.EINVAL)
		}
		binary.NativeEndian.PutUint32(n[:], uint32(len(peer)))
		if c.Write(at, peer[:min(int(room), len(peer))]) != nil || c.Write(c.Args[2], n[:]) != nil {
			return fail(syscall.EFAULT)
		}
	}
	var cloexec uint32
	if flags&linux.SockCloexec != 0 {
		cloexec = syscall.O_CLOEXEC
	}
	if _, e := c.InstallFD(conn, cloexec); e != 0 {
		return fail(e)
	}
	c.mem.close()
	return done()
}
