//go:build kernel

package notify

import (
	"strings"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// 5,000 spawns, up to 200 at once: every one is verified, none hangs.
func TestSpawnStorm(t *testing.T) {
	dir := scratch(t)
	spawn := compile(t, dir, "spawn")
	good := compile(t, dir, "good")
	for _, old := range []bool{false, true} {
		withoutKillable = old
		j := &judge{}
		out, st := supervised(t, j, nil, spawn, "5000", "200", good)
		withoutKillable = false
		n := 0
		for _, p := range j.started {
			if p == good {
				n++
			}
		}
		t.Log(strings.TrimSpace(out))
		if !strings.HasSuffix(out, " 0 bad\n") || st.ExitStatus() != 0 || n != 5000 {
			t.Errorf("without killable %v: got %q, %v; %d verified", old, out, st, n)
		}
	}
}

// Every exec is denied at the exec stop: as many are killed.
func TestSpawnStormDenied(t *testing.T) {
	dir := scratch(t)
	spawn := compile(t, dir, "spawn")
	good := compile(t, dir, "good")
	j := &judge{execStarted: func(e *action.Exec) intercept.Answer {
		if e.Path == good {
			return intercept.Answer{Errno: syscall.EACCES}
		}
		return intercept.Allow
	}}
	out, _ := supervised(t, j, nil, spawn, "1000", "50", good)
	if !strings.HasSuffix(out, " 1000 bad\n") {
		t.Errorf("got %q", out)
	}
}
