package cli

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// pushed gives an image of a registry in this process.
func pushed(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	text := strings.TrimPrefix(s.URL, "http://") + "/shop/web:1"
	ref, err := name.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(512, 2)
	if err != nil {
		t.Fatal(err)
	}
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.ConfigFile(img, &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: c.RootFS}); err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestScans queues scans, lets limpet worker make them, and scans by the
// server's database and policies.
func TestScans(t *testing.T) {
	startServer(t)
	ref := pushed(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())

	limpet(t, 2, "", "scans", "enqueue")
	if out := limpet(t, 1, "", "scans", "enqueue", "oci:/etc"); !strings.Contains(out, "not an image of a registry") {
		t.Error(out)
	}
	id := strings.TrimSpace(limpet(t, 0, "", "scans", "enqueue", ref, "--platform", "linux/arm64"))
	if again := strings.TrimSpace(limpet(t, 0, "", "scans", "enqueue", ref, "--platform", "linux/arm64")); again != id {
		t.Errorf("the same image waits as %s and %s", id, again)
	}
	if out := limpet(t, 0, "", "scans", "cancel", id); out != id+" cancelled\n" {
		t.Error(out)
	}
	limpet(t, 1, "", "scans", "cancel", id)

	// A worker with a token that may nothing else.
	secret := strings.TrimSpace(limpet(t, 0, "", "token", "create", "far", "--role", "worker"))
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	limpet(t, 1, "", "scans", "list", "--api-token-file", token)
	worker := WorkerCommand()
	worker.SetArgs([]string{"--api-token-file", token, "--name", "far", "--log-level", "error"})
	worker.SetErr(t.Output())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.ExecuteContext(ctx) }()
	out := limpet(t, 0, "", "scans", "enqueue", ref, "--platform", "linux/amd64", "--wait")
	if !strings.HasSuffix(out, "done: pass\n") {
		t.Error(out)
	}
	if out := limpet(t, 0, "", "scans", "workers"); !strings.Contains(out, "far") || !strings.Contains(out, "0 wait, 0 run") {
		t.Error(out)
	}
	if out := limpet(t, 0, "", "scans", "list", "--state", "done"); strings.Count(out, ref) != 1 || !strings.Contains(out, "pass") {
		t.Error(out)
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the worker does not stop")
	}
	limpet(t, 2, "", "worker", "--parallel", "1000")

	// The server has no database: that is never "clean".
	if out := limpet(t, 3, "", "scan", ref, "--platform", "linux/amd64", "--server", os.Getenv("LIMPET_SERVER")); !strings.Contains(out, "PASS") || !strings.Contains(out, "no vulnerability database") {
		t.Error(out)
	}
	if out := limpet(t, 0, "", "scan", ref, "--platform", "linux/amd64", "--server", os.Getenv("LIMPET_SERVER"), "--scanners", "secret"); !strings.Contains(out, "PASS") {
		t.Error(out)
	}
	strict := "apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: strict}\nspec:\n  controls:\n    coverage: {mode: block}\n"
	limpet(t, 0, strict, "apply", "-f", "-")
	if out := limpet(t, 1, "", "scan", ref, "--platform", "linux/amd64", "--server", os.Getenv("LIMPET_SERVER"), "--scanners", "secret"); !strings.Contains(out, "FAIL") {
		t.Error(out)
	}
	limpet(t, 4, "", "scan", ref, "--platform", "linux/amd64", "--server", "https://127.0.0.1:1", "--scanners", "secret")
	limpet(t, 2, "", "scan", ref, "--server", os.Getenv("LIMPET_SERVER"), "--explain", "CVE-2024-3094")
}
