//go:build kernel

package microenforcer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// cell runs the enforcer as PID 1 of namespaces of its own: processes,
// network (with the attacked addresses on its loopback) and a private /tmp.
type cell struct {
	dir  string   // shows as /tmp inside
	mask []string // put in front of the enforcer: testdata/mask, or who starts it as somebody else
}

// The addresses that attacks are aimed at exist inside the cell only.
const (
	cellPeer     = "10.99.0.1"
	cellOther    = "10.99.0.2"
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
	writeFile(t, filepath.Join(c.dir, "hosts"), "127.0.0.1 localhost\n")
	writeManifest(t, filepath.Join(c.dir, "manifest"), map[string]string{
		filepath.Join(c.dir, "attack"): "/tmp/attack", filepath.Join(c.dir, "other"): "/tmp/other",
		filepath.Join(c.dir, "apt-get"): "/tmp/apt-get", filepath.Join(c.dir, "sh"): "/tmp/sh",
	})
	return c
}

// command is microenforcer with flags, as PID 1 of the cell.
func (c *cell) command(args ...string) *exec.Cmd {
	script := `set -e
mount -t proc proc /proc
mount --bind "$CELL" /tmp
mount --bind /tmp/hosts /etc/hosts
ip link set lo up
ip addr add ` + cellPeer + `/32 dev lo
ip addr add ` + cellOther + `/32 dev lo
ip addr add ` + cellMetadata + `/32 dev lo
if [ -n "$SERVE" ]; then
  # What the enforcer finds beside itself has no more rights than it: it is looked into as any session.
  $SERVE_AS /tmp/attack serve ` + cellPeer + `:80 ` + cellOther + `:80 ` + cellMetadata + `:80 >/tmp/served & 
  while ! grep -q serving /tmp/served; do sleep 0.01; done
fi
cd /
exec "$@"`
	command := append([]string{"-c", script, "sh"}, c.mask...)
	cmd := exec.Command("sh", append(append(command, "/tmp/microenforcer"), args...)...)
	cmd.Env = append(os.Environ(), "CELL="+c.dir)
	if slices.Contains(c.mask, "without") {
		cmd.Env = append(cmd.Env, "SERVE_AS="+strings.Join(c.mask, " "))
	}
	// With CLONE_NEWNS among Unshareflags what is mounted stays inside.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
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
	missing := map[string]bool{}
	if c.mask != nil {
		_, controls, _ := corpus(cellPeer, "enforce")
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), controls)
		missing = unavailable(t, finish(t, c.command("status", "--json", "--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"), "").out)
	}
	for _, tt := range attackCases {
		if missing[tt.control] {
			continue // status does not claim it here
		}
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
