package enforcer

import (
	"fmt"
	"sync/atomic"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// Visit says how what the filter cannot show can be met here.
type Visit struct {
	Err    error // of looking at processes at all; nil: it works
	Here   bool  // the enforcer is the first process of a container
	Marked bool  // the kernel tells without doubt who is below the filter
	Kill   bool  // processes of every user can be ended
}

// Visits holds a Visit that is known once the workload runs.
type Visits struct{ v atomic.Pointer[Visit] }

// Set makes it known.
func (v *Visits) Set(x Visit) { v.v.Store(&x) }

// Get gives it; nil: not known yet.
func (v *Visits) Get() *Visit { return v.v.Load() }

// visited tells the truth about the controls that stand on looking at all
// processes many times a second.
func visited(st *ControlStatus, e *verdict.Engine, s Support) {
	if st.State != Enforced && st.State != Audited {
		return
	}
	unavailable := func(why string) { st.State, st.Reason, st.Errno = Unavailable, why, 0 }
	also := func(why string) {
		if st.Reason != "" {
			why = st.Reason + "; " + why
		}
		st.Reason = why
	}
	v := s.Visit
	switch st.Control {
	case policy.ExecSessions:
		switch {
		case v == nil:
			unavailable("it is known when a workload runs")
		case v.Err != nil:
			unavailable(fmt.Sprintf("processes cannot be looked at: %v", v.Err))
		case !v.Here:
			unavailable("the enforcer is not the first process of a container, so what came from outside cannot be told from other processes")
		default:
			if !v.Kill && st.State == Enforced {
				st.State = Audited
				also("without CAP_KILL sessions of the enforcer's own user are ended and those of other users only reported")
			}
			if !v.Marked {
				also("without Landlock signal scope (Linux 6.12) an orphan from outside that put a filter on itself first is not told from the workload")
			}
		}
	case policy.ProcessLimit:
		n := e.Needs()
		switch {
		case s.Arms.Forks && n.MaxDepth == 0:
		case v == nil:
			unavailable("it is known when a workload runs")
		case v.Err != nil:
			unavailable(fmt.Sprintf("processes cannot be looked at: %v", v.Err))
		case s.Arms.Forks:
			also("maxDepth is met within about 100 ms of being passed")
		default:
			why := "watched: a limit that is passed is met within about 100 ms, by ending the newest processes"
			if n.ExactForks {
				why += "; each fork is refused at the limit itself after a restart"
			}
			also(why)
		}
	}
}
