//go:build docker

package microenforcer_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sharedShapes are ways in which several containers come to be in one pid
// namespace: in that of the first, or in that of a container that does nothing
// else (pidMode: task, shareProcessNamespace).
var sharedShapes = []string{"of the first", "of a pause container"}

// pausing starts a container that does nothing, and gives its name.
func pausing(t *testing.T) string {
	name := unique(t)
	must(t, "run", "-d", "--name", name, "--network", "none", scratchImage, "/tmp/attack", "sleep", "300s")
	return name
}

// Each enforcer in a shared pid namespace minds its own container: its
// workload, and who comes into it from outside.
func TestDockerSharedPids(t *testing.T) {
	buildImages(t)
	p := newPolicy(t, "    execSessions: {mode: enforce, allowedProcesses: [/tmp/apt-get]}\n    deniedExecutables: {mode: enforce, paths: [/tmp/other]}\n    processLimit: {mode: enforce, maxTasks: 100, watch: true}\n")
	for _, where := range sharedShapes {
		t.Run(where, func(t *testing.T) {
			var flags []string
			if where == "of a pause container" {
				pause := pausing(t)
				flags = []string{"--pid=container:" + pause}
			}
			// Orphans of both workloads, and a denied program in each.
			script := "for i in 1 2 3; do (sleep 30$i &); done; /tmp/other echo other-ran; exec sleep 300"
			a := detached(t, flags, p, "sh", "-c", script)
			if flags == nil {
				flags = []string{"--pid=container:" + a}
			}
			b := detached(t, flags, p, "sh", "-c", script)
			// And one that nobody protects.
			other := unique(t)
			must(t, append(append([]string{"run", "-d", "--name", other, "--network", "none"}, flags...), scratchImage, "/tmp/attack", "sleep", "310s")...)
			time.Sleep(2500 * time.Millisecond)
			for _, c := range []string{a, b} {
				if out := must(t, "top", c, "-eo", "pid,args"); strings.Count(out, "sleep 30") < 4 {
					t.Errorf("the workload of %s: %s", c, out)
				}
				r := eventsSoFar(t, c)
				if len(r.of("execSessions")) != 0 || len(r.of("deniedExecutables")) != 1 || strings.Contains(r.out, "other-ran\n") && !strings.Contains(r.out, "errno") && strings.Contains(r.out, "\nother-ran\n") {
					t.Errorf("before anybody came: %s", r.brief())
				}
			}
			if out := must(t, "top", other, "-eo", "pid,args"); !strings.Contains(out, "310s") {
				t.Errorf("the unprotected container: %s", out)
			}
			// Into the second: its own enforcer ends it, the first says nothing.
			if out, code := enter(t, b, "", "/tmp/attack", "sleep", "5s"); code != 137 {
				t.Errorf("session in the second: code %d, %s", code, out)
			}
			awaitEvents(t, b, "execSessions", 1)
			if r := eventsSoFar(t, a); len(r.of("execSessions")) != 0 {
				t.Errorf("the first reports what came into the second: %s", r.brief())
			}
			if out, code := enter(t, a, "", "/tmp/attack", "sleep", "5s"); code != 137 {
				t.Errorf("session in the first: code %d, %s", code, out)
			}
			awaitEvents(t, a, "execSessions", 1)
			if out, code := enter(t, other, "", "/tmp/attack", "sleep", "200ms"); code != 0 {
				t.Errorf("session in the unprotected container: code %d, %s", code, out)
			}
			for _, c := range []string{b, a} {
				if out, code := enter(t, c, "", "/tmp/apt-get", "echo", "allowed"); code != 0 || !strings.Contains(out, "allowed") {
					t.Errorf("an allowed session: code %d, %s", code, out)
				}
				if out := must(t, "top", c, "-eo", "pid,args"); strings.Count(out, "sleep 30") < 4 {
					t.Errorf("the workload of %s at the end: %s", c, out)
				}
				if out, code := enter(t, c, "", "/.limpet/microenforcer", "status"); code != 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), "execSessions enforced") {
					t.Errorf("status: %s", out)
				}
			}
		})
	}
}

// Where it is not PID 1 the enforcer takes orphans, ends with its workload's
// code, leaves nothing behind, and a rule can stop the workload.
func TestDockerNotFirst(t *testing.T) {
	buildImages(t)
	p := newPolicy(t, "    deniedExecutables: {mode: enforce, response: stopContainer, paths: [/tmp/other]}\n")
	pause := pausing(t)
	for name, flags := range map[string][]string{"docker init": {"--init"}, "shared": {"--pid=container:" + pause}, "PID 1": nil} {
		t.Run(name, func(t *testing.T) {
			c := detached(t, flags, p, "sh", "-c", "(sleep 77 &); for i in $(seq 50); do (true &); done; sleep 1; exit 9")
			if got := code(t, c); got != "9" {
				t.Errorf("exit code %s, want 9", got)
			}
			if out := must(t, "top", pause, "-eo", "pid,stat,args"); strings.Contains(out, "sleep 77") || strings.Contains(out, "Z ") {
				t.Errorf("left behind: %s", out)
			}
			// stopContainer
			c = detached(t, flags, p, "sh", "-c", "(sleep 78 &); sleep 1; /tmp/other echo other-ran; sleep 60")
			began := time.Now()
			if got := code(t, c); got != "137" || time.Since(began) > 20*time.Second {
				t.Errorf("stopped with %s after %v", got, time.Since(began))
			}
			r := eventsSoFar(t, c)
			if strings.Contains(r.out, "\nother-ran\n") || !strings.Contains(r.out, "The policy stopped the workload") || len(r.of("deniedExecutables")) == 0 {
				t.Error(r.brief())
			}
		})
	}
}

