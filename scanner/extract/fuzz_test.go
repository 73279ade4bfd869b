package extract

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// FuzzLayer scans bytes as a layer. A layer that is not as promised is
// untrusted or cannot be scanned, and never anything better.
func FuzzLayer(f *testing.F) {
	for _, tt := range hostile() {
		if large(tt.name) {
			continue
		}
		img := tt.img(f)
		if len(img.Layers) == 0 {
			continue
		}
		rc, err := img.Layers[0].Open()
		if err != nil {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(rc, 64<<10))
		if err == nil && len(b) < 64<<10 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := image.Layer{DiffID: v1.Hash{Algorithm: "sha256", Hex: "00"}, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
		rep, err := scan(t, &Reader{Inspectors: []inspect.Inspector{secrets{}}, Limits: Limits{RatioFree: 1 << 20, LayerBytes: 32 << 20}}, imageOf(l))
		if err == nil && rep.Integrity.Verdict == finding.Complete {
			t.Fatalf("bytes that nobody promised are trusted: %+v", rep.Integrity)
		}
	})
}

// names are files that some extractor reads, one of each kind.
var fuzzNames = []string{
	dpkgStatus, dpkgStatusD + "base", dpkgInfo + "a.list", "/usr/share/doc/a/copyright", "/lib/apk/db/installed", "/var/lib/rpm/Packages", "/etc/os-release", "/etc/redhat-release",
	"/bin/python3", "/app/package.json", "/app/vendor/composer/installed.json", "/app/a-1.0.jar", "/a.dist-info/METADATA", "/a.egg", "/requirements.txt", "/poetry.lock", "/Pipfile.lock",
	"/pdm.lock", "/uv.lock", "/conda-meta/a.json", "/package-lock.json", "/yarn.lock", "/pnpm-lock.yaml", "/specifications/a.gemspec", "/Gemfile.lock", "/Cargo.lock", "/composer.lock",
	"/a.deps.json", "/packages.lock.json", "/gradle.lockfile",
}

// FuzzExtractors gives each extractor hostile content: none may panic.
func FuzzExtractors(f *testing.F) {
	seeds := [][]byte{[]byte(stanza("a", "1")), []byte(debian12), []byte("P:a\nV:1\nF:bin\nR:sh\n\n"), jarWith("a", "1"), []byte(nestedJar(2)), []byte(brokenGo()), []byte(pkgJSON("a")), []byte("{}"), []byte("Name: a\nVersion: 1\n")}
	for i := range fuzzNames {
		for _, s := range seeds {
			f.Add(uint8(i), s)
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, b []byte) {
		s := (&Reader{}).ready().sink(t.Context(), &budget{limits: Limits{}.withDefaults()})
		info := inspect.Info{Path: fuzzNames[int(n)%len(fuzzNames)], Mode: 0o755, Size: int64(len(b))}
		if err := s.file(info, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		for _, a := range s.layer.Anomalies {
			if bytes.HasPrefix([]byte(a.Code), []byte("panic-")) {
				t.Fatalf("%s: %s", a.Code, a.Detail)
			}
		}
		var r finding.Report
		Fill(&r, []*Layer{s.layer})
	})
}

// FuzzKept reads damaged files of the cache, whose sum fits all the same.
func FuzzKept(f *testing.F) {
	c := &Cache{Dir: f.TempDir()}
	c.put("k", &Layer{DiffID: "d", Entries: []Entry{{"/a", Regular, ""}}, Files: []File{{Path: "/a", Text: "x"}}})
	b, err := os.ReadFile(filepath.Join(c.Dir, "k"+keptSuffix))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[32:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if l := unpack(b); l != nil {
			Fill(&finding.Report{}, []*Layer{l})
		}
	})
}
