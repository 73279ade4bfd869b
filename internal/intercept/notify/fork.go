package notify

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
)

func forkFamily() []entry {
	return []entry{{"clone", handleClone}, {"fork", handleFork}, {"vfork", handleFork}}
}

const (
	cloneFiles    = 0x00000400
	cloneThread   = 0x00010000
	cloneUntraced = 0x00800000
)

func handleClone(s *Supervisor, c *Call) Response {
	flags := c.Args[0]
	if flags&anyNamespace != 0 {
		if r := s.privilege(c, action.PrivNamespace, "clone", namespaceNames(flags&anyNamespace)); !r.Continue {
			return r
		}
	}
	if flags&cloneFiles != 0 && flags&cloneThread == 0 {
		s.net.sharedTables.Store(true) // before it is so
	}
	switch {
	case flags&cloneThread != 0:
		s.threads.Store(true)
	case flags&(syscall.CLONE_VM|syscall.CLONE_VFORK) == syscall.CLONE_VM:
		s.sharedMemory.Store(true)
	}
	r := s.fork(c, flags)
	if r.Continue && flags&cloneUntraced != 0 {
		if w := s.power.wards.get(c.TID()); w != nil {
			return w.traced(s, c)
		}
	}
	return r
}

func handleFork(s *Supervisor, c *Call) Response { return s.fork(c, uint64(syscall.SIGCHLD)) }

// fork asks with the number of tasks there would be. The arguments are
// scalars, so the kernel may carry the call out.
func (s *Supervisor) fork(c *Call, flags uint64) Response {
	n := s.count.oneMore()
	return scalar(s.cfg.Judge.Fork(&action.Fork{
		Proc: c.Process(), Thread: flags&cloneThread != 0, Tasks: n, Flags: flags,
	}))
}
