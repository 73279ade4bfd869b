//go:build kernel

package microenforcer_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// An enforcer that cannot start refuses, or becomes the application, as its
// priority says; an application that cannot start is not its matter.
func TestPriority(t *testing.T) {
	enforcer, attack := programs(t)
	for _, tt := range []struct {
		name     string
		args     []string
		code     int
		out, err string
		not      string
	}{
		{"security", []string{"--policy", "/nowhere"}, 125, "", "cannot read the policy", "worked"},
		{"availability", []string{"--priority", "availability", "--policy", "/nowhere"}, 0, "worked env", "WITHOUT PROTECTION", "LIMPET_"},
		{"neither", []string{"--priority", "speed"}, 125, "", "want security or availability", "worked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(enforcer, append(append([]string{"run"}, tt.args...), "--", attack, "env")...)
			cmd.Env = append(os.Environ(), "LIMPET_JOIN_TOKEN=secret")
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.err) {
				t.Errorf("code %d, want %d\nstdout: %s\nstderr: %s", code, tt.code, out.String(), errs.String())
			}
			if strings.Contains(out.String(), tt.not) {
				t.Errorf("%q is in %s", tt.not, out.String())
			}
		})
	}
	missing := exec.Command(enforcer, "run", "--priority", "availability", "--", "/nowhere")
	b, _ := missing.CombinedOutput()
	if missing.ProcessState.ExitCode() != 127 || bytes.Contains(b, []byte("WITHOUT")) {
		t.Errorf("a missing command: %d\n%s", missing.ProcessState.ExitCode(), b)
	}
}
