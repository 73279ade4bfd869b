//go:build docker

package microenforcer_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

const dynamicImage = "limpet-micro-e2e:dynamic" // a shell and its libraries

var dynamic struct {
	once   sync.Once
	ready  bool
	loader string
}

// buildDynamic makes an image with dynamic programs, once, by docker import.
func buildDynamic(t testing.TB) (loader string) {
	t.Helper()
	dynamic.once.Do(func() { importDynamic(t) })
	if !dynamic.ready {
		t.Fatal("there is no image with dynamic programs")
	}
	return dynamic.loader
}

func importDynamic(t testing.TB) {
	enforcer, attack := programs(t)
	root := t.TempDir()
	listed := map[string]string{}
	put := func(from, to string) {
		os.MkdirAll(filepath.Dir(filepath.Join(root, to)), 0o755)
		copyFile(t, from, filepath.Join(root, to))
		listed[filepath.Join(root, to)] = to
	}
	for _, d := range []string{"tmp/drop", ".limpet", "proc", "dev", "sys", "etc"} {
		os.MkdirAll(filepath.Join(root, d), 0o755)
	}
	os.Chmod(filepath.Join(root, "tmp"), 0o1777)
	os.Chmod(filepath.Join(root, "tmp/drop"), 0o777)
	for _, n := range attackNames {
		put(attack, "/tmp/"+n)
	}
	// The machine has its programs below /usr and links beside it; so has the image.
	for _, l := range []string{"bin", "lib", "lib64"} {
		if to, err := os.Readlink("/" + l); err == nil {
			os.MkdirAll(filepath.Join(root, to), 0o755)
			os.Symlink(to, filepath.Join(root, l))
		}
	}
	files, loader := dynamicFiles(t)
	for _, f := range files {
		if real, _ := filepath.EvalSymlinks(f); real == f {
			put(f, f)
		}
	}
	for _, f := range files {
		inside := filepath.Join(root, f)
		if _, err := os.Stat(inside); err != nil {
			to, err := os.Readlink(f)
			if err != nil {
				t.Fatal(err)
			}
			os.MkdirAll(filepath.Dir(inside), 0o755)
			os.Symlink(to, inside)
		}
	}
	os.Symlink("dash", filepath.Join(root, "usr/bin/sh"))
	os.WriteFile(filepath.Join(root, "tmp/script"), []byte(imageScript), 0o755)
	listed[filepath.Join(root, "tmp/script")] = "/tmp/script"
	droppedFiles(t, filepath.Join(root, "tmp/drop"))
	maps := filepath.Join(root, "tmp/maps")
	buildMaps(t, maps)
	listed[maps] = "/tmp/maps"
	novel := filepath.Join(root, "tmp/novel")
	buildNovel(t, novel)
	listed[novel] = "/tmp/novel"
	furnish(t, root, put)
	copyFile(t, enforcer, filepath.Join(root, ".limpet/microenforcer"))
	writeManifest(t, filepath.Join(root, ".limpet/manifest"), listed)
	tar := filepath.Join(t.TempDir(), "image.tar")
	if b, err := exec.Command("tar", "-C", root, "-cf", tar, ".").CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%w: %s", err, b))
	}
	must(t, "import", "--change", `ENV PATH=/usr/bin:/tmp`, tar, dynamicImage)
	atEnd = append(atEnd, func() { exec.Command("docker", "rmi", "-f", dynamicImage).Run() })
	dynamic.ready, dynamic.loader = true, loader
}

// alone runs a command under the enforcer in a container without a network.
func alone(t testing.TB, s shape, policy string, command ...string) result {
	t.Helper()
	args := append([]string{"run", "--rm", "--network", "none", "-v", policy + ":/policy.yaml:ro"}, s.flags...)
	args = append(args, dynamicImage, "/.limpet/microenforcer", "run", "--policy", "/policy.yaml", "--manifest", "/.limpet/manifest", "--")
	r := finish(t, exec.Command("docker", append(args, command...)...), "")
	r.events = parseEvents(t, r.err)
	return r
}

// loaderShapes are the ways of running that tell apart what the enforcer may
// look into.
var loaderShapes = []shape{
	{name: "root"},
	{name: "root with SYS_PTRACE, dropped to 1000", flags: []string{"--cap-add", "SYS_PTRACE"}, drops: true},
	{name: "root, dropped to 1000", drops: true},
	{name: "uid 1000 without capabilities", flags: []string{"--user", "1000:1000", "--cap-drop", "ALL"}},
}

func TestDockerLoaders(t *testing.T) {
	loader := buildDynamic(t)
	for _, s := range loaderShapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			cases := slices.Clone(loaderCases)
			for _, tt := range mapCases {
				l := tt.loader("/tmp/maps")
				switch tt.name {
				case "dlopen", "dlopen in a thread", "written, then executable", "rwx", "adjtimex", "asking the clock":
					l.docker = true
				}
				cases = append(cases, l)
			}
			for _, tt := range cases {
				if !tt.docker {
					continue
				}
				for _, mode := range []string{"audit", "enforce"} {
					if mode == "audit" && s.name != "root" {
						continue
					}
					tt := tt.at(mode, loader)
					command := append([]string{"/tmp/attack"}, tt.attack...)
					if s.drops {
						command = append([]string{"/tmp/attack", "drop-to", "1000"}, command...)
					}
					tt.check(t, mode, alone(t, s, newPolicy(t, tt.controls), command...))
					if t.Failed() {
						t.Fatal(tt.name)
					}
				}
			}
		})
	}
}
