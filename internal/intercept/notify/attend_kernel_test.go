//go:build kernel

package notify

import (
	"strings"
	"sync"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
)

// TestSlowExecHoldsUpNobody: while the verdict on one program does not come,
// another is judged, at both of its questions. It hangs where the lead stays
// with the thread that waits.
func TestSlowExecHoldsUpNobody(t *testing.T) {
	for _, at := range []string{"before", "at the stop"} {
		var once sync.Once
		other := make(chan struct{})
		wait := func(e *action.Exec) intercept.Answer {
			switch {
			case strings.HasSuffix(e.Path, "/true"):
				<-other
			case strings.HasSuffix(e.Path, "/echo"):
				once.Do(func() { close(other) })
			}
			return intercept.Allow
		}
		j := &judge{exec: wait}
		if at != "before" {
			j = &judge{execStarted: wait}
		}
		out, st := supervised(t, j, nil, "/bin/sh", "-c", "/bin/true & sleep 0.1; /bin/echo ran; wait")
		if strings.TrimSpace(out) != "ran" || st != 0 {
			t.Errorf("%s: %q, status %v", at, out, st)
		}
	}
}
