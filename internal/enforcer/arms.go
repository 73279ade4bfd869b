package enforcer

import (
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// ArmsOf gives what a filter has to notify for an engine.
func ArmsOf(e *verdict.Engine) seccomp.Arms {
	return seccomp.Arms{
		Forks: e.Mode(policy.ProcessLimit) != policy.Off,
	}
}

// unarmed says what a control misses in the filter of this start; "" if
// nothing.
func unarmed(c policy.ControlID, a seccomp.Arms) string {
	switch {
	case c == policy.ProcessLimit && !a.Forks:
		return "the limit was off when the workload started, so its forks are not counted"
	}
	return ""
}
