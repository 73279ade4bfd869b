//go:build docker

package microenforcer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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

// What no row of TestDockerStatusIsTrue shows: a part of rung B that is missing
// takes controls away, and whatever is missing, what is denied does not run to
// its end and what is allowed does.
func TestDockerMaskedFacilities(t *testing.T) {
	buildImages(t)
	policy := newPolicy(t, `    deniedExecutables: {mode: enforce, paths: [/tmp/other]}
    outbound: {mode: enforce, deny: [{cidrs: [10.0.0.0/8]}]}
    namespaces: {mode: enforce}
`)
	for _, tt := range []struct {
		name, mask, rung string
		states           map[string]string
	}{
		{"busy listener, and no shared memory", busyListener + `,{"names":["shmget"],"action":"SCMP_ACT_ERRNO","errnoRet":38}`, "B",
			map[string]string{"deniedExecutables": "enforced", "outbound": "unavailable", "namespaces": "enforced", "selfProtection": "enforced"}},
		{"no ptrace", noPtrace, "A3", map[string]string{"deniedExecutables": "audit", "outbound": "enforced"}},
		{"Linux 5.10", linux510, "A2", map[string]string{"deniedExecutables": "enforced", "outbound": "enforced"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			masked := []string{"--security-opt", "seccomp=" + profile(t, tt.mask)}
			rung, got := statusIn(t, masked, policy)
			if rung != tt.rung {
				t.Errorf("rung %s, want %s", rung, tt.rung)
			}
			for c, want := range tt.states {
				if got[c].State != want || want == "unavailable" && (got[c].Reason == "" || got[c].Errno == 0) {
					t.Errorf("%s is %+v, want %s", c, got[c], want)
				}
			}
			r := container(t, scratchImage, shape{flags: masked}, policy, nil, "/tmp/attack", "each", "echo", "app-ran", ";", "child", "/tmp/other", "echo", "other-ran")
			if strings.Contains(strings.ReplaceAll(r.out, "echo other-ran", ""), "other-ran") {
				t.Error("the denied program ran")
			}
			if r.code != 0 || !r.has("app-ran") {
				t.Errorf("exit code %d", r.code)
			}
			if t.Failed() {
				t.Log(r.brief())
			}
		})
	}
}
