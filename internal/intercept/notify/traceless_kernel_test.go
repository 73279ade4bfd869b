//go:build kernel

package notify

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// Where nobody can be traced, a program that was swapped in may begin, but no
// governed call of it is carried out, and it is killed.
func TestTracelessRace(t *testing.T) {
	dir := scratch(t)
	race := compile(t, dir, "race")
	compile(t, dir, "good")
	compile(t, dir, "evilcall")
	evil := filepath.Join(dir, "evil")
	if err := os.Rename(filepath.Join(dir, "evilcall"), evil); err != nil {
		t.Fatal(err)
	}
	var seen atomic.Int64
	deny := func(e *action.Exec) intercept.Answer {
		if e.Path == evil {
			return intercept.Answer{Errno: syscall.EACCES}
		}
		return intercept.Allow
	}
	j := &judge{exec: deny, execStarted: func(e *action.Exec) intercept.Answer {
		a := deny(e)
		if a != intercept.Allow {
			seen.Add(1)
		}
		return a
	}}
	withoutTrace = true
	defer func() { withoutTrace = false }()
	rounds := 600
	if testing.Short() {
		rounds = 100
	}
	n := raceRound(t, j, dir, race, rounds)
	t.Logf("%+v; found after they had begun: %d", n, seen.Load())
	// evil counts exit status 66: its call failed. Anything else but good is
	// 67, or a surprise.
	if n.other != 0 || n.evil != 0 {
		t.Errorf("%d programs made a governed call, %d outlived a failed one", n.other, n.evil)
	}
	if n.good == 0 || n.refused == 0 {
		t.Errorf("this is no race: %+v", n)
	}
	if seen.Load() == 0 || int64(n.killed) > seen.Load() {
		t.Errorf("%d killed, %d seen", n.killed, seen.Load())
	}
}

// What is denied, and is not swapped, is refused on this rung as on others.
func TestTracelessRuns(t *testing.T) {
	withoutTrace = true
	defer func() { withoutTrace = false }()
	dir := scratch(t)
	prog := copyOf(t, "/bin/echo", dir, "prog")
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"+prog+" from a script\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	out, st := supervised(t, &judge{}, nil, "/bin/sh", "-c", prog+" one; "+script+"; sh -c '"+prog+" two'; exit 3")
	if out != "one\nfrom a script\ntwo\n" || st.ExitStatus() != 3 {
		t.Errorf("allowed: got %q, %v", out, st)
	}
	// What cannot be looked at is asked about, and not taken for a sign of death.
	wants := intercept.Wants{Refs: true, Env: true, Linker: true}
	out, st = supervised(t, &judge{wants: wants}, nil, "/bin/sh", "-c", "BASH_ENV=/dev/null sh -c 'sleep 0.1; echo looked'; exit 3")
	if out != "looked\n" || st.ExitStatus() != 3 {
		t.Errorf("a device as a script: got %q, %v", out, st)
	}
	for _, how := range []string{"absolute", "symlink", "procfd", "memfd", "thread"} {
		j := &judge{exec: func(e *action.Exec) intercept.Answer {
			if filepath.Base(e.Path) == "prog" || e.Fileless {
				return intercept.Answer{Errno: syscall.EACCES}
			}
			return intercept.Allow
		}}
		out, _ := supervised(t, j, []string{"LIMPET_TEST_HELPER=exec", "HOW=" + how, "TARGET=" + prog, "SCRATCH=" + t.TempDir()}, self(t))
		if out != "permission denied\n" {
			t.Errorf("%s: got %q", how, out)
		}
	}
}
