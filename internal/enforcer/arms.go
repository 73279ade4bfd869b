package enforcer

import (
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// ArmsOf gives what a filter has to notify for an engine.
func ArmsOf(e *verdict.Engine) seccomp.Arms {
	n := e.Needs()
	return seccomp.Arms{
		Forks:    e.Needs().ExactForks,
		Receives: e.Needs().Names,
		ExecMaps: e.Needs().Maps,
		AnonExec: e.Needs().Anon,
		Reads:    n.Files.Reads != verdict.Allow,
		Logs:     n.Logs,
		Calls:    callsOfPolicy(e),
		Accepts:  e.Needs().Accept,
	}
}

// unarmed says what a control misses in the filter of this start; "" if
// nothing.
func unarmed(c policy.ControlID, a seccomp.Arms) string {
	switch {
	case c == policy.AnonymousExecutable && !a.AnonExec:
		return "it was off when the workload started, so executable memory is not asked about"
	case c == policy.Inbound && !a.Accepts:
		return "inbound connections were not judged when the workload started"
	}
	return ""
}

// partly says what a control that holds otherwise misses in the filter of this
// start; "" if nothing.
func partly(c policy.ControlID, e *verdict.Engine, a seccomp.Arms) string {
	switch c {
	case policy.Syscalls:
		return essentialOf(e)
	case policy.Drift, policy.Fileless:
		if e.Needs().Maps && !a.ExecMaps {
			return "restart required for shared objects: none were looked at when the workload started"
		}
	case policy.FileRead, policy.FileWrite, policy.ReadOnlyFiles:
		return "open files that a process outside hands over a unix socket are not looked at; connecting to one is reported"
	}
	return ""
}

// unarmedFiles takes back what a control says about files when the filter of
// this start does not notify what it needs.
func unarmedFiles(st *ControlStatus, e *verdict.Engine, a seccomp.Arms) {
	if st.State != Enforced && st.State != Audited {
		return
	}
	why := ""
	switch {
	case !a.Reads && e.ReadsFiles(st.Control):
		why = "no control looked at reads when the workload started, so opens for reading are not seen"
	case !a.Logs && st.Control == policy.SystemTampering && e.Needs().Logs:
		why = "no logs were named when the workload started, so cutting them through a descriptor is not seen"
	default:
		return
	}
	st.State, st.Reason = Unavailable, "restart required: "+why
}
