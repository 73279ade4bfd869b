package enforcer

import (
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// ArmsOf gives what a filter has to notify for an engine.
func ArmsOf(e *verdict.Engine) seccomp.Arms {
	return seccomp.Arms{
		Forks:    e.Needs().ExactForks,
		Receives: e.Needs().Names,
		ExecMaps: e.Needs().Maps,
		AnonExec: e.Needs().Anon,
	}
}

// unarmed says what a control misses in the filter of this start; "" if
// nothing.
func unarmed(c policy.ControlID, a seccomp.Arms) string {
	switch {
	case c == policy.AnonymousExecutable && !a.AnonExec:
		return "it was off when the workload started, so executable memory is not asked about"
	}
	return ""
}

// partly says what a control that holds otherwise misses in the filter of this
// start; "" if nothing.
func partly(c policy.ControlID, e *verdict.Engine, a seccomp.Arms) string {
	switch c {
	case policy.Drift, policy.Fileless:
		if e.Needs().Maps && !a.ExecMaps {
			return "restart required for shared objects: none were looked at when the workload started"
		}
	}
	return ""
}
