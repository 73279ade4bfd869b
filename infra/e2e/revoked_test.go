//go:build kernel

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inImage runs a command in a root of its own that looks like a wrapped image:
// this machine's programs, and $LIMPET at /.limpet.
const inImage = `set -e
R=$DIR/root; mkdir -p $R; mount -t tmpfs none $R
for d in bin sbin lib lib64 usr etc dev proc tmp; do
  [ -e /$d ] || continue
  if [ -L /$d ]; then cp -a /$d $R/$d; else mkdir $R/$d; mount --rbind /$d $R/$d; fi
done
cp -r $DIR/limpet $R/.limpet
exec chroot $R "$@"`

// TestRevokedImage revokes the image of a workload: its start is refused offline
// by the bundle that it carries, reported in audit mode, ended when the enforcer
// hears of it late, and let through when it is restored.
func TestRevokedImage(t *testing.T) {
	l := newLearnerAt(t, "127.0.0.1")
	digest := "sha256:" + strings.Repeat("5e", 32)
	file := filepath.Join(l.dir, "shop.yaml")
	group := func(mode string) {
		t.Helper()
		text := "apiVersion: limpet.dev/v1\nkind: EnforcerGroup\nmetadata: {name: shop}\nspec: {mode: " + mode + ", policies: [plain]}\n---\n" +
			"apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: plain}\nspec: {controls: {deniedExecutables: {mode: enforce, paths: [/nowhere]}}}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l.limpet(0, "apply", "-f", file)
	}
	// wrap writes what an image carries that was wrapped now.
	wrap := func() {
		t.Helper()
		var answer map[string]any
		l.api("GET", "/groups/shop/embed", nil, &answer)
		bundle, err := base64.StdEncoding.DecodeString(answer["bundle"].(string))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{"bundle", "bundleEpoch", "bundleNumber", "$schema"} {
			delete(answer, k)
		}
		answer["gateway"] = l.started.GatewayAt
		answer["sourceImage"], answer["sourceDigest"] = "shop:1", digest
		config, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(l.dir, "limpet")
		os.MkdirAll(dir, 0o755)
		for name, b := range map[string][]byte{"config.json": config, "bundle": bundle} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if b, err := exec.Command("cp", l.enforcer, filepath.Join(dir, "microenforcer")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
	// start runs the image, with a token or offline, and gives its exit code and
	// what it wrote.
	start := func(online bool, command ...string) (int, string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		args := append([]string{"-c", inImage, "sh", "/.limpet/microenforcer", "run", "--flush", "20s", "--"}, command...)
		cmd := exec.CommandContext(ctx, "sh", args...)
		cmd.Env = append(os.Environ(), "DIR="+l.dir)
		if online {
			var join struct{ Secret string }
			l.api("POST", "/groups/shop/join-tokens", map[string]any{"ttlSeconds": 600, "maxUses": 1}, &join)
			cmd.Env = append(cmd.Env, "LIMPET_JOIN_TOKEN="+join.Secret)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		cmd.WaitDelay = 5 * time.Second
		out, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(out)
	}

	group("enforce")
	wrap()
	if code, out := start(false, "/bin/echo", "it-runs"); code != 0 || !strings.Contains(out, "it-runs") {
		t.Fatalf("before it was revoked: %d\n%s", code, out)
	}
	if out := l.limpet(0, "image", "revoke", digest, "--reason", "CVE-2026-1", "--name", "shop:1"); !strings.Contains(out, "revoked") {
		t.Error(out)
	}
	if out := l.limpet(0, "image", "revoked"); !strings.Contains(out, digest) || !strings.Contains(out, "CVE-2026-1") {
		t.Error(out)
	}
	// The image carries a bundle from before: it hears of it when it asks.
	began := time.Now()
	if code, out := start(true, "/bin/sleep", "50"); code != 137 || time.Since(began) > 45*time.Second {
		t.Errorf("late: %d after %v\n%s", code, time.Since(began), out)
	}
	if got := l.denied(); !strings.Contains(got, "revokedImage image: shop:1 is revoked, so the workload was not let run.") {
		t.Errorf("denied:\n%s", got)
	}
	wrap()
	for _, online := range []bool{false, true} {
		if code, out := start(online, "/bin/echo", "it-runs"); code != 126 || strings.Contains(out, "it-runs") || !strings.Contains(out, "revoked") {
			t.Errorf("online %v: %d\n%s", online, code, out)
		}
	}
	group("audit")
	wrap()
	if code, out := start(false, "/bin/echo", "it-runs"); code != 0 || !strings.Contains(out, "it-runs") || !strings.Contains(out, `"revokedImage"`) || !strings.Contains(out, "shop:1 is revoked and was started.") {
		t.Errorf("audit: %d\n%s", code, out)
	}
	group("enforce")
	l.limpet(0, "image", "restore", digest)
	// What the image carries says revoked no more than the one before it did not:
	// it was audit, and the server's newest lets it run.
	if code, out := start(true, "/bin/sh", "-c", "sleep 3; echo it-runs"); code != 0 || !strings.Contains(out, "it-runs") {
		t.Errorf("restored: %d\n%s", code, out)
	}
	var findings struct {
		Items []struct{ Control, Image string }
	}
	l.api("GET", "/findings?control=revokedImage", nil, &findings)
	if len(findings.Items) != 1 || findings.Items[0].Image != "shop:1" {
		t.Error(fmt.Sprint(findings))
	}
}
