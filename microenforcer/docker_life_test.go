//go:build docker

package microenforcer_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// unique gives a container a name of its own.
func unique(t testing.TB) string {
	name := fmt.Sprintf("%s-%d", dockerNet, time.Now().UnixNano())
	t.Cleanup(func() { exec.Command("docker", "rm", "-f", name).Run() })
	return name
}

// detached starts a container in the background and gives its name.
func detached(t testing.TB, flags []string, policy string, command ...string) string {
	t.Helper()
	name := unique(t)
	args := append([]string{"run", "-d", "--name", name, "--network", "none", "-v", policy + ":/policy.yaml:ro"}, flags...)
	args = append(args, busyImage, "/.limpet/microenforcer", "run", "--policy", "/policy.yaml", "--manifest", "/.limpet/manifest", "--")
	must(t, append(args, command...)...)
	time.Sleep(500 * time.Millisecond)
	return name
}

// code waits for a container's end.
func code(t testing.TB, name string) string {
	t.Helper()
	return must(t, "wait", name)
}

const gosuPolicy = `    deniedExecutables: {mode: enforce, paths: [/tmp/other]}
    drift: {mode: enforce}
    outbound: {mode: enforce, deny: [{cidrs: [169.254.169.250/32]}]}
`

// Fact 14: the entrypoint is root and drops to another user; what runs then
// is held as well, with and without SYS_PTRACE.
func TestDockerDropsPrivileges(t *testing.T) {
	buildImages(t)
	p := newPolicy(t, gosuPolicy)
	for _, s := range []shape{{name: "default"}, {name: "SYS_PTRACE", flags: []string{"--cap-add", "SYS_PTRACE"}}} {
		t.Run(s.name, func(t *testing.T) {
			r := container(t, busyImage, s, p, nil, "/tmp/attack", "drop-to", "1000", "/tmp/attack", "each",
				"id", ";", "child", "/tmp/other", "echo", "other-ran", ";", "drop", "/tmp/dropped", ";", "tcp", dockerPeer+":80", ";",
				"child", "/bin/sh", "-c", "/tmp/attack child /tmp/other echo other-ran; /bin/true && echo shell-fine")
			for _, want := range []string{"uid 1000 gid 1000", "shell-fine", "errno 111"} {
				if !r.has(want) {
					t.Errorf("lacks %q", want)
				}
			}
			if strings.Contains(strings.ReplaceAll(r.out, "echo other-ran", ""), "other-ran") || r.has("drop-ran") || r.has("got hello") {
				t.Error("something forbidden ran")
			}
			for control, least := range map[string]int{"deniedExecutables": 2, "drift": 1, "outbound": 1} {
				events := r.of(control)
				var n uint64
				for _, e := range events {
					n += e.Count
					if e.Process.Uid != 1000 || e.Process.User != "web" {
						t.Errorf("event of user %d %q", e.Process.Uid, e.Process.User)
					}
				}
				if int(n) < least {
					t.Errorf("%d events of %s", n, control)
				}
			}
			if t.Failed() {
				t.Log(r.brief())
			}
		})
	}
}

