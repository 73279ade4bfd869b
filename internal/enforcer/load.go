package enforcer

import (
	"fmt"
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/intercept/sweep"
	"github.com/limpet-security/limpet/internal/verdict"
)

var _ sweep.LoadJudge = (*Loop)(nil)

// Load implements sweep.LoadJudge. A process that runs can only be ended: where
// the response of the control is not that, it is reported and goes on.
func (l *Loop) Load(w *action.Load) (a intercept.Answer) {
	defer l.caught("load", 0, &a)
	p := l.current.Load()
	d := p.Engine.Load(w)
	if d.Verdict == verdict.Deny && !d.Kill {
		d.Verdict = verdict.Audit
	}
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	a = l.answer(d, nil, 0)
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_PROCESS, proc: w.Proc, object: "load " + w.Proc.Exe,
		fill: func(ev *eventpb.Event) {
			ev.Object = &eventpb.Event_File{File: &eventpb.FileObject{Path: w.Proc.Exe, Digest: ev.Process.Digest}}
			if len(ev.Process.Args) == 0 {
				ev.Process.Args = event.Redact(w.Args)
			}
			ev.Attributes = map[string]string{"evidence": evidence(w)}
		}})
	return a
}

// evidence says in words what speaks against a process.
func evidence(w *action.Load) string {
	out := []string{fmt.Sprintf("%d threads without a rest for %d s", w.Threads, w.Seconds)}
	if w.Pinned > 0 {
		out = append(out, fmt.Sprintf("%d of them bound to one processor each", w.Pinned))
	}
	if w.HugePages > 0 {
		out = append(out, fmt.Sprintf("%d MiB of huge pages", w.HugePages>>20))
	}
	if w.Code > 0 {
		out = append(out, fmt.Sprintf("%d KiB of code that it made itself", w.Code>>10))
	}
	if w.Dataset {
		out = append(out, "memory of the size of RandomX's data set")
	}
	return strings.Join(out, ", ")
}
