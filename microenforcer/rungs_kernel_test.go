//go:build kernel

package microenforcer_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/microenforcer/status"
)

// masked makes the cell a host on which the calls of words (testdata/mask)
// fail with errno.
func (c *cell) masked(t testing.TB, errno string, words ...string) {
	t.Helper()
	out := filepath.Join(c.dir, "mask")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/mask")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build mask: %v\n%s", err, b)
	}
	c.mask = append(append([]string{"/tmp/mask", errno}, words...), "--")
}

// S1 on rung B: where a seccomp listener is busy or unknown, every attack of
// the corpus is seen in audit mode and stopped in enforce mode by the ptrace
// engine.
func TestTracedAttacks(t *testing.T) {
	c := newCell(t)
	c.masked(t, "22", "listener") // EINVAL, as gVisor says
	attacks(t, c)
}

// Rung C: with ptrace gone as well, programs are seen and, where the policy
// enforces, ended after they began; what needs no question the kernel refuses;
// and status claims no more than that.
func TestWatchedAttacks(t *testing.T) {
	for _, tt := range []struct {
		name, errno string
		words       []string
	}{
		{"no listener, no ptrace", "1", []string{"listener", "ptrace"}},
		{"no filter at all", "1", []string{"filter", "ptrace"}},
		{"ptrace, but no filter", "22", []string{"filter"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCell(t)
			c.masked(t, tt.errno, tt.words...)
			filter := tt.words[0] != "filter"
			controls := func(mode string) string {
				return "    deniedExecutables: {mode: " + mode + ", paths: [/tmp/other]}\n    reverseShell: {mode: " + mode + "}\n    namespaces: {mode: " + mode + "}\n    outbound: {mode: " + mode + ", deny: [{cidrs: [10.0.0.0/8]}]}\n"
			}
			for _, mode := range []string{"audit", "enforce"} {
				writePolicy(t, filepath.Join(c.dir, "p.yaml"), controls(mode))
				r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "each", "child", "/tmp/other", "sleep", "2s", ";", "unshare", ";", "shell", cellPeer+":80", "/tmp/sh", "sleep", "2s")
				want := eventpb.Verdict_VERDICT_AUDIT
				if mode == "enforce" {
					want = eventpb.Verdict_VERDICT_DENY
				}
				for _, control := range []string{"deniedExecutables", "reverseShell"} {
					events := r.of(control)
					if len(events) == 0 {
						t.Errorf("%s: no event of %s\n%s", mode, control, r.brief())
					}
					for _, e := range events {
						checkEvent(t, e, want)
						if e.Attributes["late"] != "true" || e.Killed != (mode == "enforce") {
							t.Errorf("%s: %v", mode, e)
						}
					}
				}
				if killed := strings.Contains(r.out, "signal: killed"); killed != (mode == "enforce") {
					t.Errorf("%s: killed is %v\n%s", mode, killed, r.brief())
				}
				if unshared := r.has("worked unshare"); unshared == (mode == "enforce" && filter) {
					t.Errorf("%s: unshare worked is %v\n%s", mode, unshared, r.brief())
				}
			}
			states := func(mode string) map[string]string {
				writePolicy(t, filepath.Join(c.dir, "p.yaml"), controls(mode))
				r := finish(t, c.command("run", "--events", "none", "--policy", "/tmp/p.yaml", "--", "sh", "-c", "sleep 1; /tmp/microenforcer status --json"), "")
				var s status.Report
				if err := json.Unmarshal([]byte(r.out), &s); err != nil {
					t.Fatal(err, r.brief())
				}
				if s.Rung != "C" {
					t.Errorf("rung %s", s.Rung)
				}
				out := map[string]string{}
				for _, k := range s.Controls {
					out[k.Control] = k.State
					if k.State == "unavailable" && (k.Reason == "" || k.Errno == 0) {
						t.Errorf("unavailable without a reason: %+v", k)
					}
				}
				return out
			}
			held := map[bool]string{true: "enforced", false: "unavailable"}[filter]
			for mode, want := range map[string]map[string]string{
				"enforce": {"deniedExecutables": "audit", "reverseShell": "audit", "namespaces": held, "outbound": "unavailable", "selfProtection": held},
				"audit":   {"deniedExecutables": "audit", "namespaces": "unavailable", "outbound": "unavailable", "selfProtection": held},
			} {
				got := states(mode)
				for control, state := range want {
					if got[control] != state {
						t.Errorf("%s: %s is %s, want %s", mode, control, got[control], state)
					}
				}
			}
		})
	}
}

// The probe of rung C takes other ids for a moment, after which it is closed to
// an enforcer without SYS_PTRACE. It is not taken for a program that cannot be
// verified, or it would be killed and status would stay without an answer.
func TestWatchedProbe(t *testing.T) {
	c := newCell(t)
	c.masked(t, "1", "listener", "ptrace")
	c.mask = append([]string{"/tmp/attack", "without", sysPtrace}, c.mask...)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    deniedExecutables: {mode: audit, paths: [/tmp/other]}\n")
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	for range rounds {
		r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "sleep", "300ms")
		for _, e := range r.events {
			if strings.Contains(e.String(), "limpet-probe") {
				t.Fatalf("the probe was judged: %v", e)
			}
		}
	}
}

// unavailable lists the controls that a status in JSON does not claim. At
// least those that every rung with an engine has must be claimed.
func unavailable(t testing.TB, text string) map[string]bool {
	t.Helper()
	var s status.Report
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%v: %.500s", err, text)
	}
	out := map[string]bool{}
	for _, k := range s.Controls {
		out[k.Control] = k.State == "unavailable"
	}
	for _, k := range []string{"deniedExecutables", "drift", "fileless", "packageManagers", "reverseShell", "outbound", "metadataEndpoints", "socketFamilies",
		"namespaces", "mounts", "kernelInterfaces", "injection", "privilegeChange", "processLimit", "interpreters", "users", "syscalls"} {
		if out[k] {
			t.Errorf("%s is unavailable on rung %s", k, s.Rung)
		}
	}
	return out
}
