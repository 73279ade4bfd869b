package extract

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
)

// entry is one entry of a layer that a test makes.
type tarEntry struct {
	tar.Header
	body string
}

func reg(name, body string) tarEntry {
	return tarEntry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, body}
}

func exe(name, body string) tarEntry {
	e := reg(name, body)
	e.Mode = 0o755
	return e
}

func dir(name string) tarEntry {
	return tarEntry{tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}, ""}
}

func link(name, to string) tarEntry {
	return tarEntry{tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to, Mode: 0o777}, ""}
}

func hard(name, to string) tarEntry {
	return tarEntry{tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to}, ""}
}

func tarOf(t testing.TB, entries ...tarEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		e.Size = int64(len(e.body))
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// layerOf promises what it holds; stored may be a compressed form of plain.
func layerOf(plain, stored []byte) image.Layer {
	return image.Layer{
		DiffID: image.Digest(plain), Digest: image.Digest(stored), Size: int64(len(stored)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(stored)), nil },
	}
}

func imageOf(layers ...image.Layer) *image.Image {
	var c struct {
		RootFS struct {
			DiffIDs []v1.Hash `json:"diff_ids"`
		} `json:"rootfs"`
	}
	for _, l := range layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, l.DiffID)
	}
	config, _ := json.Marshal(c)
	return &image.Image{Config: config, Layers: layers}
}

func imageOfTars(tars ...[]byte) *image.Image {
	var layers []image.Layer
	for _, b := range tars {
		layers = append(layers, layerOf(b, b))
	}
	return imageOf(layers...)
}

// scan gives the report on an image.
func scan(t testing.TB, r *Reader, img *image.Image) (*finding.Report, error) {
	t.Helper()
	layers, err := r.Layers(context.Background(), img)
	if err != nil {
		return nil, err
	}
	rep := &finding.Report{}
	Fill(rep, layers)
	return rep, nil
}

func mustScan(t testing.TB, img *image.Image) *finding.Report {
	t.Helper()
	rep, err := scan(t, &Reader{}, img)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func stanza(name, version string) string {
	return "Package: " + name + "\nStatus: install ok installed\nArchitecture: amd64\nVersion: " + version + "\n\n"
}

const debian12 = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"

// damageAll changes a byte of every file in dir.
func damageAll(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("nothing is kept: %v", err)
	}
	for _, e := range entries {
		p := filepath.Join(dir, e.Name())
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
