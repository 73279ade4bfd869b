package tracer

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/intercept/notify"
)

// Standings fills in, for each pid, whether it is of the tree: a tracee is,
// and nothing else is.
func (t *Tracer) Standings(pids []int, out []notify.Standing) {
	for i, pid := range pids {
		switch {
		case t.Owns(pid):
			out[i] = notify.Below
		case syscall.Kill(pid, 0) == syscall.ESRCH:
			out[i] = notify.Gone
		case t.Owns(pid): // it was born in between
			out[i] = notify.Below
		default:
			out[i] = notify.Outside
		}
	}
}

// Marked says that Standings can tell.
func (t *Tracer) Marked() bool { return true }

// Privileged runs fn with the right to look into a process.
func (t *Tracer) Privileged(pid int, fn func() error) error { return t.handlers.Privileged(pid, fn) }

// CanKill says that this process may end those of every user.
func (t *Tracer) CanKill() bool { return t.handlers.CanKill() }

// Tasks is the number of processes and threads of the workload.
func (t *Tracer) Tasks() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.tasks)
}
