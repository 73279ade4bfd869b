package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckByServer asks a running control plane's policies.
func TestCheckByServer(t *testing.T) {
	startServer(t)
	server := os.Getenv("LIMPET_SERVER")
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	report := write("report.json", `{"schema":1,"artifact":{"kind":"image","name":"shop/web:1","image":{"user":"app"}},"integrity":{"verdict":"complete"},
"secrets":[{"rule":"aws-secret-key","severity":"low","title":"AWS key","place":{"path":"/x"}}]}`)
	shop := write("shop.yaml", "apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: shop}\nspec: {controls: {secrets: {mode: block}}}\n")
	for _, want := range []string{"created", "unchanged"} {
		if out := limpet(t, 0, "", "apply", "-f", shop); out != "AssurancePolicy shop "+want+"\n" {
			t.Error(out)
		}
	}
	if out := limpet(t, 0, "", "get", "assurance", "shop", "-o", "yaml"); !strings.Contains(out, "secrets: {mode: block}") {
		t.Error(out)
	}
	if out := limpet(t, ExitFailure, "", "check", report, "--server", server); !strings.Contains(out, "policy shop: fail") || !strings.Contains(out, "aws-secret-key") {
		t.Error(out)
	}
	if out := limpet(t, ExitFailure, "", "check", report, "--server", server, "--keep"); !strings.Contains(out, "policy shop: fail") {
		t.Error(out)
	}
	limpet(t, ExitUsage, "", "check", report, "--keep")
	limpet(t, ExitUnreachable, "", "check", report, "--server", "https://127.0.0.1:1")
	limpet(t, ExitFailure, "", "check", report, "--server", server, "--policy", "none")
	limpet(t, ExitUsage, "", "check", report, "--server", server, "--at", "2026-01-01")
}