func TestDockerSignals(t *testing.T) {
	buildImages(t)
	p := newPolicy(t, quietPolicy)
	trap := `trap 'echo got TERM; exit 7' TERM; trap 'echo got USR1' USR1; trap 'echo got QUIT; exit 8' QUIT; while :; do sleep 0.1; done`
	t.Run("stop reaches the application", func(t *testing.T) {
		c := detached(t, nil, p, "sh", "-c", trap)
		must(t, "kill", "-s", "USR1", c)
		time.Sleep(300 * time.Millisecond)
		must(t, "stop", "-t", "10", c)
		if got := code(t, c); got != "7" {
			t.Errorf("exit code %s, want 7", got)
		}
		if out := must(t, "logs", c); !strings.Contains(out, "got USR1") || !strings.Contains(out, "got TERM") {
			t.Error(out)
		}
	})
	t.Run("STOPSIGNAL", func(t *testing.T) {
		c := detached(t, []string{"--stop-signal", "QUIT"}, p, "sh", "-c", trap)
		must(t, "stop", "-t", "10", c)
		if got := code(t, c); got != "8" {
			t.Errorf("exit code %s, want 8", got)
		}
	})
	t.Run("unhandled", func(t *testing.T) {
		c := detached(t, nil, p, "/tmp/attack", "sleep", "60s")
		must(t, "kill", "-s", "RTMIN", c) // 34, which the Go runtime would die of
		if got := code(t, c); got != "162" {
			t.Errorf("exit code %s, want 162", got)
		}
	})
	t.Run("every number", func(t *testing.T) {
		c := detached(t, nil, p, "sh", "-c", `for i in $(seq 64); do trap "" $i 2>/dev/null; done; while :; do sleep 0.1; done`)
		for n := 1; n <= 64; n++ {
			if n == 9 || n == 19 {
				continue
			}
			exec.Command("docker", "kill", "-s", fmt.Sprint(n), c).Run()
		}
		if got := must(t, "inspect", "-f", "{{.State.Running}}", c); got != "true" {
			t.Errorf("running: %s, exit code %s", got, must(t, "inspect", "-f", "{{.State.ExitCode}}", c))
		}
	})
}

const quietPolicy = "    deniedExecutables: {mode: enforce, paths: [/nowhere]}\n"

// A terminal works as without us: foreground group, interrupt key.
func TestDockerTerminal(t *testing.T) {
	buildImages(t)
	p := newPolicy(t, quietPolicy)
	name := unique(t)
	run := fmt.Sprintf("docker run --rm -it --name %s --network none -v %s:/policy.yaml:ro %s /.limpet/microenforcer run --policy /policy.yaml --events none -- sh", name, p, busyImage)
	// script(1) gives docker a terminal; the shell is interactive in it.
	cmd := exec.Command("script", "-qec", run, "/dev/null")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for _, line := range []string{"tty; echo is-$((1+1))-tty\n", "sleep 60\n", "\x03", "echo after-$((2+3))\n", "exit 9\n"} {
			time.Sleep(700 * time.Millisecond)
			stdin.Write([]byte(line))
		}
	}()
	r := finish(t, cmd, "")
	if r.code != 9 || !r.has("/dev/pts/") || !r.has("is-2-tty") || !r.has("after-5") || r.has("can't access tty") {
		t.Error(r.brief())
	}
}

func TestDockerOrphansAndStatus(t *testing.T) {
	buildImages(t)
	p := newPolicy(t, "    deniedExecutables: {mode: enforce, paths: [/nowhere]}\n    mounts: {mode: audit}\n    namespaces: {mode: enforce}\n    drift: {mode: audit}\n")
	c := detached(t, nil, p, "sh", "-c", "for i in $(seq 200); do (sleep 0.1 &); done; sleep 60")
	time.Sleep(time.Second)
	if out := must(t, "exec", c, "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ' Z ' || true"); out != "0" {
		t.Errorf("%s zombies", out)
	}
	out := strings.Join(strings.Fields(must(t, "exec", c, "/.limpet/microenforcer", "status")), " ")
	for _, want := range []string{"pid 1", "deniedExecutables enforced", "namespaces enforced", "mounts unavailable", "drift audit", "no event"} {
		if !strings.Contains(out, want) {
			t.Errorf("status lacks %q:\n%s", want, out)
		}
	}
	// Somebody else's user learns nothing.
	if _, err := docker(t, "exec", "-u", "1000", c, "/.limpet/microenforcer", "status"); err == nil {
		t.Error("another user was answered")
	}
	// A health check beside the container's tree.
	if _, err := docker(t, "exec", c, "/.limpet/microenforcer", "healthcheck", "--policy", "/policy.yaml", "--", "true"); err != nil {
		t.Error(err)
	}
	must(t, "kill", c)
}
