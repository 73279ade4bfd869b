package wrap

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/workload"
)

// original is what a wrapped image was made from.
type original struct {
	img *image.Image // without our layer
	// exact says that img.Manifest is the source's own, byte for byte. It is
	// not when the layers were compressed anew on the way (a Docker daemon
	// does that), or when the source never had one.
	exact    bool
	manifest []byte // the source's manifest even when not exact; nil if it had none
	index    []byte // the index it stood in, if any
	identity Identity
	verdicts []byte // signed, about the source
}

// claims says that the configuration carries our label: the image, or one it
// was built on, was wrapped.
func (c *config) claims() bool { return c.Labels[LabelWrapped] != "" }

// recognise finds the original in an image whose topmost layer is ours. It
// gives nil when the image was not wrapped, or when other layers came on top.
func recognise(ctx context.Context, img *image.Image, c *config) (*original, error) {
	if !c.claims() || len(img.Layers) == 0 {
		return nil, nil
	}
	top := img.Layers[len(img.Layers)-1]
	if top.DiffID.String() != c.Labels[LabelLayer] {
		return nil, nil
	}
	files, err := readOwnLayer(ctx, top)
	if err != nil {
		return nil, err
	}
	return restore(img, files)
}

// restore puts the original together and checks that it fits img.
func restore(img *image.Image, files layerFiles) (*original, error) {
	o := &original{manifest: files[originalManifest], index: files[originalIndex]}
	base := img.Layers[:len(img.Layers)-1]
	o.img = &image.Image{MediaType: img.MediaType, Config: files[originalConfig], Layers: slices.Clone(base)}
	if err := fits(o.img.Config, base); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(files[workload.ConfigPath], &o.identity.Embedded); err != nil {
		return nil, fmt.Errorf("its %s: %w: %w", workload.ConfigPath, ErrForged, err)
	}
	o.identity.Bundle = files[workload.BundlePath]
	o.verdicts = files[workload.VerdictPath]
	if o.manifest != nil {
		exact, err := describes(o.manifest, o.img)
		if err != nil {
			return nil, err
		}
		if exact {
			o.img.Manifest, o.exact = o.manifest, true
			if mt := mediaTypeOf(o.manifest); mt != "" {
				o.img.MediaType = mt
			}
		}
	}
	if o.img.Manifest == nil && img.Manifest != nil {
		stripped, err := stripManifest(img.Manifest, o.img.Config)
		if err != nil {
			return nil, err
		}
		o.img.Manifest = stripped
	}
	return o, nil
}

// fits checks that the stored configuration is that of the layers below ours.
func fits(config []byte, base []image.Layer) error {
	var c struct {
		RootFS struct {
			DiffIDs []v1.Hash `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return fmt.Errorf("its original configuration: %w: %w", ErrForged, err)
	}
	if len(c.RootFS.DiffIDs) != len(base) {
		return fmt.Errorf("its original has %d layers, the image %d below ours: %w", len(c.RootFS.DiffIDs), len(base), ErrForged)
	}
	for i, id := range c.RootFS.DiffIDs {
		if id != base[i].DiffID {
			return fmt.Errorf("layer %d of its original is %s, not %s: %w", i+1, id, base[i].DiffID, ErrForged)
		}
	}
	return nil
}

// describes says whether the stored manifest is that of img, to the byte. A
// manifest of another configuration is forged; one of layers that were
// compressed differently is merely of no use here.
func describes(manifest []byte, img *image.Image) (bool, error) {
	m, err := parseFields(manifest)
	if err != nil {
		return false, fmt.Errorf("its original manifest: %w: %w", ErrForged, err)
	}
	var c v1.Descriptor
	var layers []v1.Descriptor
	if err := m.get("config", &c); err != nil {
		return false, fmt.Errorf("its original manifest: %w: %w", ErrForged, err)
	}
	if err := m.get("layers", &layers); err != nil {
		return false, fmt.Errorf("its original manifest: %w: %w", ErrForged, err)
	}
	if c.Digest != img.ID() || len(layers) != len(img.Layers) {
		return false, fmt.Errorf("its original manifest is of another image: %w", ErrForged)
	}
	for i, l := range layers {
		if l.Digest != img.Layers[i].Digest || l.Size != img.Layers[i].Size {
			return false, nil
		}
	}
	return true, nil
}

// mediaTypeOf is what a manifest says it is; OCI lets it leave that out.
func mediaTypeOf(manifest []byte) types.MediaType {
	var m struct {
		MediaType types.MediaType `json:"mediaType"`
		Config    struct {
			MediaType types.MediaType `json:"mediaType"`
		} `json:"config"`
	}
	if json.Unmarshal(manifest, &m) != nil {
		return ""
	}
	if m.MediaType == "" && m.Config.MediaType == types.OCIConfigJSON {
		return types.OCIManifestSchema1
	}
	return m.MediaType
}
