package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	rootReport  = `{"schema":1,"scanner":"t","artifact":{"kind":"image","name":"registry.example.com/shop/web:1","digest":"sha256:aa","image":{"user":"root"}},"integrity":{"verdict":"complete"}}`
	appReport   = `{"schema":1,"scanner":"t","artifact":{"kind":"image","name":"registry.example.com/shop/api:1","digest":"sha256:bb","image":{"user":"app"}},"integrity":{"verdict":"complete"}}`
	rootBlocks  = "apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: shop}\nspec:\n  controls:\n    rootUser: {mode: block}\n"
	rootWarns   = "apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: shop}\nspec:\n  controls:\n    rootUser: {mode: warn}\n"
	notAnything = "apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: shop}\nspec:\n  controls:\n    rootUser: {mode: blok}\n"
)

// TestSimulateAssurance tries a draft on report files and on what a server keeps.
func TestSimulateAssurance(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	web, api, block, warn := file("web.json", rootReport), file("api.json", appReport), file("block.yaml", rootBlocks), file("warn.yaml", rootWarns)
	out := limpet(t, 1, "", "policy", "simulate", "-f", block, web, api)
	for _, want := range []string{"judged: 2 artefacts", "would fail: 1, would fail no more: 0", "registry.example.com/shop/web:1", "rootUser: the image runs as root"} {
		if !strings.Contains(out, want) {
			t.Errorf("the answer lacks %q:\n%s", want, out)
		}
	}
	out = limpet(t, 0, "", "policy", "simulate", "-f", warn, "--against", block, web, api)
	if !strings.Contains(out, "would fail: 0, would fail no more: 1") {
		t.Errorf("%s", out)
	}
	out = limpet(t, 0, "", "policy", "simulate", "-f", block, "--against", block, "--format", "json", web)
	if !strings.Contains(out, `"changes": []`) {
		t.Errorf("%s", out)
	}
	limpet(t, 2, "", "policy", "simulate", "-f", file("bad.yaml", notAnything), web)
	limpet(t, 3, "", "policy", "simulate", "-f", block, block)
	limpet(t, 2, "", "policy", "simulate", "--group", "shop", web)

	startServer(t)
	limpet(t, 0, "", "check", web, "--keep", "--server", os.Getenv("LIMPET_SERVER"))
	limpet(t, 0, "", "check", api, "--keep", "--server", os.Getenv("LIMPET_SERVER"))
	out = limpet(t, 1, "", "policy", "simulate", "-f", block)
	if !strings.Contains(out, "judged: 2 artefacts") || !strings.Contains(out, "registry.example.com/shop/web:1") {
		t.Errorf("%s", out)
	}
}
