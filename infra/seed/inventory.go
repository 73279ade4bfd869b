package seed

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner"
	"github.com/limpet-security/limpet/scanner/cybercenter/sample"
	"github.com/limpet-security/limpet/scanner/inspect"
	"github.com/limpet-security/limpet/scanner/licences"
	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/misconfig"
	"github.com/limpet-security/limpet/scanner/sensitive"
)

// assurancePolicy judges what is scanned.
const assurancePolicy = `# What may go to production.
apiVersion: limpet.dev/v1
kind: AssurancePolicy
metadata:
  name: production-images
  description: No credentials, nothing that is exploited, no critical vulnerability that can be fixed.
spec:
  controls:
    integrity: {mode: block}
    secrets: {mode: block, atLeast: high}
    vulnerabilities:
      mode: block
      rules:
        - {name: exploited, kev: true}
        - {name: critical-fixable, atLeast: critical, fixable: true}
    rootUser: {mode: warn}
`

// step is a line of an image's history, with the files of its layer.
type step struct {
	line  string
	files map[string]string
}

// built is an image that is put together here and really scanned.
type built struct {
	name   string
	user   string
	labels map[string]string
	steps  []step
	build  url.Values // the pipeline that sends it; nil: a person at a terminal
}

// debian is the package database of a Debian 12, as dpkg keeps it.
func debian(packages ...string) map[string]string {
	b := strings.Builder{}
	for _, p := range packages {
		f := strings.Fields(p) // name version source
		fmt.Fprintf(&b, "Package: %s\nStatus: install ok installed\nArchitecture: amd64\nMaintainer: Debian\nSource: %s\nVersion: %s\nDescription: of Debian 12\n\n", f[0], f[2], f[1])
	}
	return map[string]string{
		"etc/os-release":      "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n",
		"etc/debian_version":  "12.1\n",
		"var/lib/dpkg/status": b.String(),
	}
}

// pypi is an installed package of PyPI.
func pypi(name, version, licence string) map[string]string {
	return map[string]string{"usr/lib/python3/site-packages/" + name + "-" + version + ".dist-info/METADATA": "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\nLicense: " + licence + "\n"}
}

func pipelineOf(system, repository, branch, commit, build, address string) url.Values {
	return url.Values{"ciSystem": {system}, "ciRepository": {repository}, "ciBranch": {branch}, "ciCommit": {commit}, "ciBuild": {build}, "ciUrl": {address}}
}

// images are those of the fleet and their predecessors, the oldest first. The
// proxy's is missing: nobody has scanned it.
func images() []built {
	base := func(openssl, curl string) []step {
		return []step{
			{"/bin/sh -c #(nop) ADD file:bookworm in / ", debian("libssl3 "+openssl+" openssl", "openssl "+openssl+" openssl", "libc6 2.36-9 glibc", "libnghttp2-14 1.52.0-1 nghttp2", "zlib1g 1:1.2.13.dfsg-1 zlib")},
			{"/bin/sh -c #(nop)  CMD [\"bash\"]", nil},
			{"RUN apt-get update && apt-get install -y curl libwebp7 openssh-client", debian("libssl3 "+openssl+" openssl", "openssl "+openssl+" openssl", "libc6 2.36-9 glibc", "libnghttp2-14 1.52.0-1 nghttp2", "zlib1g 1:1.2.13.dfsg-1 zlib",
				"curl "+curl+" curl", "libcurl4 "+curl+" curl", "libwebp7 1.2.4-0.2 libwebp", "openssh-client 1:9.2p1-2 openssh")},
		}
	}
	labels := map[string]string{"org.opencontainers.image.base.name": "docker.io/library/debian:12-slim", "team": "shop"}
	web := step{"COPY nginx.conf certs/ /etc/nginx/", map[string]string{"etc/nginx/nginx.conf": "events {}\n", "etc/nginx/certs/shop.key": privateKey()}}
	jar := step{"COPY gateway.jar /opt/payments/", map[string]string{"opt/payments/gateway.jar": ""}}
	importer := step{"RUN pip install -r requirements.txt", map[string]string{}}
	for _, files := range []map[string]string{pypi("Werkzeug", "2.0.1", "BSD-3-Clause"), pypi("Flask", "2.2.0", "BSD-3-Clause"), pypi("urllib3", "1.26.4", "MIT"), pypi("Pillow", "9.0.0", "HPND"), pypi("PyYAML", "5.3", "MIT"), pypi("cryptography", "39.0.0", "Apache-2.0")} {
		for name, text := range files {
			importer.files[name] = text
		}
	}
	return []built{
		{"registry.example.com/payments/gateway:4.2.0", "", labels, append(base("3.0.9-1", "7.88.1-10"), jar), pipelineOf("jenkins", "payments/gateway", "main", "1b7d3f0a92c4", "jenkins-gateway-211", "https://jenkins.example.com/job/gateway/211/")},
		{java, "1000", labels, append(base("3.0.15-1~deb12u1", "7.88.1-10+deb12u8"), jar), pipelineOf("jenkins", "payments/gateway", "main", "9f2e44c1d07b", "jenkins-gateway-214", "https://jenkins.example.com/job/gateway/214/")},
		{nginx, "", labels, append(base("3.0.9-1", "7.88.1-10"), web), pipelineOf("github", "example/shop", "release/1.27", "5c1d9a7be3f24a0c9d8e", "1881", "https://github.example.com/example/shop/actions/runs/77120")},
		{nginx, "", labels, append(base("3.0.9-1", "7.88.1-10"), web), nil},
		{python, "app", map[string]string{"team": "data"}, append(base("3.0.9-1", "7.88.1-10"), importer), pipelineOf("gitlab", "data/importer", "main", "c0de11aa87b2", "402", "https://gitlab.example.com/data/importer/-/jobs/402")},
	}
}

