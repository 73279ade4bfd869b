//go:build kernel

package microenforcer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// cell runs the enforcer as PID 1 of namespaces of its own: processes,
// network (with the attacked addresses on its loopback) and a private /tmp.
type cell struct {
	dir     string // shows as /tmp inside
	serving []string
	mask    []string // of testdata/mask, put in front of the enforcer
}

// The addresses that attacks are aimed at exist inside the cell only.
const (
	cellPeer     = "10.99.0.1"
	cellMetadata = "169.254.169.254"
)

func newCell(t testing.TB) *cell {
	t.Helper()
	enforcer, attack := programs(t)
	c := &cell{dir: t.TempDir()}
	os.Chmod(c.dir, 0o777)
	for _, n := range attackNames {
		copyFile(t, attack, filepath.Join(c.dir, n))
	}
	copyFile(t, enforcer, filepath.Join(c.dir, "microenforcer"))
	writeManifest(t, filepath.Join(c.dir, "manifest"), map[string]string{
		filepath.Join(c.dir, "attack"): "/tmp/attack", filepath.Join(c.dir, "other"): "/tmp/other",
		filepath.Join(c.dir, "apt-get"): "/tmp/apt-get", filepath.Join(c.dir, "sh"): "/tmp/sh",
	})
	return c
}

// command is microenforcer with flags, as PID 1 of the cell.
func (c *cell) command(args ...string) *exec.Cmd {
	script := `set -e
mount --bind "$CELL" /tmp
ip link set lo up
ip addr add ` + cellPeer + `/32 dev lo
ip addr add ` + cellMetadata + `/32 dev lo
if [ -n "$SERVE" ]; then
  /tmp/attack serve ` + cellPeer + `:80 ` + cellMetadata + `:80 >/tmp/served & 
  while ! grep -q serving /tmp/served; do sleep 0.01; done
fi
cd /
exec "$@"`
	argv := []string{"-n", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", script, "sh"}
	argv = append(append(argv, c.mask...), "/tmp/microenforcer")
	cmd := exec.Command("unshare", append(argv, args...)...)
	cmd.Env = append(os.Environ(), "CELL="+c.dir)
	return cmd
}

// run gives the result of one supervised command in the cell.
func (c *cell) run(t testing.TB, flags []string, command ...string) result {
	t.Helper()
	args := append([]string{"run", "--events", "/tmp/events.jsonl"}, flags...)
	cmd := c.command(append(append(args, "--"), command...)...)
	cmd.Env = append(cmd.Env, "SERVE=1")
	r := finish(t, cmd, filepath.Join(c.dir, "events.jsonl"))
	b, _ := os.ReadFile(filepath.Join(c.dir, "served"))
	r.out += string(b)
	os.Remove(filepath.Join(c.dir, "events.jsonl"))
	os.Remove(filepath.Join(c.dir, "served"))
	return r
}

func TestAttacks(t *testing.T) { attacks(t, newCell(t)) }

// attacks runs the corpus in a cell, in both modes.
func attacks(t *testing.T, c *cell) {
	for _, tt := range attackCases {
		t.Run(tt.name, func(t *testing.T) {
			for _, mode := range []string{"audit", "enforce"} {
				attackOnce(t, tt.at(cellPeer, mode), mode, func(flags []string, command ...string) result {
					writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.at(cellPeer, mode).controls)
					return c.run(t, append(flags, "--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"), command...)
				})
			}
		})
	}
}
