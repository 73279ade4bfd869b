//go:build kernel

package notify

import (
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// A call that makes memory executable is looked at again at its return, by
// tracing its thread. A signal that interrupts the call (without WAIT_KILLABLE)
// makes the kernel begin it again, while the first look is still going on: the
// second must not take the first for a debugger and refuse what it cannot see.
func TestMapsUnderSignals(t *testing.T) {
	p := program(t, "mapsignals")
	arms = &seccomp.Arms{ExecMaps: true, AnonExec: true}
	defer func() { arms = nil }()
	last := storm(t, 0)
	eachKernel(t, func(t *testing.T) {
		var asked atomic.Int64
		j := &judge{maps: func(m *action.Map) intercept.Answer {
			if asked.Add(1); m.Unverified {
				return intercept.Answer{Errno: syscall.EACCES}
			}
			return intercept.Allow
		}}
		out, st := supervised(t, j, nil, p, "1500", strconv.Itoa(int(last.Seconds())))
		t.Logf("asked %d times, %s", asked.Load(), strings.TrimSpace(out))
		if !strings.Contains(out, "\n0 bad\n") && !strings.HasPrefix(out, "0 bad\n") || st != 0 || asked.Load() < 1500 {
			t.Errorf("status %#x", uint32(st))
		}
	})
}
