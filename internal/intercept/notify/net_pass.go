package notify

import (
	"errors"
	"os"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// passOn lets the kernel carry out a call whose descriptor names no socket of
// ours: the kernel looks the descriptor up again, so it must not be possible
// to swap a roaming socket in. It is not, if
//
//   - there is none in the whole tree that could do harm in such a call, nor
//     will there be before the kernel has looked (flights), or
//   - nobody else can change the caller's descriptor table.
//
// Otherwise the call is carried out where it cannot matter (net_carry.go).
func (s *Supervisor) passOn(c *Call, as use) Response {
	switch {
	case as != binding && s.net.departWith(c, as == connecting):
		return done()
	case as != binding && !s.judgesPeers(), c.alone(), s.cfg.noBorrow:
		return cont()
	}
	return s.carry(c, as)
}

// use is what a call does with its descriptor.
type use uint8

const (
	sending    use = iota
	connecting     // anything that can make a socket lead elsewhere
	binding        // bind and listen, where somebody judges these
)

// judgesPeers says whether anybody cares where connections lead.
func (s *Supervisor) judgesPeers() bool {
	j, ok := s.cfg.Judge.(interface{ JudgesPeers() bool })
	return !ok || j.JudgesPeers()
}

// carry carries out a call of a caller whose descriptor table others can
// change while there are sockets that must not be swapped in:
//
//   - a send without address and control messages is made as a call that has
//     room for neither, so that whatever the number names by then, data goes
//     only where a judged connect led (net_rewrite.go);
//   - other calls are made by a thread whose descriptor table is a private
//     copy, after a look at what the number names there (carrier.go);
//
// Where that cannot be done the call is contested.
func (s *Supervisor) carry(c *Call, as use) Response {
	c.Slow()
	if s.net.isStubborn(c.Process()) {
		return s.contested(c)
	}
	other, h := s.rewriteOf(c)
	if !c.Valid() {
		return fail(syscall.EINTR)
	}
	b, err := s.borrow(c)
	switch {
	case errors.Is(err, errUnseizable):
		return s.contested(c)
	case err != nil:
		return done()
	}
	s.net.carried.Add(1)
	if other.nr != 0 && (!other.quiet || b.mask&pipeSignal == 0) {
		s.rewrite(b, other)
	} else {
		s.carryWhole(b, as, h.control)
	}
	return done()
}

// contested is for callers that cannot be borrowed: under a debugger, with a
// seccomp filter of their own that traps the clone, or anybody where ptrace is
// not to be had. Where the latter is not the reason, one whose table holds a
// roaming socket is refused, so that nothing is left but to receive one in a
// message at the right moment. It is counted; status says what that leaves
// open without ptrace.
func (s *Supervisor) contested(c *Call) Response {
	if !c.Valid() {
		return fail(syscall.EINTR) // killed meanwhile
	}
	if s.power.traces.Load() && s.holdsRoaming(c.TID()) {
		s.cfg.Logger.Warn("a call was refused: its caller cannot be borrowed", "pid", c.Process().PID, "syscall", s.routes[c.NR].name)
		return fail(syscall.EACCES)
	}
	s.net.contested.Add(1)
	return cont()
}

// holdsRoaming looks through a descriptor table. One that cannot be read may
// hold anything.
func (s *Supervisor) holdsRoaming(tid int) (found bool) {
	err := s.power.as(tid, func() error {
		dir, err := os.Open(s.power.path(tid, "fd"))
		if err != nil {
			return err
		}
		defer dir.Close()
		names, err := dir.Readdirnames(maxDescriptors)
		if err != nil {
			return err
		}
		for _, f := range names {
			l, err := linux.ReadlinkAt(int(dir.Fd()), f)
			if err != nil {
				continue
			}
			if in, e := parseSocketLink([]byte(l)); e == 0 && s.net.roamsNow(in) {
				found = true
			}
		}
		return nil
	})
	return found || err != nil
}
