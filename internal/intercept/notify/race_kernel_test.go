//go:build kernel

package notify

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// compile builds a C program from testdata.
func compile(t testing.TB, dir, name string) string {
	t.Helper()
	out := filepath.Join(dir, name)
	if ready := os.Getenv("LIMPET_TEST_PROGRAMS"); ready != "" { // in a container without a compiler
		b, err := os.ReadFile(filepath.Join(ready, name))
		if err == nil {
			err = os.WriteFile(out, b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	cmd := exec.Command("gcc", "-O2", "-static", "-pthread", "-o", out, filepath.Join("testdata", name+".c"))
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot compile %s: %v\n%s", name, err, b)
	}
	return out
}

type tally struct{ good, evil, refused, killed, other int }

func raceRound(t *testing.T, j *judge, dir, race string, rounds int) (n tally) {
	t.Helper()
	out, _ := supervised(t, j, nil, race, dir, fmt.Sprint(rounds))
	if _, err := fmt.Sscanf(out, "good %d evil %d refused %d killed %d other %d", &n.good, &n.evil, &n.refused, &n.killed, &n.other); err != nil {
		t.Fatalf("cannot read %q: %v", out, err)
	}
	return n
}

// wantWins is how many won races the test waits for: the attacker got the
// kernel to map the forbidden program after the allowed one was judged.
const wantWins = 1000

func TestExecRace(t *testing.T) {
	dir := scratch(t)
	race := compile(t, dir, "race")
	compile(t, dir, "good")
	evil := compile(t, dir, "evil")
	var wins atomic.Int64
	judgeOf := func() *judge {
		return &judge{
			exec: func(e *action.Exec) intercept.Answer {
				if e.Path == evil {
					return intercept.Answer{Errno: syscall.EACCES}
				}
				return intercept.Allow
			},
			execStarted: func(e *action.Exec) intercept.Answer {
				if e.Path == evil {
					wins.Add(1)
					return intercept.Answer{Errno: syscall.EACCES}
				}
				return intercept.Allow
			},
		}
	}
	wantWins, rounds := int64(wantWins), 1000
	if testing.Short() {
		wantWins, rounds = 10, 50
	}
	var sum tally
	for deadline := time.Now().Add(3 * time.Minute); wins.Load() < wantWins && time.Now().Before(deadline); {
		n := raceRound(t, judgeOf(), dir, race, rounds)
		sum.good += n.good
		sum.evil += n.evil
		sum.refused += n.refused
		sum.killed += n.killed
		sum.other += n.other
	}
	t.Logf("%+v; won by the attacker: %d", sum, wins.Load())
	if sum.evil != 0 {
		t.Errorf("the forbidden program ran %d times", sum.evil)
	}
	if wins.Load() < wantWins || int64(sum.killed) != wins.Load() || sum.other != 0 {
		t.Errorf("%d races won, %d killed, %d other ends", wins.Load(), sum.killed, sum.other)
	}
}

// The control run: a verdict on the path followed by CONTINUE lets the
// forbidden program run, so the attack above is real.
func TestExecRaceBeatsContinue(t *testing.T) {
	dir := scratch(t)
	race := compile(t, dir, "race")
	compile(t, dir, "good")
	compile(t, dir, "evil")
	replace = []entry{{"execve", func(_ *Supervisor, c *Call) Response {
		p, err := c.ReadString(c.Args[0], action.MaxPath)
		if errors.Is(err, os.ErrNotExist) || filepath.Base(p) == "evil" {
			return fail(syscall.EACCES)
		}
		return cont()
	}}}
	defer func() { replace = nil }()
	rounds := 1000
	if testing.Short() {
		rounds = 200
	}
	for range 20 { // under emulation some hundred rounds may all be refused
		n := raceRound(t, &judge{}, dir, race, rounds)
		t.Logf("%+v", n)
		if n.evil > 0 {
			return
		}
	}
	t.Error("the control attack never succeeded: the race test proves nothing")
}
