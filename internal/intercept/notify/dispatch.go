package notify

import (
	"fmt"
	"runtime/debug"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// handler answers one Call.
type handler func(*Supervisor, *Call) Response

// entry is one row of a family.
type entry struct {
	syscall string
	handle  handler
}

// families is the dispatch table, by the file that holds each.
func families() [][]entry {
	return [][]entry{
		execFamily(),
		forkFamily(),
		identityFamily(),
		namespaceFamily(),
		mountFamily(),
		kernelFamily(),
		traceFamily(),
		mapFamily(),
		clockFamily(),
		selfFamily(),
		netFamily(),
		acceptFamily(),
		fileFamily(),
		dnsFamily(),
	}
}

// route is the table as the workers use it.
type route struct {
	name   string
	handle handler
	socket bool // makes sockets
}

const maxSyscall = 1024

func routes(families [][]entry) (*[maxSyscall]route, error) {
	var t [maxSyscall]route
	for _, f := range families {
		for _, e := range f {
			nr, ok := seccomp.Number(e.syscall)
			if !ok {
				continue // this architecture has no such call
			}
			if nr < 0 || nr >= maxSyscall || t[nr].handle != nil {
				return nil, fmt.Errorf("cannot route %s: number %d is taken or out of range", e.syscall, nr)
			}
			t[nr] = route{e.syscall, e.handle, e.syscall == "socket"}
		}
	}
	return &t, nil
}

// dispatch runs the handler of c. It cannot panic, and what it does not know
// it refuses.
func (s *Supervisor) dispatch(c *Call) (r Response) {
	name := "?"
	defer func() {
		if v := recover(); v != nil {
			s.fault(name, v)
			r = fail(syscall.EPERM)
		}
	}()
	if c.Arch != linux.AuditArch || c.NR < 0 {
		return fail(syscall.ENOSYS)
	}
	rt := &s.routes[min(c.NR, maxSyscall-1)]
	if rt.name != "" {
		name = rt.name
	}
	if rt.handle == nil && !s.cfg.Arms.Calls.Has(int(c.NR)) {
		return fail(syscall.ENOSYS)
	}
	if r, ours := s.injected.answer(c); ours {
		return r
	}
	if r, early := s.power.wards.early(c); early {
		return r
	}
	// What the helper does until it has become the command is our own.
	if s.begun.Load() && s.cfg.Judge.Listed(int(c.NR)) {
		if r := scalar(s.cfg.Judge.Call(&action.Call{Proc: c.Process()}, int(c.NR))); !r.Continue {
			return r
		}
	}
	if rt.handle == nil {
		return cont() // listed, and nothing else is asked about it
	}
	if rt.socket {
		s.sockets.Store(true)
	}
	if s.traceless.Load() {
		if r, denied := s.gate(c); denied {
			return r
		}
	}
	if r = rt.handle(s, c); c.blind && r.Errno == syscall.EACCES && !r.Kill {
		return s.unseen(c, name, r)
	}
	return r
}

// unseen answers a call that was refused with r because its caller cannot be
// looked at, or lives in another network: where nothing is enforced the kernel
// carries it out.
func (s *Supervisor) unseen(c *Call, name string, r Response) Response {
	if !c.Valid() {
		return fail(syscall.EINTR) // it was killed meanwhile, which is why
	}
	if !s.cfg.Judge.Wants().Lenient {
		s.cfg.Logger.Warn("a call was refused: its caller cannot be looked at, or is in a network of its own", "syscall", name, "tid", c.TID())
		return r
	}
	if !s.blinded.Swap(true) {
		s.cfg.Logger.Warn("calls are not judged: their caller cannot be looked at, or is in a network of its own", "syscall", name, "tid", c.TID())
	}
	return cont()
}

// fault reports a panic of a handler whose call was refused.
func (s *Supervisor) fault(name string, v any) {
	s.faults.Add(1)
	s.cfg.Logger.Error("a handler failed; the call was refused", "syscall", name, "fault", fmt.Sprint(v), "stack", string(debug.Stack()))
	if s.cfg.Fault != nil {
		s.cfg.Fault(name, v)
	}
}
