package enforcer

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/verdict"
)

// listing is which calls a policy lists, by number.
type listing struct {
	policy *Policies
	set    seccomp.CallSet
}

// callsOfPolicy gives the calls that an engine lists, without those that no
// list reaches.
func callsOfPolicy(e *verdict.Engine) (set seccomp.CallSet) {
	if !e.Needs().Calls {
		return set
	}
	var named seccomp.CallSet
	seccomp.CallNames(func(name string, nr int) {
		named.Add(nr)
		if e.Lists(name) {
			set.Add(nr)
		}
	})
	if e.Lists(callName(seccomp.MaxCall - 1)) { // an allow list: what has no name is not on it
		for nr := range seccomp.MaxCall {
			if !named.Has(nr) {
				set.Add(nr)
			}
		}
	}
	return seccomp.Reachable(set)
}

// callName names a call; a number that has no name here counts as a name that
// no list holds.
func callName(nr int) string {
	found := ""
	seccomp.CallNames(func(name string, n int) {
		if n == nr && (found == "" || found == "fstatat") {
			found = name
		}
	})
	if found == "" {
		return fmt.Sprintf("syscall %d", nr)
	}
	return found
}

// Listed implements intercept.Judge.
func (l *Loop) Listed(nr int) bool {
	p := l.current.Load()
	if p.Engine == nil || !p.Engine.Needs().Calls {
		return false
	}
	k := l.calls.Load()
	if k == nil || k.policy != p {
		k = &listing{policy: p, set: callsOfPolicy(p.Engine)}
		l.calls.Store(k)
	}
	return k.set.Has(nr)
}

// Call implements intercept.Judge.
func (l *Loop) Call(c *action.Call, nr int) (a intercept.Answer) {
	defer l.caught("call", syscall.EPERM, &a)
	p := l.current.Load()
	c.Name = callName(nr)
	d := p.Engine.Call(c)
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	a = l.answer(d, c.Proc, syscall.EPERM)
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_PRIVILEGE, proc: c.Proc, object: c.Name,
		fill: func(ev *eventpb.Event) {
			ev.Object = &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: c.Name}}
		}})
	return a
}

// unlisted says which calls of a policy the filter of this start does not ask
// about.
func unlisted(e *verdict.Engine, a seccomp.Arms) string {
	want := callsOfPolicy(e)
	var missing []string
	seccomp.CallNames(func(name string, nr int) {
		if want.Has(nr) && !a.Calls.Has(nr) && !seccomp.Always(nr) {
			missing = append(missing, name)
		}
	})
	switch n := len(missing); {
	case n == 0:
		return ""
	case n > maxNamed:
		return fmt.Sprintf("%s and %d other calls were not listed when the workload started", strings.Join(missing[:maxNamed], ", "), n-maxNamed)
	}
	return strings.Join(missing, ", ") + ": not listed when the workload started"
}

const maxNamed = 6

// essentialOf names calls that a policy lists and no list reaches.
func essentialOf(e *verdict.Engine) string {
	var out []string
	for _, n := range seccomp.Essential {
		if e.Needs().Calls && e.Lists(n) {
			out = append(out, n)
		}
	}
	if len(out) == 0 || e.Lists(callName(seccomp.MaxCall-1)) {
		return "" // an allow list always leaves them out
	}
	return strings.Join(out, ", ") + ": every program needs these to start or to end, so they stay open"
}

type calls = atomic.Pointer[listing]
