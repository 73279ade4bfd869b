package enforcer

import (
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// teller describes the caller of an exec when it is asked.
type teller struct {
	e     *action.Exec
	asked int
	gone  bool
}

func (t *teller) DescribeCaller() bool {
	t.asked++
	t.e.Proc.PPID, t.e.Proc.Comm, t.e.Proc.StartTime = 77, "who", 99
	return !t.gone
}

// TestInterruptedExecs: a call that is no longer waited for when it has been
// judged is neither reported nor counted; it comes again.
func TestInterruptedExecs(t *testing.T) {
	for _, mode := range []string{"audit", "enforce"} {
		l, k := newLoop(t, Config{}, "    deniedExecutables: {mode: "+mode+", paths: [/bin/bad]}")
		for _, gone := range []bool{true, true, false} {
			e := &action.Exec{Proc: &action.Process{PID: 5, TID: 5, Exe: "/bin/sh"}, Path: "/bin/bad", Requested: "/bin/bad", FD: -1}
			e.Caller = &teller{e: e, gone: gone}
			if a := l.Exec(e); a == intercept.Allow && (gone || mode == "enforce") {
				t.Errorf("%s, gone %v: %+v", mode, gone, a)
			}
		}
		l.Flush()
		if events := k.take(); len(events) != 1 || events[0].Count != 1 || l.Violations() != 1 {
			t.Errorf("%s: %d violations, %v", mode, l.Violations(), events)
		}
	}
}

// TestThinCallers: who called is asked for when an event tells of it, once, and
// not for a program that is let run.
func TestThinCallers(t *testing.T) {
	l, k := newLoop(t, Config{}, "    deniedExecutables: {mode: enforce, paths: [/bin/bad]}")
	if !l.Wants().Thin {
		t.Fatal("callers are described for nothing")
	}
	ask := func(path string, started bool) (intercept.Answer, *teller) {
		e := &action.Exec{Proc: &action.Process{PID: 5, TID: 5, Exe: "/bin/sh"}, Path: path, Requested: path, FD: -1}
		who := &teller{e: e}
		e.Caller = who
		if started {
			return l.ExecStarted(e), who
		}
		return l.Exec(e), who
	}
	for _, started := range []bool{false, true} {
		if a, who := ask("/bin/good", started); a != intercept.Allow || who.asked != 0 {
			t.Errorf("started %v: %+v, asked %d times", started, a, who.asked)
		}
		if a, who := ask("/bin/bad", started); a == intercept.Allow || who.asked != 1 {
			t.Errorf("started %v: %+v, asked %d times", started, a, who.asked)
		}
	}
	l.Flush()
	events := k.take()
	if len(events) == 0 {
		t.Fatal("no event")
	}
	for _, e := range events {
		if e.Process.Ppid != 77 || e.Process.Comm != "who" || e.Process.StartTime != 99 {
			t.Errorf("an event of nobody: %v", e.Process)
		}
	}
}
