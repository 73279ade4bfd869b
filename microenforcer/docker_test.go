//go:build docker

package microenforcer_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// The network in which everything attacked exists: the metadata address and
// a peer are containers of ours, and the network has no way out.
const (
	dockerNet      = "limpet-micro-e2e"
	dockerSubnet   = "169.254.169.240/28"
	dockerGateway  = "169.254.169.241"
	dockerMetadata = "169.254.169.254"
	dockerPeer     = "169.254.169.250"
)

// docker runs one docker command.
func docker(t testing.TB, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("docker", args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("docker %s: %w: %s", args[0], err, errs.String())
	}
	return strings.TrimSpace(out.String()), err
}

func must(t testing.TB, args ...string) string {
	t.Helper()
	out, err := docker(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var images struct {
	once sync.Once
	err  error
}

const (
	scratchImage = "limpet-micro-e2e:scratch" // the attacker and the enforcer, nothing else
	busyImage    = "limpet-micro-e2e:busybox" // with a shell and users
)

// buildImages makes both images by docker import: no registry is asked.
func buildImages(t testing.TB) {
	t.Helper()
	images.once.Do(func() {
		enforcer, attack := programs(t)
		for _, image := range []string{scratchImage, busyImage} {
			root := t.TempDir()
			for _, d := range []string{"tmp", ".limpet", "proc", "dev", "sys", "etc", "bin"} {
				os.MkdirAll(filepath.Join(root, d), 0o755)
			}
			os.Chmod(filepath.Join(root, "tmp"), 0o1777)
			files := map[string]string{}
			for _, n := range attackNames {
				copyFile(t, attack, filepath.Join(root, "tmp", n))
				files[filepath.Join(root, "tmp", n)] = "/tmp/" + n
			}
			copyFile(t, enforcer, filepath.Join(root, ".limpet/microenforcer"))
			if image == busyImage {
				copyFile(t, "/bin/busybox", filepath.Join(root, "bin/busybox"))
				files[filepath.Join(root, "bin/busybox")] = "/bin/busybox"
				for _, applet := range []string{"sh", "sleep", "cat", "kill", "seq", "grep", "id", "tty", "stty", "ps", "true"} {
					os.Symlink("busybox", filepath.Join(root, "bin", applet))
				}
				os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("root:x:0:0::/:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n"), 0o644)
			}
			writeManifest(t, filepath.Join(root, ".limpet/manifest"), files)
			tar := exec.Command("tar", "-C", root, "-cf", filepath.Join(built.dir, "image.tar"), ".")
			if b, err := tar.CombinedOutput(); err != nil {
				images.err = fmt.Errorf("%w: %s", err, b)
				return
			}
			if _, images.err = docker(t, "import", "--change", `ENV PATH=/bin:/tmp`, filepath.Join(built.dir, "image.tar"), image); images.err != nil {
				return
			}
		}
		images.err = network(t)
		atEnd = append(atEnd, cleanDocker)
	})
	if images.err != nil {
		t.Fatal(images.err)
	}
}

// network makes the closed network and the two servers in it.
func network(t testing.TB) error {
	exec.Command("docker", "rm", "-f", dockerNet+"-metadata", dockerNet+"-peer").Run()
	exec.Command("docker", "network", "rm", dockerNet).Run()
	if _, err := docker(t, "network", "create", "--internal", "--subnet", dockerSubnet, "--gateway", dockerGateway, dockerNet); err != nil {
		return err
	}
	for name, ip := range map[string]string{"metadata": dockerMetadata, "peer": dockerPeer} {
		if _, err := docker(t, "run", "-d", "--name", dockerNet+"-"+name, "--network", dockerNet, "--ip", ip, scratchImage, "/tmp/attack", "serve", ip+":80"); err != nil {
			return err
		}
	}
	time.Sleep(300 * time.Millisecond) // both say "serving" at once
	return nil
}

func cleanDocker() {
	defer exec.Command("docker", "rmi", "-f", scratchImage, busyImage).Run()
	exec.Command("docker", "rm", "-f", dockerNet+"-metadata", dockerNet+"-peer").Run()
	exec.Command("docker", "network", "rm", dockerNet).Run()
}

// shape is one way of running a container.
type shape struct {
	name    string
	flags   []string
	scratch string // where the application may write, if not /tmp
	bare    bool   // without Docker's own seccomp profile
	drops   bool   // the application starts as root and becomes uid 1000
	weaker  bool   // a host of a rung below A: only what status claims is asked for
}

var shapes = []shape{
	{name: "root with SYS_PTRACE", flags: []string{"--cap-add", "SYS_PTRACE"}},
	{name: "uid 1000 read-only without capabilities", scratch: "/scratch",
		flags: []string{"--user", "1000:1000", "--cap-drop", "ALL", "--read-only", "--tmpfs", "/scratch:exec,mode=1777"}},
	{name: "docker init", flags: []string{"--init"}},
	{name: "seccomp unconfined", flags: []string{"--security-opt", "seccomp=unconfined"}, bare: true},
}

// container runs a command under the enforcer; events come on stderr.
func container(t testing.TB, image string, s shape, policy string, flags []string, command ...string) result {
	t.Helper()
	args := append([]string{"run", "--rm", "--network", dockerNet, "-v", policy + ":/policy.yaml:ro"}, s.flags...)
	args = append(append(args, image, "/.limpet/microenforcer", "run", "--policy", "/policy.yaml", "--manifest", "/.limpet/manifest"), flags...)
	r := finish(t, exec.Command("docker", append(append(args, "--"), command...)...), "")
	r.events = parseEvents(t, r.err)
	return r
}

// Each attack in a container of its own, some at a time: most of what a
// container's start takes is waiting.
func TestDockerAttacks(t *testing.T) {
	buildImages(t)
	for _, tt := range attackCases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range []string{"audit", "enforce"} {
				attackIn(t, shape{name: "root"}, tt, mode)
			}
		})
	}
}

