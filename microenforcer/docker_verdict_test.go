//go:build docker

package microenforcer_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

// TestDockerVerdicts starts a container whose image carries a good verdict, one
// that failed, has expired, is of another key or image, or none, in enforce and
// audit mode, without any network.
func TestDockerVerdicts(t *testing.T) {
	buildImages(t)
	enforcer, _ := programs(t)
	signer, verdictKey, stranger := seedKey(1), seedKey(2), seedKey(3)
	digest, now := strings.Repeat("a", 64), time.Now()
	p, err := policy.Parse([]byte("apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: approved}\nspec: {controls: {imageAssurance: {mode: enforce, policies: [release]}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	said := func(key ed25519.PrivateKey, about, result string, judged time.Time) []byte {
		predicate, err := json.Marshal(map[string]any{"result": result, "policies": []map[string]string{{"name": "release"}}, "judgedAt": judged, "expiresAt": judged.AddDate(0, 0, 7)})
		if err != nil {
			t.Fatal(err)
		}
		b, err := attest.Sign(attest.Statement{Subject: []attest.Subject{{Digest: map[string]string{"sha256": about}}}, PredicateType: attest.VerdictType, Predicate: predicate}, key)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, tt := range []struct {
		name    string
		verdict []byte
		rule    string
	}{
		{"good", said(verdictKey, digest, "pass", now.Add(-time.Hour)), ""},
		{"failing", said(verdictKey, digest, "fail", now.Add(-time.Hour)), "failed"},
		{"expired", said(verdictKey, digest, "pass", now.AddDate(0, 0, -8)), "expired"},
		{"wrong key", said(stranger, digest, "pass", now.Add(-time.Hour)), "wrong-key"},
		{"another image", said(verdictKey, strings.Repeat("b", 64), "pass", now.Add(-time.Hour)), "other-image"},
		{"none", nil, "no-verdict"},
	} {
		for _, mode := range []policy.Mode{policy.Enforce, policy.Audit} {
			t.Run(tt.name+"/"+string(mode), func(t *testing.T) {
				dir := t.TempDir()
				os.Chmod(dir, 0o755)
				signed, err := bundle.Sign(&bundle.Bundle{Tenant: "local", Group: "local", Epoch: 1, Number: 1, IssuedAt: now.Add(-time.Minute), GroupMode: mode,
					Policies: []*policy.RuntimePolicy{p}, VerdictKeys: []ed25519.PublicKey{verdictKey.Public().(ed25519.PublicKey)}}, signer)
				if err != nil {
					t.Fatal(err)
				}
				config, err := json.Marshal(workload.Embedded{Version: 1, Tenant: "local", Group: "local", OnNoPolicy: workload.NoPolicyRefuse,
					BundleKeys: []string{base64.StdEncoding.EncodeToString(signer.Public().(ed25519.PublicKey))}, SourceImage: "shop:1", SourceDigest: "sha256:" + digest})
				if err != nil {
					t.Fatal(err)
				}
				files := map[string][]byte{"bundle": signed, "config.json": config}
				if tt.verdict != nil {
					files["verdict"] = tt.verdict
				}
				for name, b := range files {
					if err := os.WriteFile(filepath.Join(dir, name), b, 0o444); err != nil {
						t.Fatal(err)
					}
				}
				copyFile(t, enforcer, filepath.Join(dir, "microenforcer"))
				out, errs, code := dockerRun(t, "--network", "none", "-v", dir+":/.limpet:ro", busyImage, "/.limpet/microenforcer", "run", "--events", "-", "--", "/bin/sh", "-c", "echo it-runs")
				stopped := tt.rule != "" && mode == policy.Enforce
				if ran := strings.Contains(out, "it-runs"); ran == stopped || stopped != (code == 126) {
					t.Errorf("ran %v, exit code %d\n%s\n%s", ran, code, out, errs)
				}
				if told := strings.Contains(errs, `"imageAssurance"`); told != (tt.rule != "") || told && !strings.Contains(errs, `"`+tt.rule+`"`) {
					t.Errorf("want an event of the rule %q:\n%s", tt.rule, errs)
				}
				if tt.rule != "" && !strings.Contains(errs, digest) {
					t.Errorf("the event does not name the digest:\n%s", errs)
				}
			})
		}
	}
}

func seedKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('0'+seed)), ed25519.SeedSize)))
}

// dockerRun runs a container to its end and gives what it wrote, and its exit code.
func dockerRun(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e strings.Builder
	cmd := exec.Command("docker", append([]string{"run", "--rm"}, args...)...)
	cmd.Stdout, cmd.Stderr = &o, &e
	_ = cmd.Run()
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}
