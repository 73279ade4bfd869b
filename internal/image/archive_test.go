package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

type part struct {
	name, body, link string
	typ              byte
}

func archiveOf(t testing.TB, parts ...part) string {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, p := range parts {
		if p.typ == 0 {
			p.typ = tar.TypeReg
		}
		if err := tw.WriteHeader(&tar.Header{Name: p.name, Typeflag: p.typ, Linkname: p.link, Mode: 0o644, Size: int64(len(p.body))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, p.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const layerBody = "pretend this is a tar"

func configOf(layers ...string) string {
	var ids []string
	for _, l := range layers {
		ids = append(ids, `"`+Digest([]byte(l)).String()+`"`)
	}
	return `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[` + strings.Join(ids, ",") + `]}}`
}

func TestArchive(t *testing.T) {
	config := configOf(layerBody, layerBody)
	path := archiveOf(t,
		part{name: "aa/layer.tar", body: layerBody},
		part{name: "bb/layer.tar", typ: tar.TypeSymlink, link: "../aa/layer.tar"},
		part{name: "c.json", body: config},
		part{name: "manifest.json", body: `[{"Config":"c.json","RepoTags":["app:1"],"Layers":["aa/layer.tar","bb/layer.tar"]},{"Config":"c.json","RepoTags":["app:2"],"Layers":["aa/layer.tar","./bb/../aa/layer.tar"]}]`})
	for _, tag := range []string{"app:1", "app:2"} {
		s, err := openArchive(path, tag)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range s.Image.Layers {
			rc, err := l.Uncompressed()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(rc)
			rc.Close()
			if err != nil || string(got) != layerBody {
				t.Errorf("%s layer %d: %q, %v", tag, i, got, err)
			}
		}
		s.Close()
	}
	if _, err := openArchive(path, ""); !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), "app:2") {
		t.Errorf("got %v, want ErrAmbiguous with the names", err)
	}
	if _, err := openArchive(path, "app:3"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestHostileArchives(t *testing.T) {
	config := configOf(layerBody)
	table := func(config, layer string) part {
		return part{name: "manifest.json", body: fmt.Sprintf(`[{"Config":%q,"Layers":[%q]}]`, config, layer)}
	}
	for name, tc := range map[string]struct {
		parts []part
		want  error
	}{
		"empty":               {nil, ErrNotFound},
		"no configuration":    {[]part{table("c.json", "l")}, ErrNotFound},
		"no layer":            {[]part{{name: "c.json", body: config}, table("c.json", "l")}, ErrNotFound},
		"host file":           {[]part{{name: "c.json", body: config}, table("c.json", "../../../etc/passwd")}, ErrNotFound},
		"link out":            {[]part{{name: "c.json", body: config}, {name: "l", typ: tar.TypeSymlink, link: "/etc/passwd"}, table("c.json", "l")}, ErrNotFound},
		"link loop":           {[]part{{name: "c.json", body: config}, {name: "l", typ: tar.TypeSymlink, link: "m"}, {name: "m", typ: tar.TypeSymlink, link: "l"}, table("c.json", "l")}, ErrNotFound},
		"garbage table":       {[]part{{name: "manifest.json", body: "{"}}, ErrMalformed},
		"garbage config":      {[]part{{name: "c.json", body: "["}, {name: "l", body: layerBody}, table("c.json", "l")}, ErrMalformed},
		"layers do not match": {[]part{{name: "c.json", body: configOf()}, {name: "l", body: layerBody}, table("c.json", "l")}, ErrMalformed},
		"misnamed config":     {[]part{{name: strings.Repeat("a", 64) + ".json", body: config}, {name: "l", body: layerBody}, table(strings.Repeat("a", 64)+".json", "l")}, ErrDigest},
		"huge table":          {[]part{{name: "manifest.json", body: strings.Repeat(" ", MaxManifestBytes+1)}}, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openArchive(archiveOf(t, tc.parts...), "")
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
	text := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no tar "), 200), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openArchive(text, ""); !errors.Is(err, ErrMalformed) {
		t.Errorf("text file: got %v", err)
	}
	if _, err := openArchive(t.TempDir(), ""); err == nil {
		t.Error("a folder was accepted")
	}
}

// TestWrittenArchive: go-containerregistry reads what we write.
func TestWrittenArchive(t *testing.T) {
	plain := tarBytes(t)
	config := `{"os":"linux","architecture":"amd64","config":{},"rootfs":{"type":"layers","diff_ids":["` + Digest(plain).String() + `"]}}`
	img := &Image{Config: []byte(config), Layers: []Layer{{
		DiffID: Digest(plain), Size: int64(len(plain)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(plain)), nil },
	}}}
	path := filepath.Join(t.TempDir(), "out.tar")
	p := Place{Kind: Archive, Path: path, Tag: "app:1"}
	if err := Write(context.Background(), p, img, nil, Options{}); err != nil {
		t.Fatal(err)
	}
	got, err := tarball.ImageFromPath(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
	if name, _ := got.ConfigName(); name != img.ID() {
		t.Errorf("image ID %s, want %s", name, img.ID())
	}
	// A layer that ends early leaves no file.
	bad := *img
	bad.Layers = []Layer{{DiffID: Digest(plain), Size: int64(len(plain)) + 1, Digest: Digest(plain), Open: img.Layers[0].Open}}
	dir := t.TempDir()
	err = Write(context.Background(), Place{Kind: Archive, Path: filepath.Join(dir, "x.tar")}, &bad, nil, Options{})
	if !errors.Is(err, ErrDigest) {
		t.Errorf("got %v, want ErrDigest", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func tarBytes(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	if err := tw.WriteHeader(&tar.Header{Name: "a", Size: 1, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func FuzzArchive(f *testing.F) {
	for _, parts := range [][]part{
		{{name: "c.json", body: configOf(layerBody)}, {name: "l", body: layerBody}, {name: "manifest.json", body: `[{"Config":"c.json","Layers":["l"]}]`}},
		{{name: "l", typ: tar.TypeSymlink, link: "l"}},
	} {
		b, err := os.ReadFile(archiveOf(f, parts...))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	path := filepath.Join(f.TempDir(), "x.tar")
	f.Fuzz(func(t *testing.T, b []byte) {
		path := fmt.Sprintf("%s.%d", path, os.Getpid())
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := openArchive(path, "")
		if err != nil {
			return
		}
		defer s.Close()
		for _, l := range s.Image.Layers {
			if l.Size > int64(len(b)) {
				t.Fatalf("a layer of %d bytes in %d", l.Size, len(b))
			}
		}
	})
}

func TestVerify(t *testing.T) {
	data := []byte("hello")
	for name, tc := range map[string]struct {
		digest v1.Hash
		size   int64
		ok     bool
	}{
		"right":     {Digest(data), 5, true},
		"digest":    {Digest([]byte("x")), 5, false},
		"too short": {Digest(data), 6, false},
		"too long":  {Digest(data), 4, false},
		"nothing":   {Digest(data), 0, false},
	} {
		got, err := io.ReadAll(Verify(io.NopCloser(bytes.NewReader(data)), tc.digest, tc.size))
		if (err == nil) != tc.ok || (err != nil && !errors.Is(err, ErrDigest)) {
			t.Errorf("%s: %v", name, err)
		}
		if int64(len(got)) > tc.size {
			t.Errorf("%s: %d bytes given, %d promised", name, len(got), tc.size)
		}
	}
}