// Every way of running a container stops every attack, one after the other in
// one container.
func TestDockerShapes(t *testing.T) {
	buildImages(t)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) { attackAll(t, s) })
	}
}

// attackAll runs the whole corpus in one container of a shape, in enforce mode.
func attackAll(t *testing.T, s shape) {
	cases, controls, command := corpus(dockerPeer, "enforce")
	for i, a := range command {
		if s.scratch != "" {
			command[i] = strings.Replace(a, "/tmp/dropped", s.scratch+"/dropped", 1)
		}
	}
	policyFile := newPolicy(t, controls)
	r := container(t, scratchImage, s, policyFile, nil, command...)
	missing := map[string]bool{}
	if s.weaker {
		_, controls := statusIn(t, s.flags, policyFile)
		for name, c := range controls {
			missing[name] = c.State == "unavailable"
		}
	}
	parts := strings.Split("\n"+r.out, "\nattack ")[1:]
	if len(parts) < len(cases) {
		t.Fatal(r.brief())
	}
	for i, tt := range cases {
		switch tt.control {
		case "reverseShell":
			continue // its connection is denied here already
		case "users", "portScan", "bindShell", "ipReputation":
			continue // privilegeChange, outbound or reverseShell is named first
		}
		if missing[tt.control] {
			continue // status does not claim it
		}
		_, said, _ := strings.Cut(parts[i], "\n")
		// What is found above the limit is killed, and an event says so.
		ended := tt.control == "processLimit" && strings.Contains(said, "signal: killed") &&
			slices.ContainsFunc(r.of(tt.control), func(e *eventpb.Event) bool { return e.Killed })
		if !strings.Contains(said, tt.denied) && !ended || tt.worked != "" && strings.Contains(said, tt.worked) {
			t.Errorf("%s: %s", tt.name, parts[i])
		}
		// A drifted program on a tmpfs is fileless too: either may be named.
		n := len(r.of(tt.control))
		if tt.control == "drift" {
			n += len(r.of("fileless"))
		}
		if n == 0 && (s.bare || !tt.masked) {
			t.Errorf("%s: no event", tt.name)
		}
	}
	if t.Failed() {
		t.Log(r.brief())
	}
}

func attackIn(t *testing.T, s shape, tt attackCase, mode string) {
	tt = tt.at(dockerPeer, mode)
	policyFile := newPolicy(t, tt.controls)
	if tt.masked {
		r := container(t, scratchImage, s, policyFile, nil, append([]string{"/tmp/attack"}, tt.attack...)...)
		if !r.has("errno 1 ") || len(r.of(tt.control)) != 0 {
			t.Errorf("Docker's own profile was expected to refuse it unseen\n%s", r.brief())
		}
		return
	}
	attackOnce(t, tt, mode, func(flags []string, command ...string) result {
		r := container(t, scratchImage, s, policyFile, flags, command...)
		if tt.control == "reverseShell" && mode == "audit" {
			r.out += must(t, "logs", dockerNet+"-peer")
		}
		return r
	})
}
