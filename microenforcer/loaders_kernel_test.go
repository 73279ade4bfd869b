//go:build kernel

package microenforcer_test

import (
	"os"
	"path/filepath"
	"testing"
)

// newLoaderCell is a cell whose manifest lists the machine's own shell and
// libraries, and whose /tmp/work holds what an attacker has dropped.
func newLoaderCell(t testing.TB) (c *cell, loader string) {
	t.Helper()
	c = newCell(t)
	files, loader := dynamicFiles(t)
	listed := map[string]string{"/usr/bin/busybox": "/usr/bin/busybox"}
	for _, f := range files {
		if real, _ := filepath.EvalSymlinks(f); real == f {
			listed[f] = f
		}
	}
	for _, n := range attackNames {
		listed[filepath.Join(c.dir, n)] = "/tmp/" + n
	}
	work := filepath.Join(c.dir, "work")
	os.Mkdir(work, 0o777)
	os.Chmod(work, 0o777)
	droppedFiles(t, work)
	s := filepath.Join(c.dir, "script")
	os.WriteFile(s, []byte(imageScript), 0o755)
	listed[s] = "/tmp/script"
	writeManifest(t, filepath.Join(c.dir, "manifest"), listed)
	return c, loader
}

func TestLoaders(t *testing.T) {
	c, loader := newLoaderCell(t)
	for _, tt := range loaderCases {
		t.Run(tt.name, func(t *testing.T) {
			for _, mode := range []string{"audit", "enforce"} {
				for _, who := range []string{"root", "dropped"} {
					if who == "dropped" && mode == "audit" {
						continue
					}
					tt := tt.at(mode, loader)
					os.Remove(filepath.Join(c.dir, "work", "s"))
					writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.controls)
					command := append([]string{"/tmp/attack"}, tt.attack...)
					if who == "dropped" {
						command = append([]string{"/tmp/attack", "drop-to", "1000"}, command...)
					}
					r := c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, command...)
					tt.check(t, mode, r)
					if t.Failed() {
						t.Fatal(who)
					}
				}
			}
		})
	}
}
