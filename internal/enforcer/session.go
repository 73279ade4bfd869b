package enforcer

import (
	"fmt"
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/intercept/sweep"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// Wanted implements sweep.Judge.
func (l *Loop) Wanted() sweep.Wants {
	p := l.current.Load()
	n := p.Engine.Needs()
	return sweep.Wants{Sessions: n.Session, Programs: n.Exec, MaxTasks: n.MaxTasks, MaxDepth: n.MaxDepth, Loads: n.Loads, Policy: p}
}

// Session implements sweep.Judge: the control of sessions judges the program
// with which one begins, the controls of executables every program in it. What
// is denied is killed, because it runs already.
func (l *Loop) Session(s *action.Session) (a intercept.Answer) {
	defer l.caught("session", syscall.EPERM, &a)
	p := l.current.Load()
	l.identify(p, &s.Exec)
	for _, d := range [...]verdict.Decision{p.Engine.Session(s), p.Engine.Exec(&s.Exec)} {
		// A program that cannot be looked at is for the control of sessions to
		// judge, if a policy has it.
		if d.Verdict == verdict.Allow || d.Rule == verdict.RuleUnverified && d.Control != policy.ExecSessions {
			continue
		}
		b := l.answer(d, nil, 0)
		b.Kill = d.Verdict == verdict.Deny
		if b.Kill && (s.Beyond || s.Ended) {
			// It was not stopped: an event must not say that it was denied.
			b.Kill, d.Verdict = false, verdict.Audit
		}
		l.reportSession(p, d, s, b)
		a.Kill = a.Kill || b.Kill
	}
	if !a.Kill {
		l.learn(&s.Exec)
	}
	return a
}

func (l *Loop) reportSession(p *Policies, d verdict.Decision, s *action.Session, a intercept.Answer) {
	proc := *s.Proc
	if s.Path != "" {
		proc.Exe = s.Path // it runs already
	}
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_EXEC, proc: &proc, object: "session " + execKey(&s.Exec),
		fill: func(ev *eventpb.Event) {
			ev.Attributes = map[string]string{"session": strconv.Itoa(s.Root)}
			switch {
			case s.Beyond:
				ev.Attributes["not_stopped"] = fmt.Sprintf("the enforcer may not signal user %d", proc.UID)
			case s.Ended:
				ev.Attributes["not_stopped"] = "it had ended when it was found"
			}
			ev.Process.Outside, ev.Process.Session = true, int32(s.Root)
			fillExec(l, ev, d, &s.Exec)
		}})
}

// Crowd implements sweep.Judge.
func (l *Loop) Crowd(c *action.Crowd) (a intercept.Answer) {
	defer l.caught("crowd", syscall.EAGAIN, &a)
	p := l.current.Load()
	d := p.Engine.Crowd(c)
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	a = l.answer(d, nil, 0)
	a.Kill = d.Verdict == verdict.Deny
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_PROCESS, proc: c.Proc, object: "crowd " + string(d.Rule),
		fill: func(ev *eventpb.Event) {
			detail := fmt.Sprintf("%d tasks", c.Tasks)
			if d.Rule == verdict.RuleMaxDepth {
				detail = fmt.Sprintf("%d generations", c.Depth)
			}
			ev.Object = &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: "clone", Detail: detail}}
		}})
	return a
}
