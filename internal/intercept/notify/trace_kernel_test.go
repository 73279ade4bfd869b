//go:build kernel

package notify

import (
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
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
