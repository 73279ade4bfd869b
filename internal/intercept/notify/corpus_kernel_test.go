//go:build kernel

package notify

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

func soaked(n int) int {
	if os.Getenv("LIMPET_SOAK") != "" {
		return 10 * n
	}
	return n
}

// denied refuses one program.
func denied(path string, asked *atomic.Int64) *judge {
	no := func(e *action.Exec) intercept.Answer {
		asked.Add(1)
		if e.Path == path {
			return intercept.Answer{Errno: syscall.EACCES}
		}
		return intercept.Allow
	}
	return &judge{exec: no, execStarted: no}
}

// The entry points of other ABIs are closed, whatever is asked of them.
func TestExecByOtherABIs(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Log("this architecture has no such entry points")
		return
	}
	dir := scratch(t)
	target := copyOf(t, "/bin/echo", dir, "prog")
	out, _ := supervised(t, &judge{}, nil, compile(t, dir, "corpus"), "abi", target)
	want := "i386 -38\nx32 -1 38\nx32 number -1 38\n"
	if out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

// What is refused once is refused every time.
func TestExecRefusedAgainAndAgain(t *testing.T) {
	dir := scratch(t)
	target := copyOf(t, "/bin/echo", dir, "prog")
	var asked atomic.Int64
	n := soaked(10_000)
	out, _ := supervised(t, denied(target, &asked), nil, compile(t, dir, "corpus"), "retry", target, fmt.Sprint(n))
	if out != fmt.Sprintf("refused %d other 0\n", n) || asked.Load() < int64(n) {
		t.Errorf("got %q, asked %d times", out, asked.Load())
	}
}

// Strings and arrays that end where memory ends give what the kernel gives.
func TestExecAtTheEdgeOfMemory(t *testing.T) {
	dir := scratch(t)
	target := copyOf(t, "/bin/true", dir, "prog")
	var last action.Exec
	j := &judge{wants: intercept.Wants{Refs: true, Env: true, IDs: true}, execStarted: func(e *action.Exec) intercept.Answer {
		last = *e
		last.Args = slices.Clone(e.Args)
		return intercept.Allow
	}}
	out, _ := supervised(t, j, nil, compile(t, dir, "corpus"), "edge", target)
	efault := int(syscall.EFAULT)
	want := fmt.Sprintf("whole 0\npath %d\nargument %d\narray %d\nenvironment %d\n", efault, efault, efault, efault)
	if out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if len(last.Args) != 2 || last.Args[1] != target || last.Unverified {
		t.Errorf("judged %+v", last)
	}
}

// An argument that a thread changes after it was judged is seen at the exec
// stop: what runs was judged with the arguments that it has.
func TestArgumentsAreThoseOfTheNewStack(t *testing.T) {
	dir := scratch(t)
	target := copyOf(t, "/bin/true", dir, "prog")
	var late, ran atomic.Int64
	evil := func(e *action.Exec) bool { return len(e.Args) == 2 && strings.Contains(e.Args[1], "evil") }
	j := &judge{
		exec: func(e *action.Exec) intercept.Answer {
			if e.Path == target && evil(e) {
				return intercept.Answer{Errno: syscall.EACCES}
			}
			return intercept.Allow
		},
		execStarted: func(e *action.Exec) intercept.Answer {
			switch {
			case e.Path != target:
			case evil(e):
				late.Add(1)
				return intercept.Answer{Errno: syscall.EACCES}
			default:
				ran.Add(1)
			}
			return intercept.Allow
		},
	}
	out, _ := supervised(t, j, nil, compile(t, dir, "corpus"), "swap", target, fmt.Sprint(soaked(600)))
	var good, refused, killed int64
	if _, err := fmt.Sscanf(out, "ran %d refused %d killed %d", &good, &refused, &killed); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	t.Logf("ran %d, refused %d, killed %d", good, refused, killed)
	if killed != late.Load() || good != ran.Load() || killed == 0 {
		t.Errorf("%q; seen late %d, judged good %d", out, late.Load(), ran.Load())
	}
}

// What arguments and environment name is found as the program would find it,
// at both questions.
func TestRefsOfAnExec(t *testing.T) {
	dir := scratch(t)
	script := filepath.Join(dir, "s.sh")
	_ = os.WriteFile(script, []byte("echo script\n"), 0o644)
	lib := copyOf(t, "/bin/true", dir, "lib.so")
	see := func(asked *[]action.Ref, e *action.Exec) {
		for _, r := range e.Refs {
			r.File = action.File{}
			r.FD = -1
			*asked = append(*asked, r)
		}
	}
	var before, after []action.Ref
	j := &judge{
		wants:       intercept.Wants{Refs: true, Env: true},
		exec:        func(e *action.Exec) intercept.Answer { see(&before, e); return intercept.Allow },
		execStarted: func(e *action.Exec) intercept.Answer { see(&after, e); return intercept.Allow },
	}
	supervised(t, j, []string{"LD_PRELOAD=" + lib}, "/bin/sh", "-c", "cd "+dir+" && exec env -u LD_PRELOAD LD_AUDIT="+lib+" sh ./s.sh")
	for name, got := range map[string][]action.Ref{"before": before, "after": after} {
		var kinds []string
		for _, r := range got {
			kinds = append(kinds, fmt.Sprint(r.Kind, " ", r.Via, " ", r.Path))
		}
		for _, want := range []string{
			fmt.Sprint(action.RefCode, " -c "), fmt.Sprint(action.RefPreload, " LD_PRELOAD ", lib),
			fmt.Sprint(action.RefWrapper, " argument "), fmt.Sprint(action.RefScript, " argument ", script), fmt.Sprint(action.RefAudit, " LD_AUDIT ", lib),
		} {
			if !slices.Contains(kinds, want) {
				t.Errorf("%s: no %q in %q", name, want, kinds)
			}
		}
	}
}
