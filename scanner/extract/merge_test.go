package extract

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

func pkgJSON(name string) string { return `{"name":"` + name + `","version":"1.0.0"}` }

// TestMerge holds which files the layers leave visible, as a runtime unpacks them.
func TestMerge(t *testing.T) {
	a := reg("app/node_modules/a/package.json", pkgJSON("a"))
	b := reg("app/node_modules/b/package.json", pkgJSON("b"))
	for name, tt := range map[string]struct {
		layers [][]tarEntry
		want   string // name@path, spaces between
	}{
		"one layer":            {[][]tarEntry{{a, b}}, "a@/app/node_modules/a/package.json b@/app/node_modules/b/package.json"},
		"whiteout of a file":   {[][]tarEntry{{a, b}, {reg("app/node_modules/a/.wh.package.json", "")}}, "b@/app/node_modules/b/package.json"},
		"whiteout of a folder": {[][]tarEntry{{a, b}, {reg("app/.wh.node_modules", "")}}, ""},
		"whiteout in its own layer leaves what comes with it": {[][]tarEntry{{a}, {a, reg("app/.wh.node_modules", "")}}, "a@/app/node_modules/a/package.json"},
		"opaque":                            {[][]tarEntry{{a}, {b, reg("app/node_modules/.wh..wh..opq", "")}}, "b@/app/node_modules/b/package.json"},
		"folder replaced by a file":         {[][]tarEntry{{a}, {reg("app", "now a file")}}, ""},
		"file replaced by a folder":         {[][]tarEntry{{a}, {dir("app/node_modules/a/package.json")}}, ""},
		"file replaced by another":          {[][]tarEntry{{a}, {reg("app/node_modules/a/package.json", "{}")}}, ""},
		"duplicate, the last wins":          {[][]tarEntry{{a, reg("app/node_modules/a/package.json", pkgJSON("c"))}}, "c@/app/node_modules/a/package.json"},
		"through a linked folder":           {[][]tarEntry{{link("lib", "usr/lib"), reg("usr/lib/package.json", pkgJSON("a"))}, {reg("lib/.wh.package.json", "")}}, ""},
		"written through a linked folder":   {[][]tarEntry{{reg("usr/lib/package.json", pkgJSON("a")), link("lib", "usr/lib")}, {reg("lib/package.json", pkgJSON("b"))}}, "b@/lib/package.json"},
		"hard link to a file of this layer": {[][]tarEntry{{a, hard("opt/package.json", "app/node_modules/a/package.json")}}, "a@/app/node_modules/a/package.json a@/opt/package.json"},
		"hard link outlives its target":     {[][]tarEntry{{a, hard("opt/package.json", "app/node_modules/a/package.json")}, {reg("app/.wh.node_modules", "")}}, "a@/opt/package.json"},
		"links in a circle":                 {[][]tarEntry{{link("x", "y"), link("y", "x"), reg("x/package.json", pkgJSON("a")), b}}, "b@/app/node_modules/b/package.json"},
		"a link out of the root stays in":   {[][]tarEntry{{link("out", "../../../app"), a}, {reg("out/.wh.node_modules", "")}}, ""},
		"names that climb":                  {[][]tarEntry{{reg("../../app/node_modules/a/package.json", pkgJSON("a"))}}, "a@/app/node_modules/a/package.json"},
	} {
		t.Run(name, func(t *testing.T) {
			var tars [][]byte
			for _, l := range tt.layers {
				tars = append(tars, tarOf(t, l...))
			}
			var got []string
			for _, p := range mustScan(t, imageOfTars(tars...)).Packages {
				got = append(got, p.Name+"@"+p.Places[0].Path)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLayerOfPackage: a package belongs to the layer whose database had it first,
// and again to the layer that installed it again.
func TestLayerOfPackage(t *testing.T) {
	tars := [][]byte{
		tarOf(t, reg("etc/os-release", debian12), reg("var/lib/dpkg/status", stanza("base", "1")+stanza("again", "1")+stanza("old", "1"))),
		tarOf(t, reg("var/lib/dpkg/status", stanza("base", "1")+stanza("old", "2"))),
		tarOf(t, reg("var/lib/dpkg/status", stanza("base", "1")+stanza("again", "1")+stanza("old", "2")+stanza("new", "3"))),
	}
	img := imageOfTars(tars...)
	got := map[string]int{}
	for _, p := range mustScan(t, img).Packages {
		got[p.Name] = slices.IndexFunc(tars, func(b []byte) bool { return layerOf(b, b).DiffID.String() == p.Places[0].Layer })
	}
	if diff := cmp.Diff(map[string]int{"base": 0, "old": 1, "again": 2, "new": 2}, got); diff != "" {
		t.Error(diff)
	}
}

func TestOwnedBy(t *testing.T) {
	rep := mustScan(t, imageOfTars(tarOf(t,
		reg("etc/os-release", debian12), link("lib", "usr/lib"),
		reg("var/lib/dpkg/status", stanza("node-a", "1")),
		reg("var/lib/dpkg/info/node-a:amd64.list", "/.\n/lib\n/lib/node_modules/a/package.json\n"),
		reg("usr/lib/node_modules/a/package.json", pkgJSON("a")),
		reg("usr/lib/node_modules/b/package.json", pkgJSON("b")),
	)))
	owner := map[string]string{}
	for _, p := range rep.Packages {
		if p.Type == finding.NPM {
			owner[p.Name] = p.OwnedBy
		}
	}
	if deb := rep.Packages[0]; owner["a"] != deb.ID || owner["b"] != "" {
		t.Errorf("owners %v, want a: %s", owner, deb.ID)
	}
	if got, want := rep.Packages[0].PURL, "pkg:deb/debian/node-a@1?arch=amd64&distro=debian-12"; got != want {
		t.Errorf("purl %s, want %s", got, want)
	}
}

// secrets finds the word "secret", and panics on "panic".
type secrets struct{}

func (secrets) Name() string    { return "test" }
func (secrets) Version() string { return "1" }
func (secrets) Wants(i inspect.Info) inspect.Want {
	return inspect.Want{Bytes: 100, Digest: strings.HasSuffix(i.Path, ".digest")}
}

func (secrets) Inspect(f inspect.File) (found inspect.Found) {
	if strings.Contains(string(f.Head), "panic") {
		panic("as asked")
	}
	if strings.Contains(string(f.Head), "secret") {
		s := finding.Secret{Rule: "word", Severity: finding.High}
		if f.SHA256 != [32]byte{} {
			s.Rule = "digest"
		}
		found.Secrets = append(found.Secrets, s)
	}
	return found
}

// TestSecretsOfDeletedFiles: what a higher layer removes is still in the image.
func TestSecretsOfDeletedFiles(t *testing.T) {
	low := tarOf(t, reg("root/key", "secret"), reg("root/big.digest", "secret"+strings.Repeat("x", 10000)), reg("bad", "panic"))
	img := imageOfTars(low, tarOf(t, reg("root/.wh.key", "")))
	for _, r := range []*Reader{{Inspectors: []inspect.Inspector{secrets{}}}, {Inspectors: []inspect.Inspector{secrets{}}, Cache: &Cache{Dir: t.TempDir()}}} {
		for range 2 { // the second time from the cache
			rep, err := scan(t, r, img)
			if err != nil {
				t.Fatal(err)
			}
			layer := layerOf(low, low).DiffID.String()
			want := []finding.Secret{
				{Rule: "digest", Severity: finding.High, Place: finding.Place{Path: "/root/big.digest", Layer: layer}},
				{Rule: "word", Severity: finding.High, Place: finding.Place{Path: "/root/key", Layer: layer}},
			}
			if diff := cmp.Diff(want, rep.Secrets); diff != "" {
				t.Error(diff)
			}
			if rep.Integrity.Verdict != finding.Partial || len(rep.Integrity.Anomalies) != 1 || rep.Integrity.Anomalies[0].Code != "panic-test" {
				t.Errorf("an inspector that panicked gives %+v", rep.Integrity)
			}
		}
	}
}
