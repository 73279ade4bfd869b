//go:build browser

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane"
	"github.com/limpet-security/limpet/infra/seed"
	"github.com/limpet-security/limpet/scanner/cybercenter"
	"github.com/limpet-security/limpet/scanner/cybercenter/sample"
)

// TestConsole runs the console's browser tests against a real server in
// Chromium: with an empty database, then with what package seed puts into it.
func TestConsole(t *testing.T) {
	dir := t.TempDir()
	listen, gateway := freeAddress(t), freeAddress(t)
	code := filepath.Join(dir, "setup-code")
	bin, err := filepath.Abs(filepath.Join(root, "bin/limpet"))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	// The sample stands for a database that was pulled; nobody answers where the next one would be.
	database, err := sample.Data()
	if err != nil {
		t.Fatal(err)
	}
	_, public, err := cybercenter.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	vulns, key := filepath.Join(dir, "vuln.db"), filepath.Join(dir, "db.pub")
	if err := errors.Join(os.WriteFile(vulns, database, 0o644), os.WriteFile(key, public, 0o644)); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(bin, "server", "--data", filepath.Join(dir, "data"), "--listen", listen,
		"--gateway-listen", gateway, "--setup-code-file", code, "--vuln-db", vulns, "--vuln-db-from", "127.0.0.1:1/limpet/db", "--vuln-db-key", key,
		"--registry-network", "127.0.0.0/8")
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatalf("cannot start the server (run make build first): %v", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil {
			t.Errorf("the server did not end cleanly: %v", err)
		}
		if t.Failed() {
			t.Logf("server:\n%s", log.String())
		}
	})
	var secret []byte
	for deadline := time.Now().Add(20 * time.Second); len(secret) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the server wrote no setup code")
		}
		secret, _ = os.ReadFile(code)
	}
	e2e := exec.Command("npm", "run", "--silent", "e2e")
	e2e.Dir = filepath.Join(root, "controlplane/ui")
	e2e.Env = append(os.Environ(), "LIMPET_URL=https://"+listen, "LIMPET_SETUP_CODE="+strings.TrimSpace(string(secret)), shots(t))
	out, err := e2e.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)

	// The same server with something on every page.
	token, err := controlplane.CreateToken(t.Context(), controlplane.TokenRequest{Data: filepath.Join(dir, "data"), Name: "seed", Roles: []string{"administrator"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	wait, err := seed.Fill(ctx, seed.Target{Server: "https://" + listen, Gateway: gateway, CAFile: filepath.Join(dir, "data", "ca.pem"), Token: token})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	seeded := exec.Command("npm", "run", "--silent", "e2e:seeded")
	seeded.Dir, seeded.Env = e2e.Dir, e2e.Env
	out, err = seeded.CombinedOutput()
	stop()
	wait()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// shots says into which folder screenshots go, where the environment asks for
// them because somebody wants to look.
func shots(t *testing.T) string {
	dir := os.Getenv("LIMPET_SHOTS")
	if dir != "" {
		dir = filepath.Join(dir, t.Name())
	}
	return "LIMPET_SHOTS=" + dir
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return fmt.Sprint(ln.Addr())
}
