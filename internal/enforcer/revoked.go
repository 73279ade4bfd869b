package enforcer

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// Revoked reports that the workload's image is revoked, and says whether it may
// run: it may not where the group enforces. A workload that ran before its image
// was revoked may run on.
func (l *Loop) Revoked(mode policy.Mode, running bool) (a intercept.Answer) {
	d := verdict.Decision{Verdict: verdict.Audit, Mode: policy.Audit, Control: policy.RevokedImage, Rule: "image"}
	switch {
	case mode == policy.Off:
		return intercept.Allow
	case running:
		d.Rule = "runs-on"
	case mode == policy.Enforce:
		d.Verdict, d.Mode = verdict.Deny, policy.Enforce
		a = intercept.Answer{Errno: syscall.EACCES, Kill: true}
	}
	l.report(found{p: l.current.Load(), d: d, a: a, kind: eventpb.Kind_KIND_LIFECYCLE, object: "image", fill: func(*eventpb.Event) {}})
	return a
}