// S4, where the enforcer is not PID 1: every signal by every call, to
// everybody, to groups, through descriptors that signal their owner.
func TestDockerKillAttempts(t *testing.T) {
	buildImages(t)
	p := newPolicy(t, quietPolicy)
	pause := pausing(t)
	for name, flags := range map[string][]string{
		"PID 1": nil, "docker init": {"--init"}, "shared": {"--pid=container:" + pause}, "uid 1000": {"--init", "--user", "1000"}, "SYS_PTRACE": {"--init", "--cap-add", "SYS_PTRACE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := container(t, busyImage, shape{flags: flags}, p, nil, "/tmp/attack", "hurt", "32")
			if r.code != 0 || !r.has("worked hurt") || !r.has("took effect: 0 ") {
				t.Error(r.brief())
			}
			if len(r.of("selfProtection")) == 0 {
				t.Errorf("no event tells of it: %s", r.brief())
			}
		})
	}
}

// S5: when the enforcer is killed from outside the container, nothing is
// executed and nothing connects afterwards, nothing is opened where rules speak
// of opens, and soon nothing is left that could open anything.
func TestDockerEnforcerKilled(t *testing.T) {
	buildImages(t)
	rules := quietPolicy + "    outbound: {mode: enforce, deny: [{cidrs: [192.0.2.1/32]}]}\n"
	network, files := newPolicy(t, rules), newPolicy(t, rules+"    fileRead: {mode: enforce, paths: [/nowhere/**]}\n")
	pause := pausing(t)
	for name, flags := range map[string][]string{"PID 1": nil, "docker init": {"--init"}, "shared": {"--pid=container:" + pause}, "uid 1000": {"--init", "--user", "1000"}} {
		for _, judged := range []bool{false, true} {
			p, called := network, name
			if judged {
				p, called = files, name+", opens judged"
			}
			t.Run(called, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				os.Chmod(dir, 0o777)
				done := filepath.Base(filepath.Dir(dir)) + ".done" // nobody else's
				// It leaves the enforcer's process tree and its session first.
				c := detached(t, append([]string{"-v", dir + ":/out"}, flags...), p, "sh", "-c", "(/tmp/attack persist /out/"+done+" &) ; sleep 300")
				time.Sleep(700 * time.Millisecond)
				pid := enforcerOf(t, c)
				killed := time.Now()
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				code(t, c)
				if out, err := exec.Command("pgrep", "-f", done).CombinedOutput(); err == nil {
					t.Errorf("the workload runs on: %s", out)
				}
				b, err := os.ReadFile(filepath.Join(dir, done))
				if err != nil {
					t.Fatal(err)
				}
				before, after, last := map[string]int{}, map[string]int{}, map[string]time.Duration{}
				for line := range strings.Lines(string(b)) {
					var what string
					var ns int64
					fmt.Sscan(line, &what, &ns)
					if d := time.Unix(0, ns).Sub(killed); d > 0 {
						last[what] = d
						after[what]++
					} else {
						before[what]++
					}
				}
				t.Logf("worked before %v; last after the kill %v", before, last)
				for _, what := range []string{"exec", "socket", "connect", "open"} {
					if before[what] == 0 {
						t.Errorf("%s never worked", what)
					}
					// One may have been let through before, and take its time on a busy
					// machine.
					if most := 2 * time.Second; last[what] > most || (judged || what != "open") && after[what] > 1 {
						t.Errorf("%s worked %d times, last %v after the enforcer's end", what, after[what], last[what])
					}
				}
			})
		}
	}
}

// enforcerOf gives the enforcer's pid as this machine numbers it.
func enforcerOf(t *testing.T, c string) int {
	t.Helper()
	for line := range strings.Lines(must(t, "top", c, "-eo", "pid,args")) {
		var pid int
		if strings.Contains(line, "microenforcer run") && !strings.Contains(line, "init --") {
			fmt.Sscan(line, &pid)
			return pid
		}
	}
	t.Fatal("no enforcer")
	return 0
}

// S8, where an init stands above the enforcer, and where it is not PID 1: the
// token is nowhere to be read.
func TestDockerSecretsStayHidden(t *testing.T) {
	buildImages(t)
	p := newPolicy(t, quietPolicy)
	pause := pausing(t)
	for name, flags := range map[string][]string{"PID 1": nil, "docker init": {"--init"}, "shared": {"--pid=container:" + pause}, "uid 1000": {"--init", "--user", "1000"}, "SYS_PTRACE": {"--init", "--cap-add", "SYS_PTRACE"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags = append(flags, "-e", "LIMPET_JOIN_TOKEN=hunter2-env", "-e", "LIMPET_GATEWAY=")
			r := container(t, busyImage, shape{flags: flags}, p, []string{"--token", "hunter2-argv"}, "/tmp/attack", "steal-token", "2retnuh")
			if !r.has("nothing found") || r.has("found in") {
				t.Error(r.brief())
			}
		})
	}
}
