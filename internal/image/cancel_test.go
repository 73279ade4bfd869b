package image

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Connections that the registry client keeps open for reuse.
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// TestCancelledWriteLeavesNothing: whoever gives up in the middle of a layer
// finds no file, no layout.
func TestCancelledWriteLeavesNothing(t *testing.T) {
	plain := tarBytes(t)
	img := sealedImage(t, plain)
	for _, place := range []string{"x.tar", "oci:lay"} {
		dir := t.TempDir()
		p, err := ParsePlace(place, false)
		if err != nil {
			t.Fatal(err)
		}
		p.Path = filepath.Join(dir, p.Path)
		ctx, cancel := context.WithCancel(context.Background())
		slow := *img
		slow.Layers = []Layer{img.Layers[0]}
		slow.Layers[0].Open = func() (io.ReadCloser, error) {
			cancel()
			return io.NopCloser(bytes.NewReader(plain)), nil
		}
		if err := Write(ctx, p, &slow, nil, Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", place, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left behind %v", place, left)
		}
	}
}

func sealedImage(t *testing.T, plain []byte) *Image {
	t.Helper()
	img, err := Seal(context.Background(), &Image{
		Config: []byte(`{"os":"linux","architecture":"amd64","config":{},"rootfs":{"type":"layers","diff_ids":["` + Digest(plain).String() + `"]}}`),
		Layers: []Layer{{DiffID: Digest(plain), Digest: Digest(plain), Size: int64(len(plain)), MediaType: types.DockerUncompressedLayer,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(plain)), nil }}},
	}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestZstdLayersAreUnpackedForDocker: old daemons cannot load zstd.
func TestZstdLayersAreUnpackedForDocker(t *testing.T) {
	plain := tarBytes(t)
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	data := z.EncodeAll(plain, nil)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	img := sealedImage(t, plain)
	img.Layers = []Layer{{DiffID: Digest(plain), Digest: Digest(data), Size: int64(len(data)), MediaType: types.OCILayerZStd,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}}
	path := filepath.Join(t.TempDir(), "x.tar")
	if err := Write(context.Background(), Place{Kind: Archive, Path: path}, img, nil, Options{}); err != nil {
		t.Fatal(err)
	}
	s, err := openArchive(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rc, err := s.Image.Layers[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if got, err := io.ReadAll(rc); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%d bytes, %v; want the plain %d", len(got), err, len(plain))
	}
}
