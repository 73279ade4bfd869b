package enforcer

import (
	"fmt"
	"slices"

	"github.com/limpet-security/limpet/internal/kernel/probe"
	"github.com/limpet-security/limpet/internal/policy"
)

// judgedTwice are the controls whose second look is taken at the exec stop,
// and that are audit, not gone, where no task can be stopped (rung A3).
var judgedTwice = []policy.ControlID{
	policy.AllowedExecutables, policy.DeniedExecutables, policy.Drift, policy.Fileless, policy.PackageManagers,
	policy.ReverseShell, policy.BindShell, policy.SetuidBinaries, policy.Interpreters, policy.Preload, policy.Users,
}

// traceless says what is left of a control on rung A3 (package notify,
// traceless.go): what is denied does not start, but whoever wins a race
// against the check gets it started, and it runs until it is looked at.
func traceless(st *ControlStatus, s Support) bool {
	if s.rung() != "A3" || !s.Report.Has(probe.ProcMem) || !slices.Contains(judgedTwice, st.Control) {
		return false
	}
	if st.State == Enforced {
		st.State = Audited
	}
	for _, f := range s.Report.Facilities {
		if f.Name == probe.Ptrace {
			st.Errno = f.Errno
		}
	}
	st.because(fmt.Sprintf("without ptrace (%v) a denied program is refused, but one that is swapped in during the check runs, without any governed call, until it is seen and killed", st.Errno))
	if !s.Report.Has(probe.OtherUID) && s.Report.UID == 0 {
		st.because("a process that gives up its identity cannot be looked into, so that its programs and connections count as unverified")
	}
	return true
}
