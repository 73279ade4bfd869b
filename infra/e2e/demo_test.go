//go:build docker && browser

package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestDemo is `make demo` without a terminal: it must end by itself with exit
// code 0, and leave nothing behind.
func TestDemo(t *testing.T) {
	for name, args := range map[string][]string{"docker": nil, "namespaces": {"-no-docker"}} {
		t.Run(name, func(t *testing.T) {
			out, err := demo(t, append(args, "-stay=false")...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range []string{"ran, detected", "blocked", "Removed what the demo made"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("the demo does not say %q:\n%s", want, out)
				}
			}
			nothingLeft(t)
		})
	}
}

// TestDemoInTheConsole keeps the console of the demo up, as on a terminal, and
// runs the browser tests against its real enforcer and events. Ctrl-C ends it.
func TestDemoInTheConsole(t *testing.T) {
	d := demo(t, "-stay")
	out, err := d.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.Stderr = os.Stderr
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	lines := bufio.NewScanner(out)
	find := func(pattern string) string {
		re := regexp.MustCompile(pattern)
		for lines.Scan() {
			seen.WriteString(lines.Text() + "\n")
			if m := re.FindStringSubmatch(lines.Text()); m != nil {
				return m[1]
			}
		}
		t.Fatalf("the demo ended without %q:\n%s", pattern, seen.String())
		return ""
	}
	url := find(`The console stays up: (\S+)`)
	password := find(`password "([^"]+)"`)
	e2e := exec.Command("npm", "run", "--silent", "e2e")
	e2e.Dir = filepath.Join(root, "controlplane/ui")
	e2e.Env = append(os.Environ(), "LIMPET_URL="+url, "LIMPET_USER=admin", "LIMPET_PASSWORD="+password,
		"LIMPET_EXPECT_EVENTS=1", shots(t))
	if b, err := e2e.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, b)
	}
	_ = d.Process.Signal(syscall.SIGINT)
	for lines.Scan() {
	}
	if err := d.Wait(); err != nil {
		t.Errorf("the demo did not end cleanly: %v\n%s", err, seen.String())
	}
	nothingLeft(t)
}

func demo(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	const bin = "./.build/demo" // as make demo has it: linked once
	build := exec.Command("go", "build", "-o", bin, "./infra/demo")
	build.Dir = root
	if b, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	d := exec.Command(bin, args...)
	d.Dir = root
	return d
}

func nothingLeft(t *testing.T) {
	t.Helper()
	left, err := exec.Command("sh", "-c", "docker ps -aq --filter name=limpet-demo; docker network ls -q --filter name=limpet-demo; docker image ls -q 'limpet-demo-*'; ip netns list | grep limpet-demo || true").CombinedOutput()
	if err != nil || len(strings.TrimSpace(string(left))) > 0 {
		t.Errorf("the demo left something behind: %v\n%s", err, left)
	}
}
