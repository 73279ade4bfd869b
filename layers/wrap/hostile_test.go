package wrap

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/layers/content"
)

func withLayer(t *testing.T, plain []byte) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(sample(t, "amd64", true, theConfig), v1Layer(t, plain))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestHostileSources: a clear error of a known kind, nothing at the
// destination, nothing left behind.
func TestHostileSources(t *testing.T) {
	host := registryHost(t)
	link := func(name, target string, typ byte) []byte {
		var b bytes.Buffer
		tw := tar.NewWriter(&b)
		_ = tw.WriteHeader(&tar.Header{Name: name, Linkname: target, Typeflag: typ})
		_ = tw.Close()
		return b.Bytes()
	}
	windows, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "windows", Architecture: "amd64", RootFS: v1.RootFS{DiffIDs: []v1.Hash{}}})
	if err != nil {
		t.Fatal(err)
	}
	chart := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), "application/vnd.cncf.helm.config.v1+json")
	for name, tc := range map[string]struct {
		img  v1.Image
		want error
	}{
		"traversal":          {withLayer(t, tarOf(t, item{"../../etc/cron.d/x", "evil", 0o755})), content.ErrTraversal},
		"hard link out":      {withLayer(t, link("x", "../../etc/shadow", tar.TypeLink)), content.ErrTraversal},
		"our folder":         {withLayer(t, tarOf(t, item{".limpet/microenforcer", "evil", 0o755})), content.ErrReserved},
		"our folder, linked": {withLayer(t, link(".limpet", "/tmp", tar.TypeSymlink)), content.ErrReserved},
		"no tar":             {withLayer(t, []byte("this is no tar archive, but it is long enough to be read as a header"+strings.Repeat("!", 600))), content.ErrTar},
		"windows":            {windows, ErrPlatform},
		"no container image": {chart, ErrPlatform},
	} {
		t.Run(name, func(t *testing.T) {
			push(t, ref(host, "evil:1"), tc.img)
			dir := t.TempDir()
			for _, dst := range []string{"oci:" + filepath.Join(dir, "lay"), filepath.Join(dir, "out.tar")} {
				o := options(t, ref(host, "evil:1"), dst)
				_, err := Run(context.Background(), o)
				if !errors.Is(err, tc.want) {
					t.Errorf("%s: got %v, want %v", dst, err, tc.want)
				}
				noRemains(t, o.TempDir)
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) > 0 {
				t.Errorf("left at the destination: %v %v", left, err)
			}
		})
	}
}

// edit changes one blob of a layout in place, keeping its name.
func edit(t *testing.T, dir string, h v1.Hash, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, "blobs", "sha256", h.Hex)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedLayout(t *testing.T) {
	host := registryHost(t)
	push(t, ref(host, "app:1"), sample(t, "amd64", true, theConfig))
	flip := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b }
	cut := func(b []byte) []byte { return b[:len(b)-1] }
	grow := func(b []byte) []byte { return append(bytes.Clone(b), ' ') }
	for name, change := range map[string]func([]byte) []byte{"flipped": flip, "cut": cut, "grown": grow} {
		for _, part := range []string{"manifest", "config", "layer"} {
			t.Run(name+" "+part, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "lay")
				mustWrap(t, options(t, ref(host, "app:1"), "oci:"+dir))
				img := open(t, "oci:"+dir).Image
				edit(t, dir, map[string]v1.Hash{"manifest": img.Digest(), "config": img.ID(), "layer": img.Layers[0].Digest}[part], change)
				out := filepath.Join(t.TempDir(), "out.tar")
				if _, err := Run(context.Background(), options(t, "oci:"+dir, out)); err == nil {
					t.Error("accepted")
				}
				if _, err := os.Stat(out); err == nil {
					t.Error("output was left")
				}
			})
		}
	}
}

