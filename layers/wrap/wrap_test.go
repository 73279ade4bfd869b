package wrap

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

func TestWrapInRegistry(t *testing.T) {
	for _, tc := range []struct {
		name string
		oci  bool
	}{{"docker", false}, {"oci", true}} {
		t.Run(tc.name, func(t *testing.T) {
			host := registryHost(t)
			src, dst := ref(host, "app:1"), ref(host, "app:1-limpet")
			before := push(t, src, sample(t, "amd64", tc.oci, theConfig))
			r := mustWrap(t, options(t, src, dst))
			judge(t, dst)
			if r.Unchanged || r.SourceDigest != before.String() || r.Digest != digestAt(t, dst).String() {
				t.Errorf("result %+v", r)
			}
			img := open(t, dst).Image
			checkConfig(t, img)
			checkLayer(t, img, before)
			p := r.Platforms[0]
			if p.Executables != 2 || p.Scripts != 1 || p.Libraries != 1 || p.Files != 6 {
				t.Errorf("counts %+v", p)
			}
			if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "/bin/ping (setuid)") {
				t.Errorf("warnings %q", r.Warnings)
			}
			var m struct{ Annotations map[string]string }
			if err := json.Unmarshal(img.Manifest, &m); err != nil {
				t.Fatal(err)
			}
			if tc.oci && (m.Annotations[baseDigest] != before.String() || m.Annotations[LabelWrapped] != "1.2.3" || m.Annotations[baseName] != src) {
				t.Errorf("annotations %v", m.Annotations)
			}
			// Twice changes nothing, to the byte.
			again := mustWrap(t, options(t, dst, ref(host, "app:2-limpet")))
			if !again.Unchanged || again.Digest != r.Digest {
				t.Errorf("wrapping twice: %s, then %s", r.Digest, again.Digest)
			}
			u := mustUnwrap(t, dst, ref(host, "back:1"))
			if got := digestAt(t, ref(host, "back:1")); got != before || !u.Exact || u.Digest != before.String() {
				t.Errorf("unwrapped %s (%+v), was %s", got, u, before)
			}
			judge(t, ref(host, "back:1"))
		})
	}
}

func checkConfig(t *testing.T, img *image.Image) {
	t.Helper()
	c, err := v1.ParseConfigFile(bytes.NewReader(img.Config))
	if err != nil {
		t.Fatal(err)
	}
	want := *theConfig.DeepCopy()
	want.Entrypoint = []string{"/.limpet/microenforcer", "run", "--", "/bin/app", "--serve"}
	want.Healthcheck.Test = []string{"CMD", "/.limpet/microenforcer", "healthcheck", "--", "/bin/sh", "-c", "curl -f localhost"}
	got := c.Config
	labels := got.Labels
	want.Labels, got.Labels = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if labels["team"] != "shop" || labels[LabelWrapped] != "1.2.3" || labels[LabelLayer] != img.Layers[2].DiffID.String() {
		t.Errorf("labels %v", labels)
	}
	if n := len(c.History); n != 3 || c.History[2].CreatedBy != "limpet wrap 1.2.3" {
		t.Errorf("history %+v", c.History)
	}
	if !c.Created.Equal(time.Unix(1700000000, 0)) {
		t.Errorf("created %s", c.Created)
	}
}

