package attach

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/workload"
)

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	key := base64.StdEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize))
	good := workload.Embedded{Version: 1, OnNoPolicy: workload.NoPolicyRefuse, BundleKeys: []string{key}, SourceImage: "nginx:1"}
	b, _ := json.Marshal(good)
	put(t, dir, "config.json", string(b))
	put(t, dir, "bundle", "signed")
	got, err := Load(dir)
	if err != nil || got.Embedded.SourceImage != "nginx:1" || len(got.Keys) != 1 || string(got.Bundle) != "signed" {
		t.Errorf("%+v, %v", got, err)
	}
	for text, want := range map[string]string{
		`{`:                                  "cannot read",
		`{"version":2}`:                      "version 2",
		`{"version":1,"nonsense":1}`:         "nonsense",
		`{"version":1,"onNoPolicy":"maybe"}`: "neither audit nor refuse",
		`{"version":1,"gateway":"g"}`:        "without its CA",
		`{"version":1,"bundleKeys":["x"]}`:   "bundle key 0",
		strings.Repeat(" ", MaxConfig+1):     "more than",
	} {
		put(t, dir, "config.json", text)
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func TestManifest(t *testing.T) {
	dir := t.TempDir()
	if m, err := Manifest(dir, "")(); m != nil || err != nil {
		t.Errorf("a folder without one: %v, %v", m, err)
	}
	if _, err := Manifest(dir, filepath.Join(dir, "absent"))(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	put(t, dir, "manifest", "not a manifest")
	if _, err := Manifest(dir, "")(); err == nil {
		t.Error("a broken manifest was taken")
	}
	var good bytes.Buffer
	if err := drift.Write(&good, []drift.Entry{{Path: "/bin/x", Digest: workload.Digest{1}, Kind: drift.ELF}}); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "manifest", good.String())
	for _, file := range []string{"", filepath.Join(dir, "manifest")} {
		if m, err := Manifest(dir, file)(); err != nil || m == nil {
			t.Errorf("%q: %v, %v", file, m, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":1,"onNoPolicy":"audit","bundleKeys":["AA=="]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := parse(b); err == nil {
			keys(e.BundleKeys)
		}
	})
}
