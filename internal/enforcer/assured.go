package enforcer

import (
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// Unassured reports that the workload's image may not start by what is signed
// about it (verdict.Engine.Image), and says whether it may run all the same. A
// workload that ran before this was known runs on.
func (l *Loop) Unassured(d verdict.Decision, v *attest.Verdict, running bool) (a intercept.Answer) {
	switch {
	case running:
		d.Verdict, d.Mode = verdict.Audit, policy.Audit
	case d.Verdict == verdict.Deny:
		a = intercept.Answer{Errno: syscall.EACCES, Kill: true}
	}
	l.report(found{p: l.current.Load(), d: d, a: a, kind: eventpb.Kind_KIND_LIFECYCLE, object: "image", fill: func(e *eventpb.Event) {
		e.Attributes = map[string]string{}
		if running {
			e.Attributes["runs_on"] = "true"
		}
		if v == nil {
			return
		}
		e.Attributes["result"], e.Attributes["signer"], e.Attributes["judged_at"] = v.Result, v.Signer, v.JudgedAt.Format(time.RFC3339)
		if !v.ExpiresAt.IsZero() {
			e.Attributes["expires_at"] = v.ExpiresAt.Format(time.RFC3339)
		}
	}})
	return a
}
