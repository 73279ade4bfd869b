//go:build docker

package microenforcer_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/policy/platform"
	"github.com/limpet-security/limpet/microenforcer/status"
)

// The table of platforms says what a running enforcer says, under a seccomp
// profile that imitates each of them. That what status says is so is for
// TestDockerStatusIsTrue.
func TestDockerPlatformsAreTrue(t *testing.T) {
	buildImages(t)
	every, err := os.ReadFile("../internal/policy/platform/every.yaml")
	if err != nil {
		t.Fatal(err)
	}
	table := platform.Known()
	hosts := map[string]func() string{ // the container's profile; "" is Docker's own
		"docker":  func() string { return "" },
		"fargate": func() string { return likeDocker(t, linux510) },
		"aci":     func() string { return likeDocker(t, noPtrace) },
		"gvisor":  func() string { return profile(t, noListener) },
		"watch":   func() string { return profile(t, noListener+","+noPtrace) },
	}
	for i, p := range table.Platforms {
		for _, mode := range []string{"enforce", "audit"} {
			t.Run(p.ID+"/"+mode, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "p.yaml")
				// An image that nobody has judged would not start (TestDockerVerdicts).
				text := strings.ReplaceAll(string(every), "imageAssurance: {mode: MODE", "imageAssurance: {mode: audit")
				if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "MODE", mode)), 0o644); err != nil {
					t.Fatal(err)
				}
				var flags []string
				if f := hosts[p.ID](); f != "" {
					flags = []string{"--security-opt", "seccomp=" + f}
				}
				got := running(t, flags, file)
				if got.Rung != p.Rung {
					t.Errorf("rung %s, want %s", got.Rung, p.Rung)
				}
				said := map[string]status.Control{}
				for _, c := range got.Controls {
					said[c.Control] = c
				}
				for _, row := range table.Controls {
					want := row.On[i].Enforce
					if mode == "audit" {
						want = row.On[i].Audit
					}
					if row.Control == policy.ImageAssurance {
						want = row.On[i].Audit
					}
					if c := said[string(row.Control)]; c.State != want {
						t.Errorf("%s: the table says %s, the enforcer %s (%s)", row.Control, want, c.State, c.Reason)
					}
				}
			})
		}
	}
}

// likeDocker is Docker's default profile, as far as our calls are concerned,
// with more refused.
func likeDocker(t *testing.T, more string) string {
	t.Helper()
	return profile(t, `{"names":["unshare","setns","mount","umount2","pivot_root","move_mount","fsopen","open_tree","bpf","perf_event_open","init_module",
		"finit_module","keyctl","userfaultfd","kexec_load","process_vm_readv","process_vm_writev","kcmp","pidfd_getfd","settimeofday","clock_settime"],"action":"SCMP_ACT_ERRNO","errnoRet":1},`+more)
}

// running asks an enforcer that runs a workload what holds.
func running(t *testing.T, flags []string, policyFile string) status.Report {
	t.Helper()
	args := append([]string{"run", "-d", "--rm", "--network", "none", "-v", policyFile + ":/policy.yaml:ro"}, flags...)
	id, err := docker(t, append(args, scratchImage, "/.limpet/microenforcer", "run", "--policy", "/policy.yaml", "--manifest", "/.limpet/manifest", "--", "/tmp/attack", "sleep", "60s")...)
	if err != nil {
		t.Fatal(err)
	}
	id = strings.TrimSpace(id)
	t.Cleanup(func() { _ = exec.Command("docker", "kill", id).Run() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		out, err := exec.Command("docker", "exec", id, "/.limpet/microenforcer", "status", "--json").Output()
		var r status.Report
		settled := err == nil && json.Unmarshal(out, &r) == nil && len(r.Facilities) > 0
		for _, c := range r.Controls {
			settled = settled && !strings.Contains(c.Reason, "has not been probed yet") && !strings.Contains(c.Reason, "when a workload runs")
		}
		if settled {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("no status: %v %s", err, out)
		}
	}
}
