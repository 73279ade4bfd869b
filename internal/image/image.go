package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/google/go-containerregistry/pkg/name"
)

// Image is one platform's image. It is a value: nobody changes its bytes.
type Image struct {
	// Manifest is exactly what the source had. It is nil when the source
	// keeps none (Docker daemon, docker-archive); Seal makes one.
	Manifest  []byte
	MediaType types.MediaType // of Manifest, or of the one that Seal will make
	Config    []byte
	Layers    []Layer
}

// Layer is one layer as it is stored: compressed or not.
type Layer struct {
	DiffID    v1.Hash // of the uncompressed tar; zero in an artefact that is no container image
	Digest    v1.Hash // of the stored bytes; zero when the source does not know it
	Size      int64   // of the stored bytes
	MediaType types.MediaType
	Open      func() (io.ReadCloser, error) // the stored bytes, not yet verified
	// From is the registry that has this layer, so that a write to the same
	// registry mounts it instead of sending it.
	From name.Reference
}

// Digest is the SHA-256 of b, as images name it.
func Digest(b []byte) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", sha256.Sum256(b))}
}

// Digest is the manifest's digest, zero when there is no manifest.
func (i *Image) Digest() v1.Hash {
	if i.Manifest == nil {
		return v1.Hash{}
	}
	return Digest(i.Manifest)
}

// ID is the digest of the configuration: a Docker daemon's image ID.
func (i *Image) ID() v1.Hash { return Digest(i.Config) }

// Platform is what the configuration says the image is for.
func (i *Image) Platform() v1.Platform {
	var p struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	}
	_ = json.Unmarshal(i.Config, &p) // parsed and checked when the image was read
	return v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}

// Index is a set of images, one a platform. Raw is exactly the source's.
type Index struct {
	Raw       []byte
	MediaType types.MediaType
	Children  []Child
}

// Child is one entry of an index. Image is nil when the entry is not an image
// (a nested index, an unknown media type) or when it is not at hand.
type Child struct {
	Desc  v1.Descriptor
	Image *Image
}

// Digest is the index's digest.
func (x *Index) Digest() v1.Hash { return Digest(x.Raw) }

// attestation is how BuildKit marks an entry that describes another one.
const attestation = "vnd.docker.reference.type"

// Attestation says that the entry is a statement about another entry
// (provenance, SBOM), not something that runs.
func (c Child) Attestation() bool { return c.Desc.Annotations[attestation] != "" }

// parseManifest reads a manifest strictly enough to rely on it.
func parseManifest(raw []byte) (*v1.Manifest, error) {
	if len(raw) > MaxManifestBytes {
		return nil, fmt.Errorf("manifest of %d bytes: %w", len(raw), ErrTooLarge)
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("cannot read the manifest: %w: %w", ErrMalformed, err)
	}
	if len(m.Layers) > MaxLayers {
		return nil, fmt.Errorf("%d layers, at most %d: %w", len(m.Layers), MaxLayers, ErrTooLarge)
	}
	if m.Config.Size < 0 || m.Config.Size > MaxConfigBytes {
		return nil, fmt.Errorf("configuration of %d bytes: %w", m.Config.Size, ErrTooLarge)
	}
	for i, l := range append([]v1.Descriptor{m.Config}, m.Layers...) {
		if l.Digest.Algorithm != "sha256" || len(l.Digest.Hex) != 64 || l.Size < 0 {
			return nil, fmt.Errorf("entry %d of the manifest has no valid digest and size: %w", i, ErrMalformed)
		}
	}
	return m, nil
}

// diffIDs gives the configuration's rootfs, checked against the number of
// layers.
func diffIDs(config []byte, layers int) ([]v1.Hash, error) {
	if len(config) > MaxConfigBytes {
		return nil, fmt.Errorf("configuration of %d bytes: %w", len(config), ErrTooLarge)
	}
	var c struct {
		RootFS struct {
			DiffIDs []v1.Hash `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("cannot read the image configuration: %w: %w", ErrMalformed, err)
	}
	if len(c.RootFS.DiffIDs) != layers {
		return nil, fmt.Errorf("configuration names %d layers, manifest %d: %w", len(c.RootFS.DiffIDs), layers, ErrMalformed)
	}
	for i, d := range c.RootFS.DiffIDs {
		if d.Algorithm != "sha256" || len(d.Hex) != 64 {
			return nil, fmt.Errorf("layer %d has no valid diff ID: %w", i, ErrMalformed)
		}
	}
	return c.RootFS.DiffIDs, nil
}

// assemble makes an Image of verified manifest and configuration bytes.
// layer opens the stored bytes of one layer.
func assemble(manifest []byte, mt types.MediaType, config []byte, layer func(v1.Descriptor) (func() (io.ReadCloser, error), name.Reference)) (*Image, error) {
	m, err := parseManifest(manifest)
	if err != nil {
		return nil, err
	}
	if got := Digest(config); got != m.Config.Digest {
		return nil, fmt.Errorf("configuration %s, manifest says %s: %w", got, m.Config.Digest, ErrDigest)
	}
	img := &Image{Manifest: manifest, MediaType: mt, Config: config}
	runnable := m.Config.MediaType.IsConfig()
	var ids []v1.Hash
	if runnable {
		// An attestation has a configuration too, but its layers are not tars.
		ids, err = diffIDs(config, len(m.Layers))
		if err != nil {
			return nil, err
		}
	}
	for i, d := range m.Layers {
		l := Layer{Digest: d.Digest, Size: d.Size, MediaType: d.MediaType}
		if ids != nil {
			l.DiffID = ids[i]
		}
		l.Open, l.From = layer(d)
		img.Layers = append(img.Layers, l)
	}
	return img, nil
}

// parseIndex reads an index's entries.
func parseIndex(raw []byte) (*v1.IndexManifest, error) {
	if len(raw) > MaxManifestBytes {
		return nil, fmt.Errorf("index of %d bytes: %w", len(raw), ErrTooLarge)
	}
	im, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("cannot read the index: %w: %w", ErrMalformed, err)
	}
	if len(im.Manifests) > MaxChildren {
		return nil, fmt.Errorf("index of %d manifests, at most %d: %w", len(im.Manifests), MaxChildren, ErrTooLarge)
	}
	for i, d := range im.Manifests {
		if d.Digest.Algorithm != "sha256" || len(d.Digest.Hex) != 64 || d.Size < 0 {
			return nil, fmt.Errorf("entry %d of the index has no valid digest and size: %w", i, ErrMalformed)
		}
	}
	return im, nil
}

// readBounded reads at most limit bytes and refuses more.
func readBounded(r io.Reader, limit int64, what string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", what, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes: %w", what, limit, ErrTooLarge)
	}
	return b, nil
}

// ParseIndex reads index bytes; its children have no Image yet.
func ParseIndex(raw []byte, mt types.MediaType) (*Index, error) {
	im, err := parseIndex(raw)
	if err != nil {
		return nil, err
	}
	if im.MediaType != "" {
		mt = im.MediaType
	}
	x := &Index{Raw: raw, MediaType: mt}
	for _, d := range im.Manifests {
		x.Children = append(x.Children, Child{Desc: d})
	}
	return x, nil
}
