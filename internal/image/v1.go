package image

import (
	"bytes"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// v1Image and v1Index show our values to go-containerregistry, whose writer
// and validator we use. Both need a manifest.

type v1Image struct{ i *Image }

// V1 shows the image to go-containerregistry. The image must have a manifest.
func (i *Image) V1() v1.Image { return v1Image{i} }

// V1 shows the index to go-containerregistry.
func (x *Index) V1() v1.ImageIndex { return v1Index{x} }

func (a v1Image) Layers() ([]v1.Layer, error) {
	ls := make([]v1.Layer, len(a.i.Layers))
	for n := range a.i.Layers {
		ls[n] = a.i.Layers[n].v1()
	}
	return ls, nil
}
func (a v1Image) MediaType() (types.MediaType, error) { return a.i.MediaType, nil }
func (a v1Image) Size() (int64, error)                { return int64(len(a.i.Manifest)), nil }
func (a v1Image) ConfigName() (v1.Hash, error)        { return a.i.ID(), nil }
func (a v1Image) ConfigFile() (*v1.ConfigFile, error) {
	return v1.ParseConfigFile(bytes.NewReader(a.i.Config))
}
func (a v1Image) RawConfigFile() ([]byte, error)  { return a.i.Config, nil }
func (a v1Image) Digest() (v1.Hash, error)        { return a.i.Digest(), nil }
func (a v1Image) Manifest() (*v1.Manifest, error) { return parseManifest(a.i.Manifest) }
func (a v1Image) RawManifest() ([]byte, error)    { return a.i.Manifest, nil }
func (a v1Image) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	if h == a.i.ID() {
		return partial.ConfigLayer(a)
	}
	for _, l := range a.i.Layers {
		if l.Digest == h {
			return l.v1(), nil
		}
	}
	return nil, fmt.Errorf("layer %s: %w", h, ErrNotFound)
}
func (a v1Image) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	for _, l := range a.i.Layers {
		if l.DiffID == h {
			return l.v1(), nil
		}
	}
	return nil, fmt.Errorf("layer %s: %w", h, ErrNotFound)
}

func (l Layer) v1() v1.Layer {
	var out v1.Layer = v1Layer{l}
	if l.From != nil {
		out = &remote.MountableLayer{Layer: out, Reference: l.From}
	}
	return out
}

type v1Layer struct{ l Layer }

func (a v1Layer) Digest() (v1.Hash, error)             { return a.l.Digest, nil }
func (a v1Layer) DiffID() (v1.Hash, error)             { return a.l.DiffID, nil }
func (a v1Layer) Size() (int64, error)                 { return a.l.Size, nil }
func (a v1Layer) MediaType() (types.MediaType, error)  { return a.l.MediaType, nil }
func (a v1Layer) Uncompressed() (io.ReadCloser, error) { return a.l.Uncompressed() }
func (a v1Layer) Compressed() (io.ReadCloser, error)   { return a.l.Stored() }

// Stored gives the stored bytes, verified when their digest is known.
func (l Layer) Stored() (io.ReadCloser, error) {
	rc, err := l.Open()
	if err != nil {
		return nil, err
	}
	if l.Digest.Hex == "" {
		return rc, nil
	}
	return Verify(rc, l.Digest, l.Size), nil
}

// Uncompressed gives the layer's tar. Its diff ID is not verified.
func (l Layer) Uncompressed() (io.ReadCloser, error) {
	rc, err := l.Stored()
	if err != nil {
		return nil, err
	}
	r, err := Decompress(rc)
	if err != nil {
		rc.Close()
		return nil, err
	}
	return both{r, rc}, nil
}

// both reads the first and closes the two.
type both struct {
	io.ReadCloser
	under io.Closer
}

func (b both) Close() error {
	err := b.ReadCloser.Close()
	if e := b.under.Close(); err == nil {
		err = e
	}
	return err
}

type v1Index struct{ x *Index }

func (a v1Index) MediaType() (types.MediaType, error)       { return a.x.MediaType, nil }
func (a v1Index) Digest() (v1.Hash, error)                  { return a.x.Digest(), nil }
func (a v1Index) Size() (int64, error)                      { return int64(len(a.x.Raw)), nil }
func (a v1Index) IndexManifest() (*v1.IndexManifest, error) { return parseIndex(a.x.Raw) }
func (a v1Index) RawManifest() ([]byte, error)              { return a.x.Raw, nil }
func (a v1Index) Image(h v1.Hash) (v1.Image, error) {
	for _, c := range a.x.Children {
		if c.Desc.Digest == h && c.Image != nil {
			return v1Image{c.Image}, nil
		}
	}
	return nil, fmt.Errorf("image %s of the index: %w", h, ErrNotFound)
}
func (a v1Index) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	return nil, fmt.Errorf("nested index %s: %w", h, ErrUnsupported)
}
