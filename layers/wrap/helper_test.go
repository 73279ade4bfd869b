package wrap

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

// registryHost starts a registry in this process.
func registryHost(t testing.TB) string {
	t.Helper()
	host, _ := closableRegistry(t)
	return host
}

func closableRegistry(t testing.TB) (host string, stop func()) {
	t.Helper()
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host, s.Close
}

// elf is enough of an executable to be told as one.
func elf(tag string) string {
	return "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\x3e\x00" + strings.Repeat("\x00", 60) + tag
}

type item struct {
	name, body string
	mode       int64
}

func tarOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, i := range items {
		if err := tw.WriteHeader(&tar.Header{Name: i.name, Mode: i.mode, Size: int64(len(i.body))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, i.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func v1Layer(t testing.TB, plain []byte) v1.Layer {
	t.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(plain)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var (
	baseItems = []item{{"bin/app", elf("app"), 0o755}, {"bin/run.sh", "#!/bin/sh\n", 0o755}, {"etc/conf", "x", 0o644}}
	topItems  = []item{{"bin/ping", elf("ping"), 0o4755}, {"usr/lib/x.so", strings.Replace(elf("x"), "\x02\x00\x3e", "\x03\x00\x3e", 1), 0o644}}
	theConfig = v1.Config{
		Entrypoint: []string{"/bin/app", "--serve"}, Cmd: []string{"a", "b"},
		Env: []string{"PATH=/bin", "X=<&>"}, User: "1000:1000", WorkingDir: "/srv", StopSignal: "SIGQUIT",
		Labels:       map[string]string{"team": "shop"},
		ExposedPorts: map[string]struct{}{"80/tcp": {}}, Volumes: map[string]struct{}{"/data": {}},
		Healthcheck: &v1.HealthConfig{Test: []string{"CMD-SHELL", "curl -f localhost"}, Interval: 30 * time.Second, Retries: 3},
	}
)

// sample is a two-layer image for a platform, Docker or OCI.
func sample(t testing.TB, arch string, oci bool, config v1.Config) v1.Image {
	t.Helper()
	img := empty.Image
	if oci {
		img = mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.OCIConfigJSON)
	}
	img, err := mutate.ConfigFile(img, &v1.ConfigFile{
		OS: "linux", Architecture: arch, Config: config,
		Created: v1.Time{Time: time.Unix(1700000000, 0).UTC()}, RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.Append(img,
		mutate.Addendum{Layer: v1Layer(t, tarOf(t, append(baseItems, item{"arch", arch, 0o644})...)), History: v1.History{CreatedBy: "base"}},
		mutate.Addendum{Layer: v1Layer(t, tarOf(t, topItems...)), History: v1.History{CreatedBy: "top"}})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// sampleIndex has amd64, arm64, an attestation and a platform we do not know.
func sampleIndex(t testing.TB) v1.ImageIndex {
	t.Helper()
	x := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64", "s390x"} {
		x = mutate.AppendManifests(x, mutate.IndexAddendum{
			Add:        sample(t, arch, true, theConfig),
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	proof := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	proof, err := mutate.ConfigFile(proof, &v1.ConfigFile{OS: "unknown", Architecture: "unknown", RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}}})
	if err != nil {
		t.Fatal(err)
	}
	return mutate.AppendManifests(x, mutate.IndexAddendum{Add: proof, Descriptor: v1.Descriptor{
		Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"},
	}})
}

func place(t testing.TB, s string) image.Place {
	t.Helper()
	p, err := image.ParsePlace(s, true)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func push(t testing.TB, ref string, what remote.Taggable) v1.Hash {
	t.Helper()
	var err error
	p := place(t, ref)
	switch x := what.(type) {
	case v1.Image:
		err = remote.Write(p.Ref, x)
	case v1.ImageIndex:
		err = remote.WriteIndex(p.Ref, x)
	}
	if err != nil {
		t.Fatal(err)
	}
	return digestAt(t, ref)
}

func digestAt(t testing.TB, ref string) v1.Hash {
	t.Helper()
	d, err := remote.Head(place(t, ref).Ref)
	if err != nil {
		t.Fatalf("%s: %v", ref, err)
	}
	return d.Digest
}

func localIdentity(t testing.TB, mode policy.Mode) Identity {
	t.Helper()
	id, err := Local{Mode: mode, OnNoPolicy: workload.NoPolicyAudit, Now: time.Now()}.Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func fakeEnforcer(arch string) ([]byte, error) { return []byte(elf("enforcer for " + arch)), nil }

func options(t testing.TB, src, dst string) Options {
	return Options{
		Source: place(t, src), Destination: place(t, dst), Identity: localIdentity(t, policy.Audit),
		Enforcer: fakeEnforcer, Version: "1.2.3", TempDir: t.TempDir(),
	}
}

func mustWrap(t testing.TB, o Options) *Result {
	t.Helper()
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	noRemains(t, o.TempDir)
	return r
}

func mustUnwrap(t testing.TB, src, dst string) *Unwrapped {
	t.Helper()
	tmp := t.TempDir()
	r, err := Unwrap(context.Background(), UnwrapOptions{Source: place(t, src), Destination: place(t, dst), TempDir: tmp})
	if err != nil {
		t.Fatal(err)
	}
	noRemains(t, tmp)
	return r
}

// noRemains fails when something is left in a temporary folder.
func noRemains(t testing.TB, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	hidden, _ := filepath.Glob(filepath.Join(dir, ".limpet*"))
	if len(hidden) > 0 {
		t.Errorf("left behind: %v", hidden)
	}
}

// open reads an image back and has go-containerregistry judge it.
func open(t testing.TB, ref string) *image.Source {
	t.Helper()
	s, err := image.Open(context.Background(), place(t, ref), image.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func judge(t testing.TB, ref string) {
	t.Helper()
	p := place(t, ref)
	desc, err := remote.Get(p.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if desc.MediaType.IsIndex() {
		x, err := desc.ImageIndex()
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(x); err != nil {
			t.Errorf("validate %s: %v", ref, err)
		}
		return
	}
	img, err := desc.Image()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Errorf("validate %s: %v", ref, err)
	}
}

// ownFiles are the files of a wrapped image's own layer.
func ownFiles(t testing.TB, img *image.Image) layerFiles {
	t.Helper()
	f, err := readOwnLayer(context.Background(), img.Layers[len(img.Layers)-1])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func ref(host, name string) string { return fmt.Sprintf("%s/%s", host, name) }

func mustV1(t testing.TB, r string) v1.Image {
	t.Helper()
	img, err := remote.Image(place(t, r).Ref)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