// TestForgedOriginal: a layer that claims to be ours but does not fit the
// image is refused, and never followed.
func TestForgedOriginal(t *testing.T) {
	host := registryHost(t)
	push(t, ref(host, "app:1"), sample(t, "amd64", true, theConfig))
	mustWrap(t, options(t, ref(host, "app:1"), ref(host, "app:w")))
	good := open(t, ref(host, "app:w")).Image
	other, err := sample(t, "arm64", true, v1.Config{}).RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(layerFiles){
		"no configuration":         func(f layerFiles) { delete(f, originalConfig) },
		"another image's":          func(f layerFiles) { f[originalConfig] = other },
		"another image's manifest": func(f layerFiles) { f[originalManifest] = []byte(`{"config":{},"layers":[]}`) },
		"garbage manifest":         func(f layerFiles) { f[originalManifest] = []byte("{") },
		"garbage identity":         func(f layerFiles) { f["/.limpet/config.json"] = []byte("[]") },
	} {
		t.Run(name, func(t *testing.T) {
			files := ownFiles(t, good)
			change(files)
			if _, err := restore(good, files); !errors.Is(err, ErrForged) {
				t.Errorf("got %v, want ErrForged", err)
			}
		})
	}
	for name, plain := range map[string][]byte{
		"outside":   tarOf(t, item{"etc/passwd", "x", 0o644}),
		"traversal": tarOf(t, item{".limpet/../x", "x", 0o644}),
		"twice":     tarOf(t, item{".limpet/x", "1", 0o644}, item{".limpet/x", "2", 0o644}),
		"no tar":    []byte(strings.Repeat("x", 1024)),
	} {
		if _, err := parseOwnLayer(plain); !errors.Is(err, ErrForged) {
			t.Errorf("%s: got %v, want ErrForged", name, err)
		}
	}
}

// TestForgedEnforcer: an image that looks wrapped but carries another
// enforcer and an empty manifest gets the right ones.
func TestForgedEnforcer(t *testing.T) {
	host := registryHost(t)
	push(t, ref(host, "app:1"), sample(t, "amd64", true, theConfig))
	honest := mustWrap(t, options(t, ref(host, "app:1"), ref(host, "app:w")))
	o := options(t, ref(host, "app:1"), ref(host, "forged:1"))
	o.Enforcer = func(string) ([]byte, error) { return []byte(elf("evil")), nil }
	mustWrap(t, o)
	r := mustWrap(t, options(t, ref(host, "forged:1"), ref(host, "forged:w")))
	if r.Unchanged || open(t, ref(host, "forged:w")).Image.ID() == open(t, ref(host, "forged:1")).Image.ID() {
		t.Error("the forged enforcer was kept")
	}
	// Only the throw-away key differs from the honest wrapping.
	a, b := ownFiles(t, open(t, honest.Destination).Image), ownFiles(t, open(t, ref(host, "forged:w")).Image)
	for _, name := range []string{"/.limpet/microenforcer", "/.limpet/manifest", originalConfig, originalManifest} {
		if !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestUnwrapWhatWasNotWrapped(t *testing.T) {
	host := registryHost(t)
	push(t, ref(host, "app:1"), sample(t, "amd64", true, theConfig))
	push(t, ref(host, "multi:1"), sampleIndex(t))
	for _, src := range []string{"app:1", "multi:1"} {
		_, err := Unwrap(context.Background(), UnwrapOptions{Source: place(t, ref(host, src)), Destination: place(t, ref(host, "out:1")), TempDir: t.TempDir()})
		if !errors.Is(err, ErrNotWrapped) {
			t.Errorf("%s: got %v, want ErrNotWrapped", src, err)
		}
	}
	if _, err := image.Open(context.Background(), place(t, ref(host, "out:1")), image.Options{}); err == nil {
		t.Error("something was written")
	}
}

func TestConfigKeysThatDifferByCase(t *testing.T) {
	for _, raw := range []string{
		`{"config":{"Entrypoint":["/a"],"entrypoint":["/b"]}}`,
		`{"config":{},"Config":{}}`,
		`{"config":{"Labels":{},"Label\u017f":{}}}`,
		`{"config":{"Healthcheck":{"Test":[],"test":[]}}}`,
	} {
		if _, err := parseConfig([]byte(raw)); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v, want ErrConfig", raw, err)
		}
	}
	// One odd spelling is what the runtime would read, so it is what we set.
	c, err := parseConfig([]byte(`{"Config":{"entrypoint":["/a"]},"rootfs":{"diff_ids":[]}}`))
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.wrapped(v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}, "1", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Config struct{ Entrypoint []string }
	}
	if err := json.Unmarshal(out, &got); err != nil || strings.Join(got.Config.Entrypoint, " ") != "/.limpet/microenforcer run -- /a" {
		t.Errorf("%s %v", out, err)
	}
	if strings.Contains(string(out), `"entrypoint"`) || strings.Contains(string(out), `"Config"`) {
		t.Errorf("the old spelling is still there: %s", out)
	}
}
