package enforcer

import (
	"strconv"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/verdict"
)

var _ intercept.ShellJudge = (*Loop)(nil)

// JudgesRelays implements intercept.ShellJudge.
func (l *Loop) JudgesRelays() bool { return l.current.Load().Engine.Needs().Relays }

// Relayed implements intercept.ShellJudge. Digest and Origin are those of the
// exec.
func (l *Loop) Relayed(e *action.Exec) (a intercept.Answer) {
	defer l.caught("relayed shell", syscall.EACCES, &a)
	p := l.current.Load()
	d := p.Engine.Relayed(e)
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	a = l.answer(d, nil, syscall.EACCES)
	a.Kill = a != intercept.Allow // it runs, or is about to
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_EXEC, proc: e.Proc, object: "relayed " + execKey(e),
		fill: func(ev *eventpb.Event) {
			fillExec(l, ev, d, e)
			if ev.Attributes == nil {
				ev.Attributes = map[string]string{}
			}
			tellRelay(ev.Attributes, e.Relay)
		}})
	return a
}

// tellRelay says in attributes who carries a shell's commands.
func tellRelay(to map[string]string, r *action.Relay) {
	peers := make([]string, len(r.Peers))
	for i, p := range r.Peers {
		peers[i] = p.String()
	}
	to["via"], to["peer"] = r.Via, strings.Join(peers, " ")
	to["relay"], to["relay_pid"] = r.In, strconv.Itoa(r.InPID)
	if r.OutPID != r.InPID {
		to["relay_out"], to["relay_out_pid"] = r.Out, strconv.Itoa(r.OutPID)
	}
}
