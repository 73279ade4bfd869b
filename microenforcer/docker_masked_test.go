//go:build docker

package microenforcer_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/microenforcer/status"
)

// profile is a seccomp profile that allows all but what it lists.
func profile(t testing.TB, syscalls string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "profile.json")
	doc := `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[` + syscalls + `]}`
	if err := os.WriteFile(p, []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// S10: hosts that lack a facility, played by seccomp profiles. Status must
// follow, and a start that cannot be kept must say what to do.
func TestDockerMaskedFacilities(t *testing.T) {
	buildImages(t)
	policy := writePolicy(t, filepath.Join(t.TempDir(), "p.yaml"), `    deniedExecutables: {mode: enforce, paths: [/tmp/other]}
    outbound: {mode: enforce, deny: [{cidrs: [10.0.0.0/8]}]}
    namespaces: {mode: enforce}
`)
	for _, tt := range []struct {
		name, mask, rung string
		states           map[string]string
		code             int    // of a run of "attack echo"
		says             string // on stderr
	}{
		{"nothing masked", `{"names":["acct"],"action":"SCMP_ACT_ERRNO"}`, "A1",
			map[string]string{"deniedExecutables": "enforced", "outbound": "enforced", "namespaces": "enforced"}, 0, ""},
		{"gVisor-like: no listener", `{"names":["seccomp"],"action":"SCMP_ACT_ERRNO","errnoRet":22,"args":[{"index":1,"value":8,"valueTwo":8,"op":"SCMP_CMP_MASKED_EQ"}]}`, "B",
			map[string]string{"deniedExecutables": "enforced", "outbound": "enforced", "namespaces": "enforced", "selfProtection": "enforced"}, 0, ""},
		{"sysbox-like: busy listener", `{"names":["seccomp"],"action":"SCMP_ACT_ERRNO","errnoRet":16,"args":[{"index":1,"value":8,"valueTwo":8,"op":"SCMP_CMP_MASKED_EQ"}]}`, "B",
			map[string]string{"deniedExecutables": "enforced"}, 0, ""},
		{"sysbox-like, and no shared memory", `{"names":["seccomp"],"action":"SCMP_ACT_ERRNO","errnoRet":16,"args":[{"index":1,"value":8,"valueTwo":8,"op":"SCMP_CMP_MASKED_EQ"}]},{"names":["shmget"],"action":"SCMP_ACT_ERRNO","errnoRet":38}`, "B",
			map[string]string{"deniedExecutables": "enforced", "outbound": "unavailable", "namespaces": "enforced"}, 0, ""},
		{"5.10-like: no WAIT_KILLABLE, no Landlock, no SET_FLAGS", `{"names":["seccomp"],"action":"SCMP_ACT_ERRNO","errnoRet":22,"args":[{"index":1,"value":32,"valueTwo":32,"op":"SCMP_CMP_MASKED_EQ"}]},
			{"names":["landlock_create_ruleset","landlock_add_rule","landlock_restrict_self"],"action":"SCMP_ACT_ERRNO","errnoRet":38},
			{"names":["ioctl"],"action":"SCMP_ACT_ERRNO","errnoRet":22,"args":[{"index":1,"value":1074274564,"op":"SCMP_CMP_EQ"}]}`, "A2",
			map[string]string{"deniedExecutables": "enforced", "outbound": "enforced"}, 0, ""},
		{"no ptrace", `{"names":["ptrace","pidfd_getfd","process_vm_readv","process_vm_writev"],"action":"SCMP_ACT_ERRNO","errnoRet":1}`, "A3",
			map[string]string{"deniedExecutables": "audit", "outbound": "enforced"}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := profile(t, tt.mask)
			out, err := docker(t, "run", "--rm", "--network", "none", "--security-opt", "seccomp="+p, "-v", policy+":/policy.yaml:ro",
				scratchImage, "/.limpet/microenforcer", "status", "--json", "--policy", "/policy.yaml")
			if err != nil {
				t.Fatal(err)
			}
			var r status.Report
			if err := json.Unmarshal([]byte(out), &r); err != nil {
				t.Fatal(err)
			}
			got := map[string]status.Control{}
			for _, c := range r.Controls {
				got[c.Control] = c
			}
			if r.Rung != tt.rung {
				t.Errorf("rung %s, want %s", r.Rung, tt.rung)
			}
			for c, want := range tt.states {
				if got[c].State != want || want == "unavailable" && (got[c].Reason == "" || got[c].Errno == 0) {
					t.Errorf("%s is %+v, want %s", c, got[c], want)
				}
			}
			run := finish(t, exec.Command("docker", "run", "--rm", "--network", "none", "--security-opt", "seccomp="+p, "-v", policy+":/policy.yaml:ro",
				scratchImage, "/.limpet/microenforcer", "run", "--policy", "/policy.yaml", "--", "/tmp/attack", "each", "echo", "app-ran", ";", "child", "/tmp/other", "echo", "other-ran"), "")
			if tt.code >= 0 && run.code != tt.code || !strings.Contains(run.err, tt.says) {
				t.Errorf("want code %d and %q\n%s", tt.code, tt.says, run.brief())
			}
			// Whatever is missing, what is denied does not run.
			if strings.Contains(strings.ReplaceAll(run.out, "echo other-ran", ""), "other-ran") {
				t.Errorf("the denied program ran\n%s", run.brief())
			}
			if tt.code == 0 && !run.has("app-ran") {
				t.Error(run.brief())
			}
			if t.Failed() || tt.code < 0 {
				t.Log(run.brief())
			}
		})
	}
}
