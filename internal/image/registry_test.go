package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// liar is a registry that says whatever a test wants.
func liar(t *testing.T, answers map[string]func(w http.ResponseWriter)) Place {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		for part, answer := range answers {
			if strings.Contains(r.URL.Path, part) {
				answer(w)
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePlace(u.Host+"/app:1", true)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func manifestBytes(t *testing.T, config []byte, change func(*v1.Manifest)) []byte {
	t.Helper()
	m := &v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1,
		Config: v1.Descriptor{MediaType: types.OCIConfigJSON, Digest: Digest(config), Size: int64(len(config))}, Layers: []v1.Descriptor{}}
	if change != nil {
		change(m)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLyingRegistries(t *testing.T) {
	config := []byte(configOf())
	give := func(mt types.MediaType, b []byte) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", string(mt))
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			_, _ = w.Write(b)
		}
	}
	good := manifestBytes(t, config, nil)
	blob := "/blobs/" + Digest(config).String()
	var many []v1.Descriptor
	for range MaxLayers + 1 {
		many = append(many, v1.Descriptor{MediaType: types.OCILayer, Digest: Digest(nil)})
	}
	for name, tc := range map[string]struct {
		answers map[string]func(http.ResponseWriter)
		want    error // nil: any error
	}{
		"endless manifest": {map[string]func(http.ResponseWriter){"/manifests/": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
			junk := bytes.Repeat([]byte(" "), 1<<20)
			for range 64 {
				if _, err := w.Write(junk); err != nil {
					return
				}
			}
		}}, ErrTooLarge},
		"not JSON":           {map[string]func(http.ResponseWriter){"/manifests/": give(types.OCIManifestSchema1, []byte("<html>"))}, ErrMalformed},
		"another config":     {map[string]func(http.ResponseWriter){"/manifests/": give(types.OCIManifestSchema1, good), blob: give("x", bytes.Repeat([]byte("x"), len(config)))}, nil},
		"longer config":      {map[string]func(http.ResponseWriter){"/manifests/": give(types.OCIManifestSchema1, good), blob: give("x", append(bytes.Clone(config), ' '))}, nil},
		"huge config":        {map[string]func(http.ResponseWriter){"/manifests/": give(types.OCIManifestSchema1, manifestBytes(t, config, func(m *v1.Manifest) { m.Config.Size = MaxConfigBytes + 1 }))}, ErrTooLarge},
		"many layers":        {map[string]func(http.ResponseWriter){"/manifests/": give(types.OCIManifestSchema1, manifestBytes(t, config, func(m *v1.Manifest) { m.Layers = many }))}, ErrTooLarge},
		"negative size":      {map[string]func(http.ResponseWriter){"/manifests/": give(types.OCIManifestSchema1, manifestBytes(t, config, func(m *v1.Manifest) { m.Layers = []v1.Descriptor{{Digest: Digest(nil), Size: -1}} }))}, ErrMalformed},
		"layers unaccounted": {map[string]func(http.ResponseWriter){"/manifests/": give(types.OCIManifestSchema1, manifestBytes(t, config, func(m *v1.Manifest) { m.Layers = many[:1] })), blob: give("x", config)}, ErrMalformed},
		"schema 1":           {map[string]func(http.ResponseWriter){"/manifests/": give(types.DockerManifestSchema1, []byte("{}"))}, ErrUnsupported},
		"absent":             {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(context.Background(), liar(t, tc.answers), Options{})
			if err == nil {
				s.Close()
				t.Fatal("accepted")
			}
			if tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestLayoutStaysInItsFolder(t *testing.T) {
	dir := t.TempDir()
	lay := filepath.Join(dir, "lay")
	config := []byte(configOf())
	raw := manifestBytes(t, config, nil)
	if err := os.MkdirAll(filepath.Join(lay, "blobs", "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(lay, "oci-layout"), []byte("{}"))
	top, err := mergeTop(nil, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: Digest(raw), Size: int64(len(raw))})
	if err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(lay, "index.json"), top)
	write(filepath.Join(lay, blobPath(Digest(raw))), raw)
	outside := filepath.Join(dir, "config")
	write(outside, config)
	if err := os.Symlink(outside, filepath.Join(lay, blobPath(Digest(config)))); err != nil {
		t.Fatal(err)
	}
	if s, err := openLayout(lay, ""); err == nil {
		s.Close()
		t.Fatal("a blob outside the layout was read")
	}
	if err := os.Remove(filepath.Join(lay, blobPath(Digest(config)))); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(lay, blobPath(Digest(config))), config)
	s, err := openLayout(lay, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	// Writing beside what is there: both stay; a name is replaced.
	for _, tag := range []string{"v1", "v2", "v1"} {
		if err := Write(context.Background(), Place{Kind: Layout, Path: lay, Tag: tag}, s.Image, nil, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(lay)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	now, err := layoutTop(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(now.Manifests) != 3 {
		t.Errorf("%d entries, want the first, v1 and v2", len(now.Manifests))
	}
	// A folder of somebody else's is not filled.
	if err := Write(context.Background(), Place{Kind: Layout, Path: dir}, s.Image, nil, Options{}); !errors.Is(err, ErrPlace) {
		t.Errorf("got %v, want ErrPlace", err)
	}
}

func TestSpoolReadsOnce(t *testing.T) {
	data := tarBytes(t)
	opened := 0
	l := Layer{DiffID: Digest(data), Digest: Digest(data), Size: int64(len(data)), Open: func() (io.ReadCloser, error) {
		opened++
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
	l.Open = spooled(l, t.TempDir())
	read := func(n int64) {
		t.Helper()
		rc, err := l.Stored()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, rc, n); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if err := rc.Close(); err != nil {
			t.Fatal(err)
		}
	}
	read(10) // not to the end: nothing may be kept
	for range 3 {
		read(int64(len(data)) + 1)
	}
	if opened != 2 {
		t.Errorf("fetched %d times, want 2", opened)
	}
}
