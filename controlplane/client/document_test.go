package client

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/policy"
)

const group = "apiVersion: limpet.dev/v1\nkind: EnforcerGroup\nmetadata:\n  name: g\nspec:\n  mode: audit\n"

func TestReadFolder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/group.yaml": group, "b.yml": "---\n" + string(policy.DefaultYAML()) + "---\r\n# end\n", "notes.txt": "not: read", "empty.json": "",
	} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	docs, err := Read(nil, dir)
	if err != nil || len(docs) != 2 || docs[0].Kind != policy.KindRuntime || docs[1].Name != "g" {
		t.Fatalf("%+v, %v", docs, err)
	}
	if docs[0].Text != string(policy.DefaultYAML()) {
		t.Error("the author's text was changed")
	}
	if !strings.HasSuffix(docs[0].Source, "b.yml:2") {
		t.Errorf("source %s", docs[0].Source)
	}
	if _, err := Read(nil, filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing file was read")
	}
	if _, err := Read(strings.NewReader(strings.Repeat("#", maxFile+1)), "-"); err == nil {
		t.Error("a file without end was read")
	}
}

// Everything that is wrong is told at once, by file and line.
func TestReadSaysWhere(t *testing.T) {
	dir := t.TempDir()
	policies := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(policies, []byte("# first\n---\n"+group+"---\napiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata:\n  name: p\nspec:\n  controls:\n    drfit: {mode: audit}\n    outbound: {mode: enforced}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	groups := filepath.Join(dir, "b.yaml")
	if err := os.WriteFile(groups, []byte(group+"  polices: [p]\n  learning: perhaps\n---\nkind: EnforcerGruop\n---\na: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Read(nil, dir)
	if err == nil {
		t.Fatal("it was read")
	}
	for _, want := range []string{
		policies + `:16:5: spec.controls.drfit: unknown control "drfit", did you mean "drift"?`,
		policies + `:17:22: spec.controls.outbound.mode: "enforced": must be one of off, audit, enforce; did you mean "enforce"?`,
		groups + `:7: unknown key "polices"; known here: mode, onNoPolicy, learning, labels, registries, requiredLabels, policies`,
		groups + ":8: cannot unmarshal !!str `perhaps` into bool",
		groups + `:10: kind "EnforcerGruop" is not known; want ReputationList, `,
		groups + `:12: `,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []Config{
		{}, {Server: "http://limpet.test", Token: "t"}, {Server: "https://limpet.test"}, {Server: "limpet.test:8443", Token: "t"},
		{Server: "https://limpet.test", Token: "t", CAFile: "/nonexistent"},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(group)
	f.Add(string(policy.DefaultYAML()) + "---\n" + group)
	f.Add("---\n---\r\n--- \n")
	f.Add("kind: [")
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := Read(strings.NewReader(text), "-")
		if err != nil {
			return
		}
		for _, d := range docs {
			if d.Kind == "" || !strings.Contains(text, d.Text) {
				t.Errorf("%+v is not in the text", d)
			}
		}
	})
}
