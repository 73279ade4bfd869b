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
}

func (t *teller) DescribeCaller() {
	t.asked++
	t.e.Proc.PPID, t.e.Proc.Comm, t.e.Proc.StartTime = 77, "who", 99
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
