//go:build docker

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// storms runs a Java machine and V8 under a signal a millisecond, to threads
// in turn, with the default policy enforced: on this kernel, and where signals
// interrupt notifications, as before Linux 5.19. Nothing may hang, and nothing
// fail. LIMPET_SOAK: ten minutes.
func (h *harbour) storms(t *testing.T) {
	last := 3 * time.Second
	if os.Getenv("LIMPET_SOAK") != "" {
		last = 10 * time.Minute
	}
	old, err := filepath.Abs(filepath.Join(root, "internal/intercept/notify/testdata/linux510.json"))
	if err != nil {
		t.Fatal(err)
	}
	const node = "node --cpu-prof --cpu-prof-interval 1000 /case/storm.js"
	for _, c := range []struct{ name, flag, program string }{
		{"java", "--init=false", "java /case/Storm.java"},
		{"java without WAIT_KILLABLE", "--security-opt=seccomp=" + old, "java /case/Storm.java"},
		{"node", "--init=false", node},
		{"node without WAIT_KILLABLE", "--security-opt=seccomp=" + old, node},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), last+2*caseLimit)
			defer cancel()
			args := []string{"run", "--name", h.container(t, ""), "--network", "none", c.flag, h.tag("workshop-wrapped"), "/case/storm.sh", strconv.Itoa(int(last.Seconds()))}
			cmd := exec.CommandContext(ctx, "docker", append(args, strings.Fields(c.program)...)...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			events, rest := splitEvents(stderr.String())
			if err != nil || stdout.String() != "ended, 0 bad\n" {
				t.Errorf("%v\n%s%s", err, &stdout, rest)
			}
			for _, line := range events {
				var e struct{ Verdict string }
				if json.Unmarshal([]byte(line), &e) != nil || e.Verdict == "VERDICT_DENY" {
					t.Errorf("legitimate work was denied: %s", line)
				}
			}
			t.Log(strings.TrimSpace(rest))
		})
	}
}
