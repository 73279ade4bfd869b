//go:build docker && kernel

package notify

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Calls on files look the same in containers as users start them: on an
// overlay, with Docker's default capabilities, and with less.
func TestFilesInDocker(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	bin, image := forContainers(ctx, t, "filecorners", "filerace", "filesignals")
	const old = "as on Linux 5.10"
	for _, c := range []struct {
		name string
		args []string
	}{
		{"root", nil},
		{"uid 1000", []string{"-u", "1000:1000"}},
		{"without capabilities", []string{"--cap-drop", "ALL"}},
		{"with SYS_PTRACE", []string{"--cap-add", "SYS_PTRACE"}},
		{old, []string{"--security-opt", "seccomp=testdata/linux510.json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"run", "--rm", "-v", bin + ":/t:ro", "-e", "LIMPET_TEST_PROGRAMS=/t", "-e", "LIMPET_RACE_ROUNDS=3000"}, c.args...)
			tests := "^TestFileCallsAre|^TestFileRaces|^TestFilesUnder"
			if c.name == old {
				// An interrupted open of a FIFO is ours a moment longer there.
				tests = "^TestFileRaces|^TestFilesUnder"
			}
			args = append(args, image, "/t/notify.test", "-test.run", tests, "-test.count=1", "-test.v")
			if out := run(t, exec.CommandContext(ctx, "docker", args...)); strings.Count(out, "--- PASS: TestFile") < 6 {
				t.Errorf("not every test ran:\n%s", out)
			}
		})
	}
}
