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

// runsc finds real gVisor, which `make setup` builds (infra/dev/setup.sh).
func runsc(t testing.TB) string {
	t.Helper()
	p := os.Getenv("LIMPET_RUNSC")
	if p == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		p = filepath.Join(cache, "limpet", "runsc")
	}
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("real gVisor is missing: run make setup (%v)", err)
	}
	return p
}

// gvisor runs the enforcer with args inside gVisor. What it writes there is
// gone with it, so events come on stderr.
func gvisor(t testing.TB, c *cell, serve bool, args ...string) result {
	t.Helper()
	script := `set -e
mkdir /cell
cp "$1"/* /cell/
mount --bind /cell /tmp # of this machine's something may have such a name
ip link set lo up
ip addr add ` + cellPeer + `/32 dev lo
ip addr add ` + cellMetadata + `/32 dev lo
shift
if [ "$1" = yes ]; then
  /tmp/attack serve ` + cellPeer + `:80 ` + cellMetadata + `:80 >/tmp/served &
  while ! grep -q serving /tmp/served; do sleep 0.01; done
fi
shift
cd /
/tmp/microenforcer "$@"`
	yes := "no"
	if serve {
		yes = "yes"
		script += "\ncat /tmp/served"
	}
	argv := []string{"--ignore-cgroups", "--network=none", "--platform=systrap", "do", "/bin/sh", "-c", script, "sh", c.dir, yes}
	r := finish(t, exec.Command(runsc(t), append(argv, args...)...), "")
	r.events = parseEvents(t, r.err)
	return r
}

// S1 and S10 on real gVisor, the host of Cloud Run's first generation: status
// names the rung and what is missing, and the whole corpus is seen in audit mode
// and stopped in enforce mode.
func TestGVisor(t *testing.T) {
	c := newCell(t)
	policyFile := filepath.Join(c.dir, "p.yaml")
	_, all, _ := corpus(cellPeer, "enforce")
	writePolicy(t, policyFile, all)
	r := gvisor(t, c, false, "status", "--json", "--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest")
	if r.code != 0 || r.out == "" {
		t.Fatalf("exit %d: %s", r.code, r.brief())
	}
	missing := unavailable(t, r.out)
	for _, mode := range []string{"audit", "enforce"} {
		t.Run(mode, func(t *testing.T) {
			cases, controls, command := corpus(cellPeer, mode)
			writePolicy(t, policyFile, controls)
			r := gvisor(t, c, true, append([]string{"run", "--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest", "--"}, command...)...)
			parts := strings.Split("\n"+r.out, "\nattack ")[1:]
			if len(parts) < len(cases) {
				t.Fatal(r.brief())
			}
			for i, tt := range cases {
				if missing[tt.control] {
					continue // status does not claim it here
				}
				if tt.control == "users" || tt.control == "reverseShell" && mode == "enforce" {
					continue // another control of the same policy is named first
				}
				_, said, _ := strings.Cut(parts[i], "\n")
				want := eventpb.Verdict_VERDICT_AUDIT
				if mode == "enforce" {
					want = eventpb.Verdict_VERDICT_DENY
					if !strings.Contains(said, tt.denied) || tt.worked != "" && strings.Contains(said, tt.worked) {
						t.Errorf("%s: %s", tt.name, parts[i])
					}
				}
				events := r.of(tt.control)
				if tt.control == "drift" {
					events = append(events, r.of("fileless")...)
				}
				if len(events) == 0 {
					t.Errorf("%s: no event", tt.name)
				}
				for _, e := range events {
					checkEvent(t, e, want)
				}
			}
			if t.Failed() {
				t.Log(r.brief())
			}
		})
	}
	t.Run("status", func(t *testing.T) {
		writePolicy(t, policyFile, "    deniedExecutables: {mode: enforce, paths: [/tmp/other]}\n    outbound: {mode: enforce, deny: [{cidrs: [10.0.0.0/8]}]}\n    fileRead: {mode: enforce, rules: [{paths: [/etc/shadow]}]}\n")
		r := gvisor(t, c, false, "status", "--json", "--policy", "/tmp/p.yaml")
		var s status.Report
		if err := json.Unmarshal([]byte(r.out), &s); err != nil {
			t.Fatal(err, r.brief())
		}
		states := map[string]string{}
		for _, k := range s.Controls {
			states[k.Control] = k.State
			if k.State == "unavailable" && k.Reason == "" {
				t.Errorf("%s is unavailable without a reason", k.Control)
			}
		}
		for control, want := range map[string]string{"selfProtection": "enforced", "deniedExecutables": "enforced", "outbound": "enforced", "fileRead": "unavailable"} {
			if states[control] != want {
				t.Errorf("%s is %s, want %s", control, states[control], want)
			}
		}
		facilities := map[string]status.Facility{}
		for _, f := range s.Facilities {
			facilities[f.Name] = f
		}
		if f := facilities["seccomp_listener"]; s.Rung != "B" || f.OK || f.Errno != "invalid argument" {
			t.Errorf("rung %s, listener %+v", s.Rung, f)
		}
		for _, name := range []string{"seccomp_trace", "ptrace_seize", "shared_page", "proc_mem"} {
			if !facilities[name].OK {
				t.Errorf("%s: %+v", name, facilities[name])
			}
		}
	})
}
