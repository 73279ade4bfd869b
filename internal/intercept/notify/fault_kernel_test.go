//go:build kernel

package notify

import (
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// A panic before an exec refuses it; one at the exec stop kills the process;
// the supervisor goes on either way.
func TestPanicsFailClosed(t *testing.T) {
	dir := scratch(t)
	target := copyOf(t, "/bin/echo", dir, "prog")
	panics := func(e *action.Exec) intercept.Answer {
		if e.Path == target {
			panic("injected")
		}
		return intercept.Allow
	}
	script := target + " one; /bin/echo two"
	for _, c := range []struct {
		j    *judge
		want string
	}{
		{&judge{exec: panics}, "/bin/sh: 1: " + target + ": Operation not permitted\ntwo\n"},
		{&judge{execStarted: panics}, "Killed\ntwo\n"},
	} {
		expectFaults = 1
		out, st := supervised(t, c.j, nil, "/bin/sh", "-c", script)
		if out != c.want || st.ExitStatus() != 0 || expectFaults != 0 {
			t.Errorf("got %q, %v; %d faults missing", out, st, expectFaults)
		}
	}
}

// Two megabytes of arguments: the bounds hold, the program runs.
func TestHugeArguments(t *testing.T) {
	var last action.Exec
	j := &judge{exec: func(e *action.Exec) intercept.Answer {
		last = *e
		return intercept.Allow
	}}
	out, st := supervised(t, j, []string{"LIMPET_TEST_HELPER=exec", "HOW=huge", "TARGET=/bin/true"}, self(t))
	if out != "" || st != syscall.WaitStatus(0) || !last.ArgsTruncated || len(last.Args) < 60 || len(last.Args) > action.MaxArgs {
		t.Errorf("got %q, %v; %d arguments, truncated %v", out, st, len(last.Args), last.ArgsTruncated)
	}
}
