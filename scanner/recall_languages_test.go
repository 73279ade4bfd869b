//go:build docker

package scanner

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
)

// TestRecallLanguages compares with what Maven's metadata, npm and composer say
// of Debian's own Java and Node packages and of what composer installs.
func TestRecallLanguages(t *testing.T) {
	if os.Getenv("LIMPET_SOAK") == "" {
		t.Log("only the small Debian of TestRecallDebian; LIMPET_SOAK=1 for this one of 700 MB")
		return
	}
	dir := debian(t, "scanner-recall-languages", "composer,node-express,node-yargs,node-lodash,libguava-java,libjackson2-databind-java,libspring-core-java,liblog4j2-java,libnetty-java,libcommons-lang3-java,maven,ant")
	work := filepath.Join(dir, "srv")
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Join(work, "node")); _ = os.RemoveAll(filepath.Join(work, "php")) })
	npm := npmOfDebian(t, dir, filepath.Join(work, "node"), "yargs", "express", "lodash")
	composer := composerInstall(t, dir, filepath.Join(work, "php"))
	r := reportOf(t, dir)
	below := func(folder string) func(finding.Package) bool {
		return func(p finding.Package) bool { return strings.HasPrefix(p.Places[0].Path, folder) }
	}
	for _, tt := range []struct {
		what      string
		want, got []string
	}{
		{"dpkg-query", lines(run(t, "chroot", dir, "dpkg-query", "-W", "-f", "${Package} ${Version}\n")), installed(r, finding.Deb, nil)},
		{".package-lock.json", npm, installed(r, finding.NPM, below("/srv/node/node_modules/"))},
		{"composer show", composer, installed(r, finding.Composer, below("/srv/php/"))},
	} {
		t.Logf("%s: %d packages", tt.what, len(tt.want))
		if diff := cmp.Diff(tt.want, tt.got); diff != "" || len(tt.want) < 7 {
			t.Errorf("differs from %s (-want +got):\n%s", tt.what, diff)
		}
	}
	jars(t, dir, r)
}

// jars holds Java archives to Debian's repository in Maven's form: each is
// listed, and named as there where Maven's properties are in it.
func jars(t *testing.T, dir string, r *finding.Report) {
	found := map[string][]string{}
	for _, p := range r.Packages {
		if p.Type == finding.Maven {
			for _, at := range p.Places {
				found[at.Path] = append(found[at.Path], p.Name+" "+p.Version)
			}
		}
	}
	repo := filepath.Join(dir, "usr/share/maven-repo")
	known, named := map[string][]string{}, 0
	err := filepath.WalkDir(repo, func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".jar" {
			return err
		}
		parts := strings.Split(strings.TrimPrefix(path, repo+"/"), "/")
		n := len(parts)
		name := strings.Join(parts[:n-3], ".") + ":" + parts[n-3] + " " + parts[n-2]
		for range 8 { // links of the guest's, not of this machine's
			to, err := os.Readlink(path)
			if err != nil {
				break
			}
			if path = filepath.Join(filepath.Dir(path), to); filepath.IsAbs(to) {
				path = filepath.Join(dir, to)
			}
		}
		at := strings.TrimPrefix(path, dir)
		known[at] = append(known[at], name)
		return nil
	})
	if err != nil || len(known) < 50 {
		t.Fatalf("%d archives, %v", len(known), err)
	}
	for at, names := range known {
		got := found[at]
		if len(got) == 0 {
			t.Errorf("%s, which is %q, is not listed", at, names)
		}
		if !hasProperties(t, filepath.Join(dir, at), names) {
			continue
		}
		named++
		if !slices.ContainsFunc(got, func(s string) bool { return slices.Contains(names, s) }) {
			t.Errorf("%s is %q, not %q", at, names, got)
		}
	}
	t.Logf("%d Java archives, %d with Maven's own properties", len(known), named)
	if named < 20 {
		t.Errorf("%d archives with properties", named)
	}
}

