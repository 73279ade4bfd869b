package tracer

import (
	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// Standings fills in, for each pid, whether it is of the tree: what our thread
// traces is, and nothing else.
func (t *Tracer) Standings(pids []int, out []notify.Standing) {
	for i, pid := range pids {
		st, err := procfs.ReadStatus(pid)
		switch {
		case err == nil && st.Tracer == int(t.tid.Load()), t.Owns(pid):
			out[i] = notify.Below
		case err == nil:
			out[i] = notify.Outside
		default:
			out[i] = notify.Gone
		}
	}
}

// Marked says that Standings can tell.
func (t *Tracer) Marked() bool { return true }

// Privileged runs fn with the right to look into a process.
func (t *Tracer) Privileged(pid int, fn func() error) error { return t.handlers.Privileged(pid, fn) }

// CanKill says that this process may end those of every user.
func (t *Tracer) CanKill() bool { return t.handlers.CanKill() }

// Tasks is the number of processes and threads of the workload, those included
// that were let be made: of two forks that are judged one after the other, the
// second must know of the first.
func (t *Tracer) Tasks() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.tasks) + t.unborn
}

// bears notes that a task was let make another, or that nothing is to be waited
// for any more.
func (t *Tracer) bears(k *task, yes bool) {
	if k.bears == yes {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k.bears = yes
	if yes {
		t.unborn++
	} else {
		t.unborn--
	}
}
