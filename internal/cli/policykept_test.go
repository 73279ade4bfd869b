package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeptTests keeps a file of tests with its policy on a server, where they
// stop a change of the policy that they fail.
func TestKeptTests(t *testing.T) {
	startServer(t)
	dir, server := t.TempDir(), os.Getenv("LIMPET_SERVER")
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const head = "apiVersion: limpet.dev/v1\nkind: "
	policy := head + "AssurancePolicy\nmetadata: {name: release}\nspec: {controls: {secrets: {mode: block}}}\n"
	strict := file("shop.yaml", policy) // another name than the policy's
	file("key.json", `{"schema":1,"scanner":"1","artifact":{"kind":"image","name":"shop/web:1"},"integrity":{"verdict":"complete"},"secrets":[{"rule":"r","severity":"low","title":"t","place":{"path":"/x"}}]}`)
	tests := file("shop.test.yaml", head+"AssuranceTest\nmetadata: {name: shop}\npolicies: [shop.yaml]\ntests: [{name: a key fails, report: key.json, result: fail}]\n")
	limpet(t, 0, "", "apply", "-f", strict)
	limpet(t, 2, "", "policy", "test", tests, "--keep")
	if out := limpet(t, 0, "", "policy", "test", tests, "--server", server, "--keep"); !strings.Contains(out, "1 of 1 tests as expected") {
		t.Error(out)
	}
	if out := limpet(t, 0, "", "policy", "test", "release", "--server", server); !strings.Contains(out, "ok    release: a key fails") {
		t.Error(out)
	}
	weak := file("weak.yaml", strings.Replace(policy, "block", "warn", 1))
	if out := limpet(t, 1, "", "apply", "-f", weak); !strings.Contains(out, "1 of 1 tests of the policy fail") || !strings.Contains(out, "result is warn, expected fail") {
		t.Error(out)
	}
	wrong := file("wrong.test.yaml", head+"AssuranceTest\nmetadata: {name: shop}\npolicies: [shop.yaml]\ntests: [{name: wrong, report: key.json, result: pass}]\n")
	limpet(t, 1, "", "policy", "test", wrong, "--server", server, "--keep")
	if out := limpet(t, 1, "", "policy", "test", wrong, "--server", server, "--keep", "--allow-failing"); !strings.Contains(out, "0 of 1 tests as expected") {
		t.Error(out)
	}
	limpet(t, 2, "", "policy", "test", "release", "--forget")
	limpet(t, 2, "", "policy", "test", tests, "--server", server, "--keep", "--forget")
	if out := limpet(t, 0, "", "policy", "test", "release", "--server", server, "--forget"); !strings.Contains(out, "the tests of release are kept no more") {
		t.Error(out)
	}
	limpet(t, 1, "", "policy", "test", "release", "--server", server)
	limpet(t, 1, "", "policy", "test", "release", "--server", server, "--forget")
	limpet(t, 0, "", "apply", "-f", weak) // nothing stops it now
}
