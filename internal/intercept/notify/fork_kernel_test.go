//go:build kernel

package notify

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// A shell that starts 200 processes meets the limit of 40 tasks, as EAGAIN,
// after about 40 of them.
func TestForkLimit(t *testing.T) {
	const limit = 40
	var granted atomic.Int64
	j := &judge{fork: func(f *action.Fork) intercept.Answer {
		if f.Tasks > limit {
			return intercept.Answer{Errno: syscall.EAGAIN}
		}
		granted.Add(1)
		return intercept.Allow
	}}
	out, st := supervised(t, j, nil, "/bin/sh", "-c", "i=0; while [ $i -lt 200 ]; do sleep 2 & i=$((i+1)); done; wait; echo end")
	n := granted.Load()
	if !strings.Contains(out, "fork") || st.ExitStatus() == 0 || n < limit/2 || n > limit {
		t.Errorf("got %q, %v after %d forks", out, st, n)
	}
}

// Threads are counted and refused as processes are.
func TestThreadsAreCounted(t *testing.T) {
	var threads, most atomic.Int64
	j := &judge{fork: func(f *action.Fork) intercept.Answer {
		if f.Thread {
			threads.Add(1)
		}
		most.Store(max(most.Load(), int64(f.Tasks)))
		return intercept.Allow
	}}
	dir := scratch(t)
	supervised(t, j, nil, compile(t, dir, "threads"), compile(t, dir, "good"))
	if threads.Load() != 51 || most.Load() < 20 {
		t.Errorf("%d threads seen, at most %d tasks", threads.Load(), most.Load())
	}
}

// A denied namespace, mount or kernel call fails with the judge's errno, and
// the call is named.
func TestPrivilegeCallsAreJudged(t *testing.T) {
	var names []string
	j := &judge{privilege: func(p *action.Privilege) intercept.Answer {
		names = append(names, p.Syscall+" "+p.Detail)
		return intercept.Answer{Errno: syscall.EPERM}
	}}
	out, _ := supervised(t, j, nil, "/usr/bin/unshare", "--user", "--mount", "/bin/true")
	if !strings.Contains(out, "not permitted") || len(names) != 1 || names[0] != "unshare CLONE_NEWUSER|CLONE_NEWNS" {
		t.Errorf("got %q, asked %q", out, names)
	}
}
