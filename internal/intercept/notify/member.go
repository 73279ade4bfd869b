package notify

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// Standing says whether a process is below the filter.
type Standing uint8

// Standings. Unsure: this kernel, or our own rights, give no answer that
// could not be forged.
const (
	Unsure Standing = iota
	Below           // it descends from the first supervised process
	Outside
	Gone
)

// Standings fills in, for each pid, whether it is below the filter.
func (s *Supervisor) Standings(pids []int, out []Standing) {
	if !s.Marked() {
		clear(out[:len(pids)])
		return
	}
	answers := make([]syscall.Errno, len(pids))
	s.mark.Ask(pids, answers)
	for i, e := range answers {
		switch {
		case e == 0:
			out[i] = Below
		case e == syscall.ESRCH:
			out[i] = Gone
		case s.power.sysKill || !s.power.switches || s.ownUser(pids[i]):
			out[i] = Outside // it is not the user that the kernel minds
		default:
			out[i] = Unsure
		}
	}
}

func (s *Supervisor) ownUser(pid int) bool {
	st, err := procfs.ReadStatus(pid)
	return err == nil && (s.power.uid == st.UID.Real || s.power.uid == st.UID.Saved)
}

// Marked says that Standings can tell.
func (s *Supervisor) Marked() bool { return s.mark != nil && s.mark.Set() }

// Privileged runs fn with the right to look into a process: see
// Call.Privileged.
func (s *Supervisor) Privileged(pid int, fn func() error) error { return s.power.as(pid, fn) }

// CanKill says that this process may end those of every user.
func (s *Supervisor) CanKill() bool { return s.power.sysKill }

// Tasks is the number of processes and threads of the workload, as far as that
// is cheap to know: it can be too high for a moment.
func (s *Supervisor) Tasks() int { return s.count.count(0) }
