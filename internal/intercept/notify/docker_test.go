//go:build docker && kernel

package notify

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// inContainer are the tests that are run again inside a container, by the same
// binary.
const inContainer = "^Test(Runs|Start|Exec|Dropped|Gosu|Supervisor|Death|Spawn|Signals|Strace)"

// notInContainer is about a supervisor that is not alone in its pid namespace.
const notInContainer = "^TestSignalsToEverybody"

// TestInDocker runs the engine's tests in containers as users start them:
// with default privileges, as root, as uid 1000, read-only and without
// capabilities, with CAP_SYS_PTRACE, and not as PID 1.
func TestInDocker(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	bin, image := forContainers(ctx, t, "race", "good", "evil", "spawn", "signals", "netsignals", "threads", "netdrop", "netback", "mixed", "corpus")
	for _, c := range []struct {
		name string
		args []string
	}{
		{"root", nil},
		{"uid 1000", []string{"-u", "1000:1000"}},
		{"read-only without capabilities", []string{"--read-only", "--tmpfs", "/tmp:exec,mode=1777", "--cap-drop", "ALL"}},
		{"with SYS_PTRACE", []string{"--cap-add", "SYS_PTRACE"}},
		{"without WAIT_KILLABLE, SYNC_WAKE_UP and Landlock, as on Linux 5.10", []string{"--security-opt", "seccomp=testdata/linux510.json", "-e", "LIMPET_TEST_REISSUED=1"}},
		{"below an init", []string{"--init"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"run", "--rm", "-v", bin + ":/t:ro", "-e", "LIMPET_TEST_PROGRAMS=/t"}, c.args...)
			args = append(args, image, "/t/notify.test", "-test.run", inContainer, "-test.skip", notInContainer, "-test.count=1", "-test.v", "-test.short")
			out := run(t, exec.CommandContext(ctx, "docker", args...))
			if n := len(regexp.MustCompile(`(?m)^--- PASS`).FindAllString(out, -1)); n < 10 {
				t.Errorf("only %d tests ran:\n%s", n, out)
			}
		})
	}
}

// forContainers gives a folder with this test binary and some attackers, and an
// image to run them in.
func forContainers(ctx context.Context, t *testing.T, attackers ...string) (bin, image string) {
	t.Helper()
	dir := t.TempDir()
	_ = os.Chmod(dir, 0o755)
	bin = filepath.Join(dir, "t")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(filepath.Join(bin, "notify.test"), self, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range attackers {
		run(t, exec.CommandContext(ctx, "gcc", "-O2", "-static", "-pthread", "-o", filepath.Join(bin, p), filepath.Join("testdata", p+".c")))
	}
	return bin, rootfs(ctx, t, dir)
}

func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		if len(out) > 8<<10 {
			out = out[len(out)-(8<<10):]
		}
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

// rootfs makes an image of a few programs of this machine and what they load.
func rootfs(ctx context.Context, t *testing.T, dir string) string {
	t.Helper()
	root := filepath.Join(dir, "root")
	for _, d := range []string{"usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "tmp", "etc", "proc", "dev", "sys"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Chmod(filepath.Join(root, "tmp"), fs.ModeSticky|0o777)
	for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
		_ = os.Symlink("usr/"+d, filepath.Join(root, d))
	}
	add := func(from, to string) {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(root, to)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(root, to), b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	libs := regexp.MustCompile(`/\S+`)
	for _, p := range []string{"/usr/bin/dash", "/usr/bin/echo", "/usr/bin/true", "/usr/bin/id", "/usr/bin/strace", "/usr/sbin/gosu"} {
		add(p, p)
		out, _ := exec.CommandContext(ctx, "ldd", p).Output() // static: exit status 1
		for _, l := range libs.FindAllString(string(out), -1) {
			add(l, strings.TrimPrefix(l, "/usr"))
		}
	}
	if err := os.Symlink("dash", filepath.Join(root, "usr/bin/sh")); err != nil {
		t.Fatal(err)
	}
	add("/etc/passwd", "etc/passwd")
	add("/etc/group", "etc/group")
	image := fmt.Sprintf("limpet-notify-test:%d", os.Getpid())
	tar := exec.CommandContext(ctx, "tar", "-C", root, "-c", ".")
	var archive bytes.Buffer
	tar.Stdout = &archive
	if err := tar.Run(); err != nil {
		t.Fatal(err)
	}
	imp := exec.CommandContext(ctx, "docker", "import", "-", image)
	imp.Stdin = &archive
	run(t, imp)
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", image).Run() })
	return image
}