// privateKey is a key that nobody uses, the same each time.
func privateKey() string {
	seed := sha256.Sum256([]byte("seed"))
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (b built) image() (v1.Image, error) {
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{User: b.user, Labels: b.labels, Cmd: []string{"/bin/run"}}})
	if err != nil {
		return nil, err
	}
	img = mutate.MediaType(img, "application/vnd.oci.image.manifest.v1+json")
	for _, s := range b.steps {
		add := mutate.Addendum{History: v1.History{CreatedBy: s.line, EmptyLayer: s.files == nil}}
		if s.files != nil {
			text, err := archive(s.files)
			if err != nil {
				return nil, err
			}
			if add.Layer, err = tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }); err != nil {
				return nil, err
			}
		}
		if img, err = mutate.Append(img, add); err != nil {
			return nil, err
		}
	}
	return img, nil
}

func archive(files map[string]string) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, text); err != nil {
			return nil, err
		}
	}
	err := w.Close() // writes the end
	return out.Bytes(), err
}

// digests says which content each image of the fleet has: that which is scanned,
// where one is.
var digests = sync.OnceValue(func() map[string]string {
	out := map[string]string{haproxy: digest("haproxy")}
	for _, b := range images() {
		img, err := b.image()
		if err != nil {
			panic(err)
		}
		d, err := img.Digest()
		if err != nil {
			panic(err)
		}
		out[b.name] = d.String()
	}
	return out
})

// inventory scans the images with the sample database and sends the reports, as
// pipelines and people do.
func (s *seeder) inventory(ctx context.Context) error {
	if _, err := s.api.Do(ctx, http.MethodPost, "/assurance-policies", "", map[string]any{"yaml": assurancePolicy}, nil); err != nil {
		return fmt.Errorf("cannot add assurance policy: %w", err)
	}
	dir, err := os.MkdirTemp("", "limpet-seed-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := sample.Open()
	if err != nil {
		return err
	}
	defer db.Close()
	secrets, err := sensitive.All(sensitive.Options{})
	if err != nil {
		return err
	}
	inspectors := append(append(append([]inspect.Inspector{}, secrets...), licences.All()...), misconfig.All()...)
	for i, b := range images() {
		img, err := b.image()
		if err != nil {
			return fmt.Errorf("cannot build %s: %w", b.name, err)
		}
		place := filepath.Join(dir, fmt.Sprint(i))
		if _, err := layout.Write(place, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})); err != nil {
			return fmt.Errorf("cannot write %s: %w", b.name, err)
		}
		r, err := scanner.Scan(ctx, scanner.Options{Source: "oci:" + place, Platform: "linux/amd64", Inspectors: inspectors, TempDir: dir})
		if err != nil {
			return fmt.Errorf("cannot scan %s: %w", b.name, err)
		}
		r.Artifact.Created = time.Now().UTC().AddDate(0, 0, -9).Format(time.RFC3339)
		if err := match.Match(ctx, r, db); err != nil {
			return err
		}
		r.Sort()
		if err := s.send(ctx, b, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeder) send(ctx context.Context, b built, r *finding.Report) error {
	query := url.Values{"reference": {b.name}, "source": {"cli"}}
	if b.build != nil {
		query.Set("source", "ci")
	}
	for name, value := range b.build {
		query[name] = value
	}
	if _, err := s.api.Do(ctx, http.MethodPost, "/scans?"+query.Encode(), "", r, nil); err != nil {
		return fmt.Errorf("cannot send the scan of %s: %w", b.name, err)
	}
	return nil
}
