//go:build docker

package scanner

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
)

const recallPackages = "python3-requests,python3-yaml,python3-setuptools,ruby,ruby-rack,ruby-nokogiri,node-semver,node-lodash,node-yargs,libcommons-lang3-java,libcommons-io-java,gosu,busybox-static"

// debian gives a folder with a Debian of packages, built once. It belongs to
// all runs: who adds to it takes that away again.
func debian(t *testing.T, name, packages string) string {
	t.Helper()
	build, err := filepath.Abs("../.build")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(build, name)
	if _, err := os.Stat(dir); err != nil {
		if err := os.MkdirAll(build, 0o755); err != nil {
			t.Fatal(err)
		}
		part := dir + ".part"
		if err := os.RemoveAll(part); err != nil {
			t.Fatal(err)
		}
		run(t, "mmdebstrap", "--quiet", "--format=directory", "--skip=output/dev", "--variant=minbase", "--include="+packages, "bookworm", part)
		if err := os.Rename(part, dir); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	c := exec.Command(name, args...)
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.String())
	}
	return string(out)
}

// npmInstall has npm install packages that are made on the spot: scoped, and one
// in two versions.
func npmInstall(t *testing.T, app string) []string {
	made := t.TempDir()
	manifests := map[string]string{
		"deep":  `{"name":"deep","version":"1.0.0"}`,
		"deep2": `{"name":"deep","version":"2.0.0"}`,
		"s":     `{"name":"@scope/s","version":"3.1.4","license":"MIT"}`,
	}
	for name, body := range manifests {
		if err := os.MkdirAll(filepath.Join(made, name, "test/fixtures/node_modules/fake"), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"package.json": body, "test/fixtures/package.json": `{"name":"fixture","version":"9.9.9"}`} {
			if err := os.WriteFile(filepath.Join(made, name, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		run(t, "npm", "pack", "--silent", "--pack-destination", made, filepath.Join(made, name))
	}
	if err := os.MkdirAll(filepath.Join(made, "user"), 0o755); err != nil {
		t.Fatal(err)
	}
	user := `{"name":"user","version":"1.2.3","dependencies":{"deep":"file:` + made + `/deep-2.0.0.tgz"}}`
	if err := os.WriteFile(filepath.Join(made, "user/package.json"), []byte(user), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "npm", "pack", "--silent", "--pack-destination", made, filepath.Join(made, "user"))
	if err := os.MkdirAll(app, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "npm", "install", "--offline", "--silent", "--no-audit", "--prefix", app, made+"/deep-1.0.0.tgz", made+"/scope-s-3.1.4.tgz", made+"/user-1.2.3.tgz")
	return packageLock(t, app)
}

// packageLock gives what npm says that it installed.
func packageLock(t *testing.T, app string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(app, "node_modules/.package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct {
			Name, Version string
		}
	}
	if err := json.Unmarshal(b, &lock); err != nil {
		t.Fatal(err)
	}
	var want []string
	for at, p := range lock.Packages {
		_, name, _ := strings.Cut(at[max(strings.LastIndex(at, "node_modules/"), 0):], "/")
		want = append(want, name+" "+p.Version)
	}
	slices.Sort(want)
	return slices.Compact(want)
}

// TestRecallDebian: every package that the package managers themselves list,
// and no other, on a Debian with several languages.
func TestRecallDebian(t *testing.T) {
	dir := debian(t, "scanner-recall", recallPackages)
	app := filepath.Join(dir, "srv/app")
	if err := os.RemoveAll(app); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(app) })
	npm := npmInstall(t, app)
	r, err := Scan(t.Context(), Options{Kind: finding.KindRootfs, Source: dir})
	if err != nil {
		t.Fatal(err)
	}
	if r.Integrity.Verdict != finding.Complete {
		t.Errorf("integrity %+v", r.Integrity)
	}
	in := func(args ...string) string { return run(t, "chroot", append([]string{dir}, args...)...) }
	below := func(folder string) func(finding.Package) bool {
		return func(p finding.Package) bool { return strings.HasPrefix(p.Places[0].Path, folder) }
	}
	for _, tt := range []struct {
		what string
		want []string
		got  []string
	}{
		{"dpkg-query", lines(in("dpkg-query", "-W", "-f", "${Package} ${Version}\n")), installed(r, finding.Deb, nil)},
		{"importlib.metadata, as pip list", lines(in("python3", "-B", "-c", "import importlib.metadata as m\nfor d in m.distributions(): print(d.metadata['Name'], d.version)")), installed(r, finding.PyPI, nil)},
		{"gem list", gems(in("gem", "list", "--local", "--quiet")), installed(r, finding.Gem, nil)},
		{".package-lock.json", npm, installed(r, finding.NPM, below("/srv/app/node_modules/"))},
	} {
		t.Logf("%s: %d packages", tt.what, len(tt.want))
		if diff := cmp.Diff(tt.want, tt.got); diff != "" || len(tt.want) < 3 {
			t.Errorf("differs from %s (-want +got):\n%s", tt.what, diff)
		}
	}
	owned := 0
	for _, p := range r.Packages {
		if strings.HasPrefix(p.Places[0].Path, "/usr/") && !p.Type.OS() {
			if p.OwnedBy == "" {
				t.Errorf("%s %s in %s is dpkg's, and nobody owns it", p.Type, p.Name, p.Places[0].Path)
			}
			owned++
		}
	}
	java := installed(r, finding.Maven, nil)
	if !slices.ContainsFunc(java, func(s string) bool { return strings.HasPrefix(s, "org.apache.commons:commons-lang3 ") }) || owned < 50 {
		t.Errorf("%d packages of languages have an owner; Java: %q", owned, java)
	}
}

func lines(s string) []string {
	out := strings.Split(strings.TrimSpace(s), "\n")
	slices.Sort(out)
	return slices.Compact(out)
}

// gems turns "json (2.6.3, default: 2.6.1)" into lines.
func gems(s string) (out []string) {
	for line := range strings.Lines(s) {
		name, versions, ok := strings.Cut(strings.TrimSpace(line), " (")
		if !ok {
			continue
		}
		for v := range strings.SplitSeq(strings.TrimSuffix(versions, ")"), ", ") {
			v, _, _ := strings.Cut(strings.TrimPrefix(v, "default: "), " ")
			out = append(out, name+" "+v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