func checkLayer(t *testing.T, img *image.Image, source v1.Hash) {
	t.Helper()
	l := img.Layers[len(img.Layers)-1]
	rc, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	tr := tar.NewReader(rc)
	var got []string
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || !h.ModTime.Equal(epoch) {
			t.Errorf("%s: owner %d:%d, time %s", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		got = append(got, h.FileInfo().Mode().String()+" "+h.Name)
	}
	want := []string{
		"dr-xr-xr-x .limpet/", "-r--r--r-- .limpet/bundle", "-r--r--r-- .limpet/config.json", "-r--r--r-- .limpet/manifest", "-r-xr-xr-x .limpet/microenforcer",
		"dr-xr-xr-x .limpet/original/", "-r--r--r-- .limpet/original/config.json", "-r--r--r-- .limpet/original/manifest.json",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
	files := ownFiles(t, img)
	m, err := drift.Parse(files[workload.ManifestPath])
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Lookup("/bin/app"); !ok || m.Len() != 4 {
		t.Errorf("manifest of %d entries, /bin/app: %v", m.Len(), ok)
	}
	var e workload.Embedded
	if err := json.Unmarshal(files[workload.ConfigPath], &e); err != nil {
		t.Fatal(err)
	}
	if e.SourceDigest != source.String() || e.Version != 1 || !cmp.Equal(e.OriginalEntrypoint, theConfig.Entrypoint) || e.Group != LocalGroup {
		t.Errorf("embedded %+v", e)
	}
	if _, err := (Identity{Embedded: e, Bundle: files[workload.BundlePath]}).open(); err != nil {
		t.Errorf("bundle: %v", err)
	}
}

func TestWrapIsReproducible(t *testing.T) {
	host := registryHost(t)
	push(t, ref(host, "app:1"), sample(t, "amd64", true, theConfig))
	o := options(t, ref(host, "app:1"), ref(host, "a:1"))
	a := mustWrap(t, o)
	o.Destination = place(t, "oci:"+filepath.Join(t.TempDir(), "out"))
	b := mustWrap(t, o)
	if a.Digest != b.Digest {
		t.Errorf("%s and %s", a.Digest, b.Digest)
	}
}

func TestNewerEnforcerReplacesTheLayer(t *testing.T) {
	host := registryHost(t)
	before := push(t, ref(host, "app:1"), sample(t, "amd64", true, theConfig))
	mustWrap(t, options(t, ref(host, "app:1"), ref(host, "w:1")))
	o := options(t, ref(host, "w:1"), ref(host, "w:2"))
	o.Enforcer = func(arch string) ([]byte, error) { return []byte(elf("newer")), nil }
	r := mustWrap(t, o)
	img := open(t, ref(host, "w:2")).Image
	if r.Unchanged || len(img.Layers) != 3 || string(ownFiles(t, img)[workload.BinaryPath]) != elf("newer") {
		t.Errorf("unchanged %v, %d layers", r.Unchanged, len(img.Layers))
	}
	mustUnwrap(t, ref(host, "w:2"), ref(host, "u:1"))
	if digestAt(t, ref(host, "u:1")) != before {
		t.Error("the original is lost")
	}
	// Another policy is a difference too.
	o = options(t, ref(host, "w:1"), ref(host, "w:3"))
	o.Identity = localIdentity(t, policy.Enforce)
	if r := mustWrap(t, o); r.Unchanged {
		t.Error("enforce mode was taken for the same")
	}
}

func TestWrapIndex(t *testing.T) {
	host := registryHost(t)
	src, dst := ref(host, "multi:1"), ref(host, "multi:1-limpet")
	before := push(t, src, sampleIndex(t))
	r := mustWrap(t, options(t, src, dst))
	judge(t, dst)
	if len(r.Platforms) != 2 || r.Platforms[0].Platform != "linux/amd64" || r.Platforms[1].Platform != "linux/arm64" {
		t.Fatalf("platforms %+v", r.Platforms)
	}
	warned := strings.Join(r.Warnings, "\n")
	if !strings.Contains(warned, "linux/s390x is left out") || !strings.Contains(warned, "attestation") {
		t.Errorf("warnings %q", warned)
	}
	x := open(t, dst).Index
	if len(x.Children) != 3 {
		t.Fatalf("%d entries", len(x.Children))
	}
	for i, arch := range []string{"amd64", "arm64"} {
		want, _ := fakeEnforcer(arch)
		if !bytes.Equal(ownFiles(t, x.Children[i].Image)[workload.BinaryPath], want) {
			t.Errorf("%s has another architecture's enforcer", arch)
		}
	}
	again := mustWrap(t, options(t, dst, ref(host, "multi:again")))
	if !again.Unchanged || again.Digest != r.Digest {
		t.Errorf("wrapping twice: %s, then %s", r.Digest, again.Digest)
	}
	mustUnwrap(t, dst, ref(host, "multi:back"))
	if got := digestAt(t, ref(host, "multi:back")); got != before {
		t.Errorf("unwrapped %s, was %s", got, before)
	}
	// Into another repository the platform that was left out comes from the
	// source's.
	mustUnwrap(t, dst, ref(host, "other:back"))
	if got := digestAt(t, ref(host, "other:back")); got != before {
		t.Errorf("unwrapped %s, was %s", got, before)
	}
	judge(t, ref(host, "other:back"))
}

func TestUnwrapIndexWithoutItsSource(t *testing.T) {
	host, stop := closableRegistry(t)
	x := sampleIndex(t)
	push(t, ref(host, "multi:1"), x)
	far := registryHost(t)
	mustWrap(t, options(t, ref(host, "multi:1"), ref(far, "multi:1")))
	stop()
	unwrap := func(platforms ...v1.Platform) (*Unwrapped, error) {
		return Unwrap(context.Background(), UnwrapOptions{
			Source: place(t, ref(far, "multi:1")), Destination: place(t, ref(far, "multi:back")), TempDir: t.TempDir(), Platforms: platforms,
		})
	}
	_, err := unwrap()
	if !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), "linux/s390x") {
		t.Fatalf("got %v, want ErrIncomplete that names the platform", err)
	}
	u, err := unwrap(v1.Platform{OS: "linux", Architecture: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := x.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if u.Digest != m.Manifests[0].Digest.String() || !u.Exact {
		t.Errorf("got %+v", u)
	}
}

func TestOnePlatformOfAnIndex(t *testing.T) {
	host := registryHost(t)
	x := sampleIndex(t)
	push(t, ref(host, "multi:1"), x)
	o := options(t, ref(host, "multi:1"), ref(host, "one:1"))
	o.Platforms = []v1.Platform{{OS: "linux", Architecture: "arm64"}}
	r := mustWrap(t, o)
	s := open(t, ref(host, "one:1"))
	if s.Image == nil || s.Image.Platform().Architecture != "arm64" || len(r.Platforms) != 1 {
		t.Fatalf("got %+v", r)
	}
	m, err := x.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	mustUnwrap(t, ref(host, "one:1"), ref(host, "one:back"))
	if got := digestAt(t, ref(host, "one:back")); got != m.Manifests[1].Digest {
		t.Errorf("unwrapped %s, was %s", got, m.Manifests[1].Digest)
	}
	o.Platforms = []v1.Platform{{OS: "linux", Architecture: "riscv64"}}
	if _, err := Run(context.Background(), o); !errors.Is(err, ErrPlatform) {
		t.Errorf("got %v, want ErrPlatform", err)
	}
}

func TestFilesOnly(t *testing.T) {
	host := registryHost(t)
	dir := t.TempDir()
	before := push(t, ref(host, "app:1"), sample(t, "amd64", false, theConfig))
	oci, file := "oci:"+filepath.Join(dir, "lay:v1"), filepath.Join(dir, "app.tar")
	mustWrap(t, options(t, ref(host, "app:1"), oci))
	// Layout to tarball and back to a registry: a tarball keeps no manifest,
	// but its layers are stored as they were.
	mustWrap(t, options(t, oci, "tar:"+file+"#app:1"))
	u := mustUnwrap(t, oci, ref(host, "back:1"))
	if got := digestAt(t, ref(host, "back:1")); got != before || !u.Exact {
		t.Errorf("unwrapped %s, was %s", got, before)
	}
	u = mustUnwrap(t, file, "oci:"+filepath.Join(dir, "from-tar"))
	if !u.Exact && len(u.Warnings) == 0 {
		t.Errorf("neither exact nor warned: %+v", u)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".limpet*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestScratchAndBareImages(t *testing.T) {
	host := registryHost(t)
	for name, tc := range map[string]struct {
		config v1.Config
		want   []string
	}{
		"scratch without anything": {v1.Config{}, []string{"/.limpet/microenforcer", "run", "--"}},
		"CMD only":                 {v1.Config{Cmd: []string{"/app"}}, []string{"/.limpet/microenforcer", "run", "--"}},
		"shell form":               {v1.Config{Entrypoint: []string{"/bin/sh", "-c", "exec nginx -g 'daemon off;'"}}, []string{"/.limpet/microenforcer", "run", "--", "/bin/sh", "-c", "exec nginx -g 'daemon off;'"}},
	} {
		t.Run(name, func(t *testing.T) {
			img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: tc.config, RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}}})
			if err != nil {
				t.Fatal(err)
			}
			before := push(t, ref(host, "bare:1"), img)
			mustWrap(t, options(t, ref(host, "bare:1"), ref(host, "bare:w")))
			judge(t, ref(host, "bare:w"))
			c, err := parseConfig(open(t, ref(host, "bare:w")).Image.Config)
			if err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(c.Entrypoint, tc.want) || !cmp.Equal(c.Cmd, tc.config.Cmd) {
				t.Errorf("entrypoint %q, cmd %q", c.Entrypoint, c.Cmd)
			}
			mustUnwrap(t, ref(host, "bare:w"), ref(host, "bare:u"))
			if digestAt(t, ref(host, "bare:u")) != before {
				t.Error("the original is lost")
			}
		})
	}
}

