//go:build docker

package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDemo is `make demo` without a terminal: it must end by itself with exit
// code 0, and leave nothing behind. Once in Docker, once without it.
func TestDemo(t *testing.T) {
	for name, args := range map[string][]string{"docker": nil, "namespaces": {"-no-docker"}} {
		t.Run(name, func(t *testing.T) {
			demo := exec.Command("go", append([]string{"run", "./infra/demo", "-stay=false"}, args...)...)
			demo.Dir = root
			out, err := demo.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range []string{"ran, detected", "blocked", "Removed what the demo made"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("the demo does not say %q:\n%s", want, out)
				}
			}
			left, err := exec.Command("sh", "-c", "docker ps -aq --filter name=limpet-demo; docker network ls -q --filter name=limpet-demo; docker image ls -q 'limpet-demo-*'; ip netns list | grep limpet-demo || true").CombinedOutput()
			if err != nil || len(strings.TrimSpace(string(left))) > 0 {
				t.Errorf("the demo left something behind: %v\n%s", err, left)
			}
		})
	}
}
