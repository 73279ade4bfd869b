//go:build docker

package microenforcer_test

import (
	"os/exec"
	"strings"
	"testing"
)

const (
	noListener   = `{"names":["seccomp"],"action":"SCMP_ACT_ERRNO","errnoRet":22,"args":[{"index":1,"value":8,"valueTwo":8,"op":"SCMP_CMP_MASKED_EQ"}]}`
	busyListener = `{"names":["seccomp"],"action":"SCMP_ACT_ERRNO","errnoRet":16,"args":[{"index":1,"value":8,"valueTwo":8,"op":"SCMP_CMP_MASKED_EQ"}]}`
)

// S1 on rung B: the ptrace engine stops the corpus in every way of running a
// container that the other engine is held to.
func TestDockerTracedShapes(t *testing.T) {
	buildImages(t)
	for _, s := range append([]shape{{name: "root"}}, shapes[:3]...) {
		s.flags = append([]string{"--security-opt", "seccomp=" + profile(t, noListener)}, s.flags...)
		s.bare, s.weaker = true, true
		t.Run(s.name, func(t *testing.T) { attackAll(t, s) })
	}
}

// Who prefers no workload to a weaker engine says so, and is told why.
func TestDockerMinimumRung(t *testing.T) {
	buildImages(t)
	policy := newPolicy(t, "    namespaces: {mode: enforce}\n")
	for _, tt := range []struct {
		name, mask, rung, says string
		code                   int
	}{
		{"below", busyListener, "A2", "another supervisor", 125},
		{"below, EINVAL", noListener, "A3", "seccomp listener", 125},
		{"just enough", busyListener, "B", "", 0},
		{"nonsense", busyListener, "D", "cannot use minimum rung", 125},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := finish(t, exec.Command("docker", "run", "--rm", "--network", "none", "--security-opt", "seccomp="+profile(t, tt.mask), "-v", policy+":/policy.yaml:ro",
				scratchImage, "/.limpet/microenforcer", "run", "--policy", "/policy.yaml", "--minimum-rung", tt.rung, "--", "/tmp/attack", "echo", "app-ran"), "")
			if r.code != tt.code || !strings.Contains(r.err, tt.says) || r.has("app-ran") != (tt.code == 0) {
				t.Errorf("want code %d and %q\n%s", tt.code, tt.says, r.brief())
			}
		})
	}
}
