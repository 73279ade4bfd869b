package notify

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
)

// passOn lets the kernel carry out a call whose descriptor names no socket of
// ours: the kernel looks the descriptor up again, so it must not be possible
// to swap a roaming socket in. It is not, if
//
//   - there is none in the whole tree, nor will there be before the kernel has
//     looked (flights), or
//   - nobody else can change the caller's descriptor table.
//
// Otherwise the call is contested.
func (s *Supervisor) passOn(c *Call) Response {
	if s.net.departWith(c) {
		return done()
	}
	if c.alone() {
		return cont()
	}
	return s.contested(c)
}

// contested lets the call through and looks at once whether a roaming socket
// has taken the descriptor's place; a process that does that is killed. This
// is detection, not prevention: of a process that races its own threads to
// send a datagram (TCP is out of its reach where the tree is gated), one may
// get out before the process dies.
func (s *Supervisor) contested(c *Call) Response {
	s.net.contested.Add(1)
	fd, tid, p := int(int32(c.Args[0])), c.TID(), *c.Process()
	c.Answer(cont())
	for range 2 {
		inode, e := s.socketInode(tid, fd)
		if e != 0 {
			break
		}
		if s.net.roamsNow(inode) {
			s.net.swaps.Add(1)
			s.cfg.Judge.Tamper(&action.Tamper{Proc: &p, Syscall: s.routes[c.NR].name, Detail: "another socket was swapped in under the call"})
			if p.PID > 1 {
				_ = syscall.Kill(p.PID, syscall.SIGKILL)
			}
			break
		}
	}
	return done()
}
