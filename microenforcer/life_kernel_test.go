//go:build kernel

package microenforcer_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/microenforcer/status"
)

const quiet = "    deniedExecutables: {mode: enforce, paths: [/nowhere]}\n"

func TestExitCodes(t *testing.T) {
	c := newCell(t)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    deniedExecutables: {mode: enforce, paths: [/tmp/other]}\n")
	os.WriteFile(filepath.Join(c.dir, "plain"), []byte("not a program"), 0o644)
	os.WriteFile(filepath.Join(c.dir, "bad.yaml"), []byte("apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: x}\nspec: {controls: {dirft: {mode: enforce}}}\n"), 0o644)
	for _, tt := range []struct {
		name    string
		flags   []string
		command []string
		want    int
		err     string
	}{
		{"zero", nil, []string{"/tmp/attack", "exit", "0"}, 0, ""},
		{"own code", nil, []string{"/tmp/attack", "exit", "42"}, 42, ""},
		{"killed", nil, []string{"sh", "-c", "kill -9 $$"}, 137, ""},
		{"terminated", nil, []string{"sh", "-c", "kill -TERM $$"}, 143, ""},
		{"not found", nil, []string{"no-such-program"}, 127, "cannot find no-such-program"},
		{"no such path", nil, []string{"/tmp/absent"}, 127, "/tmp/absent"},
		{"not executable", nil, []string{"/tmp/plain"}, 126, "permission denied"},
		{"denied", nil, []string{"/tmp/other"}, 126, "permission denied"},
		{"bad policy", []string{"--policy", "/tmp/bad.yaml"}, []string{"true"}, 125, "dirft"},
		{"no policy file", []string{"--policy", "/tmp/none.yaml"}, []string{"true"}, 125, "cannot read the policy"},
		{"bad mode", []string{"--mode", "loud"}, []string{"true"}, 125, "cannot use mode"},
		{"no command", nil, nil, 125, "say what to run"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			flags := tt.flags
			if flags == nil {
				flags = []string{"--policy", "/tmp/p.yaml"}
			}
			r := c.run(t, flags, tt.command...)
			if r.code != tt.want || !strings.Contains(r.err, tt.err) {
				t.Errorf("want %d and %q\n%s", tt.want, tt.err, r.brief())
			}
		})
	}
}

// The application gets its own environment and nothing of the enforcer's, and
// cannot read it anywhere: as root, with every capability of the cell.
func TestSecretsStayHidden(t *testing.T) {
	c := newCell(t)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), quiet)
	for _, user := range []string{"0", "1000"} {
		cmd := c.command("run", "--policy", "/tmp/p.yaml", "--token", "hunter2-argv", "--gateway", "", "--events", "none", "--",
			"/tmp/attack", "drop-to", user, "/tmp/attack", "steal", "2retnuh", "1")
		cmd.Env = append(cmd.Env, "LIMPET_JOIN_TOKEN=hunter2-env", "OWN=1")
		r := finish(t, cmd, "")
		if r.code != 0 || !r.has("nothing found") {
			t.Errorf("user %s: %s", user, r.brief())
		}
		r = finish(t, func() *exec.Cmd {
			cmd := c.command("run", "--policy", "/tmp/p.yaml", "--events", "none", "--", "/tmp/attack", "env")
			cmd.Env = append(cmd.Env, "LIMPET_JOIN_TOKEN=hunter2-env", "LIMPET_GATEWAY=", "OWN=1")
			return cmd
		}(), "")
		if !r.has("OWN=1") || strings.Contains(r.out, "LIMPET") {
			t.Errorf("environment: %s", r.brief())
		}
	}
}

// The application starts as it would without us, but for no_new_privs, the
// filter and CAP_SYS_PTRACE.
func TestApplicationState(t *testing.T) {
	c := newCell(t)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), quiet)
	r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "status")
	// What we ignore stays ignored, as under any parent (make's children find
	// signal 32 so).
	for _, want := range []string{ownLine(t, "SigIgn:"), "SigBlk:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !r.has(want) {
			t.Errorf("lacks %q\n%s", want, r.brief())
		}
	}
	var bounding uint64
	for line := range strings.Lines(r.out) {
		fmt.Sscanf(line, "CapBnd:\t%x", &bounding)
	}
	if bounding&(1<<19) != 0 || bounding == 0 {
		t.Errorf("bounding set %x", bounding)
	}
}

// ownLine is a line of our own /proc/self/status.
func ownLine(t *testing.T, key string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, key) {
			return strings.TrimSpace(line)
		}
	}
	t.Fatal("no " + key)
	return ""
}

