//go:build docker

package e2e

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestAllInOne builds the all-in-one image from what `make build` made, runs
// it with one `docker run`, and asks it for the first-run page's question. It
// must keep its data in the volume and end cleanly.
func TestAllInOne(t *testing.T) {
	name := fmt.Sprintf("limpet-e2e-%d", os.Getpid())
	run := func(args ...string) string {
		t.Helper()
		b, err := exec.Command("docker", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, b)
		}
		return strings.TrimSpace(string(b))
	}
	run("build", "-q", "-t", name, "-f", root+"/infra/images/limpet.Dockerfile", root+"/bin")
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "-f", name).Run() })
	run("run", "-d", "--name", name, "-v", name+":/data", name)
	t.Cleanup(func() {
		_ = exec.Command("docker", "rm", "-f", name).Run()
		_ = exec.Command("docker", "volume", "rm", name).Run()
	})
	setup := func() {
		t.Helper()
		ip := run("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
		// The certificate comes from the install's own CA, inside the volume.
		c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			resp, err := c.Get("https://" + ip + ":8443/api/v1/setup")
			if err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("the server does not answer: %v\n%s", err, run("logs", name))
			}
		}
	}
	setup()
	logs := ""
	for range 100 { // it is shown once the server listens
		if logs = run("logs", name); strings.Contains(logs, "Setup code") {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if !strings.Contains(logs, "Setup code") {
		t.Errorf("the log holds no setup code:\n%s", logs)
	}
	run("stop", "-t", "10", name)
	if code := run("inspect", "-f", "{{.State.ExitCode}}", name); code != "0" {
		t.Errorf("exit code %s after docker stop:\n%s", code, run("logs", name))
	}
	run("start", name)
	setup()
}