// hasProperties: those of the archive itself, which is called as one of names is.
func hasProperties(t *testing.T, path string, names []string) bool {
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, n := range names {
		coordinates, _, _ := strings.Cut(n, " ")
		if _, err := z.Open("META-INF/maven/" + strings.ReplaceAll(coordinates, ":", "/") + "/pom.properties"); err == nil {
			return true
		}
	}
	return false
}

// npmOfDebian has npm install Debian's packages and all that they ask for, under
// their names and versions. Which versions they ask for is left out: Debian has
// one of each.
func npmOfDebian(t *testing.T, dir, app string, names ...string) []string {
	t.Helper()
	made := t.TempDir()
	args := []string{"install", "--offline", "--silent", "--no-audit", "--ignore-scripts", "--prefix", app}
	for at := 0; at < len(names); at++ {
		b, err := os.ReadFile(filepath.Join(dir, "usr/share/nodejs", names[at], "package.json"))
		if err != nil {
			t.Fatal(err)
		}
		var p struct {
			Name         string            `json:"name"`
			Version      string            `json:"version"`
			License      json.RawMessage   `json:"license,omitempty"`
			Dependencies map[string]string `json:"dependencies,omitempty"`
		}
		if err := json.Unmarshal(b, &p); err != nil {
			t.Fatal(err)
		}
		for name := range p.Dependencies {
			p.Dependencies[name] = "*"
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if b, err = json.Marshal(p); err != nil {
			t.Fatal(err)
		}
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		w := tar.NewWriter(z)
		err = w.WriteHeader(&tar.Header{Name: "package/package.json", Mode: 0o644, Size: int64(len(b))})
		_, err1 := w.Write(b)
		file := filepath.Join(made, strings.ReplaceAll(names[at], "/", "-")+".tgz")
		if err := errors.Join(err, err1, w.Close(), z.Close()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, packed.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if err := os.MkdirAll(app, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "npm", args...)
	return packageLock(t, app)
}

// composerInstall has composer install packages that are made on the spot: with a
// tag's letter, of a branch, for development, without files.
func composerInstall(t *testing.T, dir, php string) []string {
	t.Helper()
	write := func(file string, v map[string]any) {
		b, err := json.Marshal(v)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o755)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, version := range map[string]string{"plain": "1.2.3", "tagged": "v2.0.1", "branch": "dev-main", "alpha": "3.0.0-alpha1", "tool": "4.1", "deep": "0.9.9", "meta": "1.0.0"} {
		p := map[string]any{"name": "acme/" + name, "version": version, "license": "MIT"}
		switch name {
		case "tool":
			p["require"] = map[string]string{"acme/deep": "*"}
		case "meta":
			p["type"] = "metapackage"
		}
		write(filepath.Join(php, "packages", name, "composer.json"), p)
	}
	inside := strings.TrimPrefix(php, dir)
	write(filepath.Join(php, "app/composer.json"), map[string]any{
		"name":         "acme/shop",
		"repositories": []any{map[string]any{"type": "path", "url": inside + "/packages/*", "options": map[string]bool{"symlink": false}}, map[string]bool{"packagist.org": false}},
		"require":      map[string]string{"acme/plain": "*", "acme/tagged": "*", "acme/branch": "dev-main", "acme/alpha": "@alpha", "acme/meta": "*"},
		"require-dev":  map[string]string{"acme/tool": "*"},
	})
	composer := func(args ...string) string {
		return run(t, "chroot", append([]string{dir, "env", "COMPOSER_ALLOW_SUPERUSER=1", "COMPOSER_DISABLE_NETWORK=1", "HOME=/tmp", "composer", "--no-interaction", "--working-dir=" + inside + "/app"}, args...)...)
	}
	composer("install", "--no-progress", "--quiet")
	var shown struct {
		Installed []struct{ Name, Version string }
	}
	if err := json.Unmarshal([]byte(composer("show", "--format=json")), &shown); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, p := range shown.Installed {
		want = append(want, p.Name+" "+strings.TrimPrefix(p.Version, "v"))
	}
	slices.Sort(want)
	return want
}
