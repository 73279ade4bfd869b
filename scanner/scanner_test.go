package scanner

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
)

var files = map[string]string{
	"etc/os-release":                       "ID=debian\nVERSION_ID=\"12\"\n",
	"var/lib/dpkg/status":                  "Package: nginx\nStatus: install ok installed\nVersion: 1.22.1-9\nArchitecture: amd64\n\n",
	"srv/app/node_modules/a/package.json":  `{"name":"a","version":"1.0.0"}`,
	"srv/app/node_modules/@s/b/index.json": `{}`,
}

func names(r *finding.Report) (out []string) {
	for _, p := range r.Packages {
		out = append(out, string(p.Type)+" "+p.Name+" "+p.Version+" "+p.Places[0].Path)
	}
	return out
}

func writeFolder(t *testing.T) string {
	dir := t.TempDir()
	for name, body := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRootfs(t *testing.T) {
	dir := writeFolder(t)
	outside := filepath.Join(t.TempDir(), "package.json")
	if err := os.WriteFile(outside, []byte(`{"name":"outside","version":"1.0.0"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"srv/package.json": outside, "srv/up": "../../..", "srv/self": "."} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Scan(t.Context(), Options{Kind: finding.KindRootfs, Source: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"deb nginx 1.22.1-9 /var/lib/dpkg/status", "npm a 1.0.0 /srv/app/node_modules/a/package.json"}
	if diff := cmp.Diff(want, names(r)); diff != "" {
		t.Error(diff)
	}
	if r.Integrity.Verdict != finding.Complete || r.OS == nil || r.OS.ID != "debian" {
		t.Errorf("integrity %+v, OS %+v", r.Integrity, r.OS)
	}
	if _, err := Scan(t.Context(), Options{Kind: finding.KindRootfs, Source: dir + "/none"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there gives %v", err)
	}
}

func writeZip(t *testing.T, files map[string]string) string {
	name := filepath.Join(t.TempDir(), "x.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for name, body := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestFunction: layers go over one another into /opt, the function into /var/task.
func TestFunction(t *testing.T) {
	pkg := func(name, version string) string { return `{"name":"` + name + `","version":"` + version + `"}` }
	r, err := Scan(t.Context(), Options{
		Kind:   finding.KindFunction,
		Source: writeZip(t, map[string]string{"node_modules/app/package.json": pkg("app", "3.0.0"), "../node_modules/up/package.json": pkg("up", "4.0.0")}),
		Layers: []string{
			writeZip(t, map[string]string{"nodejs/node_modules/a/package.json": pkg("a", "1.0.0"), "nodejs/node_modules/b/package.json": pkg("b", "1.0.0")}),
			writeZip(t, map[string]string{"nodejs/node_modules/a/package.json": pkg("a", "2.0.0")}),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"npm a 2.0.0 /opt/nodejs/node_modules/a/package.json", "npm app 3.0.0 /var/task/node_modules/app/package.json",
		"npm b 1.0.0 /opt/nodejs/node_modules/b/package.json", "npm up 4.0.0 /var/task/node_modules/up/package.json",
	}
	if diff := cmp.Diff(want, names(r)); diff != "" {
		t.Error(diff)
	}
	if len(r.Artifact.Layers) != 3 || r.Packages[0].Places[0].Layer != r.Artifact.Layers[1].DiffID {
		t.Errorf("layers %+v, a in %s", r.Artifact.Layers, r.Packages[0].Places[0].Layer)
	}
}

// archive writes the files as a docker-archive of one layer.
func archive(t *testing.T) string {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	add := func(w *tar.Writer, name string, body []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"etc/os-release", "var/lib/dpkg/status", "srv/app/node_modules/a/package.json"} {
		add(w, name, []byte(files[name]))
	}
	w.Close()
	config, err := json.Marshal(map[string]any{
		"os": "linux", "architecture": "amd64", "created": "2026-01-02T03:04:05Z",
		"config":  map[string]any{"User": "app", "Env": []string{"TOKEN=secret"}, "ExposedPorts": map[string]any{"80/tcp": struct{}{}}},
		"history": []any{map[string]any{"created_by": "ADD rootfs.tar /"}, map[string]any{"created_by": "USER app", "empty_layer": true}},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{image.Digest(layer.Bytes()).String()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "image.tar")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := tar.NewWriter(f)
	add(out, "layer.tar", layer.Bytes())
	add(out, "config.json", config)
	add(out, "manifest.json", []byte(`[{"Config":"config.json","RepoTags":["app:1"],"Layers":["layer.tar"]}]`))
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestImage: the same bytes each time, from the layer and from the cache.
func TestImage(t *testing.T) {
	file, cache := archive(t), t.TempDir()
	var first []byte
	for i, o := range []Options{{}, {CacheDir: cache}, {CacheDir: cache}, {Workers: 1}} {
		o.Source = file
		calls := 0
		o.Progress = func(p Progress) { calls = p.Done }
		r, err := Scan(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
		if !bytes.Equal(first, b) || calls != 1 {
			t.Errorf("scan %d (%d calls of progress) gives\n%s\nthe first gave\n%s", i, calls, b, first)
		}
		l := r.Artifact.Layers[0]
		if r.Artifact.Platform != "linux/amd64" || r.Artifact.Image.User != "app" || l.CreatedBy != "ADD rootfs.tar /" || r.Artifact.Tags[0] != "app:1" {
			t.Errorf("artifact %+v", r.Artifact)
		}
	}
	if strings.Contains(string(first), "secret") {
		t.Error("the report holds the value of a variable")
	}
	if _, err := Scan(t.Context(), Options{Source: file, Platform: "linux/arm64"}); !errors.Is(err, ErrPlatform) {
		t.Errorf("another platform gives %v", err)
	}
	if _, err := Scan(t.Context(), Options{Kind: "ship", Source: file}); !errors.Is(err, ErrKind) {
		t.Errorf("an unknown kind gives %v", err)
	}
}
