//go:build docker

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCarrier runs an image that nobody wrapped under an enforcer that comes
// by a volume, in both ways in which platforms fill one: ECS takes the volume
// of a carrier container that need not run, Kubernetes and Azure let the
// carrier fill an empty one.
func TestCarrier(t *testing.T) {
	name := fmt.Sprintf("limpet-carrier-%d", os.Getpid())
	app, carrier := name+":app", name+":carrier"
	t.Cleanup(func() {
		sh(t, "docker rm -f -v "+name+"; docker volume rm "+name+"; docker rmi -f "+app+" "+carrier)
	})
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte("apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: p}\nspec: {controls: {deniedExecutables: {mode: enforce, names: [sha1sum]}}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := "cd " + dir + " && mkdir -p root/bin && cp /bin/busybox root/bin/ && ln -s busybox root/bin/sh && ln -s busybox root/bin/sha1sum && tar -C root -c . | docker import - " + app
	if b, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("cannot make the image: %v\n%s", err, b)
	}
	limpet := filepath.Join(root, "bin/limpet")
	if b, err := exec.Command(limpet, "wrap", "carrier", "-o", "docker://"+carrier, "--policy", policy, "--mode", "enforce").CombinedOutput(); err != nil {
		t.Fatalf("cannot make the carrier: %v\n%s", err, b)
	}
	work := []string{"run", "--", "/bin/sh", "-c", "echo works; /bin/sha1sum /bin/busybox; echo $?"}
	check := func(t *testing.T, out string, err error) {
		t.Helper()
		if err != nil || !strings.Contains(out, "works\n") || !strings.HasSuffix(out, "126\n") {
			t.Errorf("%v: %s", err, out)
		}
	}
	t.Run("volume of the carrier", func(t *testing.T) {
		mustDocker(t, "create", "--name", name, carrier)
		args := append([]string{"run", "--rm", "--network", "none", "--volumes-from", name + ":ro", "--entrypoint", "/.limpet/microenforcer", app}, work...)
		out, err := exec.Command("docker", args...).Output()
		check(t, string(out), err)
	})
	t.Run("volume that the carrier fills", func(t *testing.T) {
		mustDocker(t, "volume", "create", name)
		mustDocker(t, "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "-v", name+":/limpet-volume",
			"--entrypoint", "/.limpet/microenforcer", carrier, "install", "/limpet-volume")
		args := append([]string{"run", "--rm", "--network", "none", "--user", "1000", "-v", name + ":/.limpet:ro", "--entrypoint", "/.limpet/microenforcer", app}, work...)
		out, err := exec.Command("docker", args...).Output()
		check(t, string(out), err)
	})
}
