package notify

import (
	"fmt"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
)

func traceFamily() []entry {
	return []entry{
		{"ptrace", handlePtrace},
		{"process_vm_readv", handleReach("process_vm_readv")},
		{"process_vm_writev", handleReach("process_vm_writev")},
		{"process_madvise", handleReach("process_madvise")},
		{"pidfd_getfd", handleReach("pidfd_getfd")},
		{"kcmp", handleReach("kcmp")},
	}
}

// Requests that start a tracing relation; the others need one already.
const (
	ptraceTraceme = 0
	ptraceAttach  = 16
	ptraceSeize   = 0x4206
)

func handlePtrace(s *Supervisor, c *Call) Response {
	var what string
	switch c.Args[0] {
	case ptraceTraceme:
		what = "PTRACE_TRACEME"
	case ptraceAttach:
		what = fmt.Sprintf("PTRACE_ATTACH pid %d", int32(c.Args[1]))
	case ptraceSeize:
		what = fmt.Sprintf("PTRACE_SEIZE pid %d", int32(c.Args[1]))
	default:
		return cont() // only on a tracee that was attached with our consent
	}
	if c.Args[0] != ptraceTraceme && s.ours(int(int32(c.Args[1]))) {
		return s.tamper(c, "ptrace", what)
	}
	return s.privilege(c, action.PrivTrace, "ptrace", what)
}

// handleReach judges calls whose first argument is a pid or a pidfd.
func handleReach(name string) handler {
	byFD := name == "pidfd_getfd" || name == "process_madvise"
	return func(s *Supervisor, c *Call) Response {
		target := int(int32(c.Args[0]))
		if byFD {
			target = s.pidfdTarget(c, target)
		}
		switch {
		case s.ours(target), name == "kcmp" && s.ours(int(int32(c.Args[1]))):
			return s.tamper(c, name, fmt.Sprintf("pid %d", target))
		case !byFD && target == c.Process().PID:
			return cont() // its own memory
		}
		return s.privilege(c, action.PrivTrace, name, fmt.Sprintf("pid %d", target))
	}
}

// tamper refuses an attempt against ourselves and reports it.
func (s *Supervisor) tamper(c *Call, name, detail string) Response {
	s.cfg.Judge.Tamper(&action.Tamper{Proc: c.Process(), Syscall: name, Detail: detail})
	return fail(syscall.EPERM)
}
