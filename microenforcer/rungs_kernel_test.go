//go:build kernel

package microenforcer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// masked makes the cell a host on which the calls of words (testdata/mask)
// fail with errno.
func (c *cell) masked(t testing.TB, errno string, words ...string) {
	t.Helper()
	out := filepath.Join(c.dir, "mask")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/mask")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build mask: %v\n%s", err, b)
	}
	c.mask = append(append([]string{"/tmp/mask", errno}, words...), "--")
}

// S1 on rung B: where a seccomp listener is busy or unknown, every attack of
// the corpus is seen in audit mode and stopped in enforce mode by the ptrace
// engine.
func TestTracedAttacks(t *testing.T) {
	c := newCell(t)
	c.masked(t, "22", "listener") // EINVAL, as gVisor says
	attacks(t, c)
}
