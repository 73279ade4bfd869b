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
	}
}

// unarmed says what a control misses in the filter of this start; "" if
// nothing.
func unarmed(c policy.ControlID, a seccomp.Arms) string {
	switch {
	}
	return ""
}
