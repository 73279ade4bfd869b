package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Seal gives an image that has a manifest. Images from a Docker daemon or a
// docker-archive have none: their layers are compressed into dir (the same
// bytes for the same layer and the same release of Limpet) and a Docker
// schema 2 manifest is made. Images with a manifest are given back as they
// are. dir must outlive the result.
func Seal(ctx context.Context, img *Image, dir string) (*Image, error) {
	if img.Manifest != nil {
		return img, nil
	}
	out := &Image{MediaType: types.DockerManifestSchema2, Config: img.Config}
	m := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.DockerManifestSchema2,
		Config:        v1.Descriptor{MediaType: types.DockerConfigJSON, Digest: img.ID(), Size: int64(len(img.Config))},
	}
	sealed := map[v1.Hash]Layer{}
	for _, l := range img.Layers {
		s, ok := sealed[l.DiffID]
		if !ok {
			var err error
			if s, err = sealLayer(ctx, l, dir); err != nil {
				return nil, fmt.Errorf("cannot compress layer %s: %w", l.DiffID, err)
			}
			sealed[l.DiffID] = s
		}
		out.Layers = append(out.Layers, s)
		m.Layers = append(m.Layers, v1.Descriptor{MediaType: types.DockerLayer, Digest: s.Digest, Size: s.Size})
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	// With sorted keys, as wrapping writes manifests: the same image sealed
	// before and after has the same digest.
	var sorted map[string]json.RawMessage
	if err := json.Unmarshal(raw, &sorted); err != nil {
		return nil, err
	}
	if out.Manifest, err = json.Marshal(sorted); err != nil {
		return nil, err
	}
	return out, nil
}

func sealLayer(ctx context.Context, l Layer, dir string) (_ Layer, err error) {
	if l.Digest.Hex != "" {
		return l, nil
	}
	rc, err := l.Uncompressed()
	if err != nil {
		return Layer{}, err
	}
	defer rc.Close()
	f, err := os.CreateTemp(dir, "layer-*.tar.gz")
	if err != nil {
		return Layer{}, err
	}
	defer f.Close()
	stored, plain := sha256.New(), sha256.New()
	counted := &counter{w: io.MultiWriter(f, stored)}
	z, err := gzip.NewWriterLevel(counted, gzip.BestSpeed)
	if err != nil {
		return Layer{}, err
	}
	if _, err := io.Copy(io.MultiWriter(z, plain), &ctxReader{ctx, rc}); err != nil {
		return Layer{}, err
	}
	if err := z.Close(); err != nil {
		return Layer{}, err
	}
	if got := hex.EncodeToString(plain.Sum(nil)); got != l.DiffID.Hex {
		return Layer{}, fmt.Errorf("content is sha256:%s, configuration says %s: %w", got, l.DiffID, ErrDigest)
	}
	name := f.Name()
	l.Digest = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(stored.Sum(nil))}
	l.Size = counted.n
	l.MediaType = types.DockerLayer
	l.Open = func() (io.ReadCloser, error) { return os.Open(name) }
	return l, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