// S4: nothing that the application sends ends or stops the enforcer, as PID 1
// and not, as root and not.
func TestKillAttempts(t *testing.T) {
	c := newCell(t)
	rounds := "35" // 11,200 attempts
	if testing.Short() {
		rounds = "3"
	}
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), quiet)
	t.Run("as PID 1", func(t *testing.T) {
		for _, user := range []string{"0", "1000"} {
			r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "drop-to", user, "/tmp/attack", "kill", "1", rounds)
			if r.code != 0 || !r.has("sent 0") {
				t.Errorf("user %s: %s", user, r.brief())
			}
			if n := len(r.of("selfProtection")); n == 0 {
				t.Errorf("user %s: no event tells of it", user)
			}
			for _, e := range r.of("selfProtection") {
				if e.Kind != eventpb.Kind_KIND_TAMPER || e.Verdict != eventpb.Verdict_VERDICT_DENY {
					t.Errorf("%v", e)
				}
			}
		}
	})
	t.Run("as another process", func(t *testing.T) {
		enforcer, attack := programs(t)
		events := filepath.Join(t.TempDir(), "events")
		cmd := exec.Command(enforcer, "run", "--policy", filepath.Join(c.dir, "p.yaml"), "--events", events, "--",
			"sh", "-c", attack+" kill $PPID "+rounds+"; exit 7")
		r := finish(t, cmd, events)
		if r.code != 7 || !r.has("sent 0") || len(r.of("selfProtection")) == 0 {
			t.Error(r.brief())
		}
	})
}

func TestOrphansAreReaped(t *testing.T) {
	c := newCell(t)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), quiet)
	r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.05 &) ; done; sleep 0.3; "+
		"for t in 1 2 3 4 5 6 7 8 9 10; do n=$(cat /proc/*/stat | grep -c ' Z '); [ $n = 0 ] && break; sleep 0.3; done; echo $n; exit 0")
	if !strings.HasPrefix(r.out, "0\n") {
		t.Error(r.brief())
	}
	for _, e := range r.events {
		if e.Attributes["exit_code"] != "" && e.Attributes["orphans"] == "0" {
			t.Errorf("no orphan was seen: %v", e.Attributes)
		}
	}
}

// status asks the running enforcer, also from inside of what it supervises.
func TestStatus(t *testing.T) {
	c := newCell(t)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    deniedExecutables: {mode: enforce, paths: [/nowhere]}\n    outbound: {mode: audit, deny: [{cidrs: [10.0.0.0/8]}]}\n    dns: {mode: enforce, deny: [example.com]}\n    drift: {mode: enforce}\n")
	r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "sh", "-c", "sleep 0.5; exec /tmp/microenforcer status --json")
	var rep status.Report
	if err := json.Unmarshal([]byte(r.out[:strings.LastIndex(r.out, "}")+1]), &rep); err != nil {
		t.Fatalf("%v\n%s", err, r.brief())
	}
	got := map[string]string{}
	for _, k := range rep.Controls {
		got[k.Control] = k.State
	}
	for control, want := range map[string]string{
		"deniedExecutables": "enforced", "outbound": "audit", "dns": "enforced", "drift": "unavailable", "mounts": "off", "selfProtection": "enforced",
	} {
		if got[control] != want {
			t.Errorf("%s is %q, want %q", control, got[control], want)
		}
	}
	if rep.PID != 1 || rep.Rung == "" || rep.Rung == "unknown" || rep.Policy.Names[0] != "e2e" || len(rep.Facilities) == 0 {
		t.Errorf("%+v", rep)
	}
	// Where none runs, it says what one would do.
	enforcer, _ := programs(t)
	out, err := exec.Command(enforcer, "status", "--policy", filepath.Join(c.dir, "p.yaml")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "No enforcer runs here") || !strings.Contains(string(out), "enforced") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Events that nobody reads must not keep a workload that has ended.
func TestFlushIsBounded(t *testing.T) {
	c := newCell(t)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    deniedExecutables: {mode: audit, paths: [/tmp/other]}\n")
	syscall.Mkfifo(filepath.Join(c.dir, "fifo"), 0o600)
	hold, err := os.OpenFile(filepath.Join(c.dir, "fifo"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	start := time.Now()
	// 200 different commands fill the pipe; nobody reads it.
	cmd := c.command("run", "--policy", "/tmp/p.yaml", "--events", "/tmp/fifo", "--flush", "300ms", "--",
		"sh", "-c", "for i in $(seq 200); do /tmp/other echo $i >/dev/null; done; exit 5")
	r := finish(t, cmd, "")
	if r.code != 5 {
		t.Error(r.brief())
	}
	t.Logf("ended after %v", time.Since(start))
	if time.Since(start) > 15*time.Second {
		t.Error("the end was not bounded")
	}
}

// A health check runs under the policy, in a tree of its own, and keeps its
// exit code.
func TestHealthcheck(t *testing.T) {
	c := newCell(t)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    deniedExecutables: {mode: enforce, paths: [/tmp/other]}\n")
	for command, want := range map[string]int{"exit": 1, "child": 0} {
		args := []string{"healthcheck", "--policy", "/tmp/p.yaml", "--", "/tmp/attack", command, "1"}
		if command == "child" {
			args = append(args[:len(args)-1], "/tmp/other", "echo", "x")
		}
		r := finish(t, c.command(args...), "")
		if command == "exit" && r.code != want {
			t.Errorf("%s", r.brief())
		}
		if command == "child" && (!strings.Contains(r.err, "deniedExecutables") || strings.Contains(r.out, "x\n")) {
			t.Errorf("%s", r.brief())
		}
	}
}