// TestDerived: an image that was built FROM a wrapped one is wrapped anew;
// what lies below in /.limpet is hidden.
func TestDerived(t *testing.T) {
	host := registryHost(t)
	push(t, ref(host, "app:1"), sample(t, "amd64", true, theConfig))
	mustWrap(t, options(t, ref(host, "app:1"), ref(host, "app:w")))
	img, err := mutate.AppendLayers(mustV1(t, ref(host, "app:w")), v1Layer(t, tarOf(t, item{"bin/new", elf("new"), 0o755}, item{".limpet/evil", elf("evil"), 0o755})))
	if err != nil {
		t.Fatal(err)
	}
	before := push(t, ref(host, "derived:1"), img)
	r := mustWrap(t, options(t, ref(host, "derived:1"), ref(host, "derived:w")))
	judge(t, ref(host, "derived:w"))
	out := open(t, ref(host, "derived:w")).Image
	c, err := parseConfig(out.Config)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"/.limpet/microenforcer", "run", "--", "/bin/app", "--serve"}; !cmp.Equal(c.Entrypoint, want) {
		t.Errorf("entrypoint %q", c.Entrypoint)
	}
	files := ownFiles(t, out)
	if _, ok := files[opaqueMarker]; !ok {
		t.Error("the lower /.limpet is not hidden")
	}
	m, err := drift.Parse(files[workload.ManifestPath])
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Lookup("/bin/new"); !ok || m.Len() != 5 {
		t.Errorf("manifest of %d entries, /bin/new: %v", m.Len(), ok)
	}
	if again := mustWrap(t, options(t, ref(host, "derived:w"), ref(host, "derived:w2"))); again.Digest != r.Digest {
		t.Errorf("wrapping twice: %s, then %s", r.Digest, again.Digest)
	}
	mustUnwrap(t, ref(host, "derived:w"), ref(host, "derived:u"))
	if digestAt(t, ref(host, "derived:u")) != before {
		t.Error("the original is lost")
	}
}
