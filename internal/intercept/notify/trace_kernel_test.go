//go:build kernel

package notify

import (
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Where the policy permits tracing, strace works below us.
func TestStraceWorks(t *testing.T) {
	var asked int
	j := &judge{privilege: func(p *action.Privilege) intercept.Answer {
		if p.Kind == action.PrivTrace {
			asked++
		}
		return intercept.Allow
	}}
	out, st := supervised(t, j, nil, "/usr/bin/strace", "-f", "-e", "trace=execve", "/bin/sh", "-c", "/bin/echo traced; exit 5")
	if !strings.Contains(out, "\ntraced\n") || !strings.Contains(out, `execve("/bin/echo"`) || st.ExitStatus() != 5 || asked == 0 {
		t.Errorf("got %q, %v; asked %d times", out, st, asked)
	}
}

// What the kernel writes about a tracee arrives also when the goroutine's stack
// grows on the way into the call: a stale address would be somebody else's stack.
func TestTraceAcrossStacks(t *testing.T) {
	const mask = 0x5555000000000000
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/bin/sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	pid := cmd.Process.Pid
	if err := errors.Join(linux.Seize(pid, 0), linux.Interrupt(pid)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := linux.WaitTracee(pid); err != nil {
		t.Fatal(err)
	}
	if err := linux.SetSigMask(pid, mask); err != nil {
		t.Fatal(err)
	}
	bad := 0
	for depth := range 1500 {
		lost := deeper(depth, func() bool {
			m, err := linux.GetSigMask(pid)
			return err != nil || m != mask
		})
		lost = deeper(depth, func() bool {
			var r linux.Regs
			return linux.GetRegs(pid, &r) != nil || r.SP() == 0
		}) || lost
		if lost {
			bad++
		}
	}
	if bad > 0 {
		t.Errorf("%d of 1500 answers were written elsewhere", bad)
	}
}

// deeper runs fn on this thread with some more on a stack that is as small as it
// can be: the collector has just shrunk it.
func deeper(depth int, fn func() bool) bool {
	if depth%8 == 0 {
		runtime.GC()
	}
	return down(depth, fn)
}

//go:noinline
func down(depth int, fn func() bool) bool {
	if depth == 0 {
		return fn()
	}
	return down(depth-1, fn) && depth > 0
}
