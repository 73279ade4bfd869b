package wrap

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/workload"
	"github.com/limpet-security/limpet/layers/payload"
)

// CarrierOptions describe an image that carries the enforcer to containers
// whose own images stay as they are (package transform).
type CarrierOptions struct {
	Destination image.Place
	Image       image.Options
	Identity    Identity
	Platforms   []v1.Platform                     // none: every supported one, or this machine's where the destination holds one
	Enforcer    func(arch string) ([]byte, error) // nil: the embedded ones
	Version     string
}

// Carrier makes the image: the enforcer, its configuration and its first
// bundle in a volume at workload.Dir, and nothing else. It has no drift
// manifest, which belongs to an image. The same input gives the same bytes.
func Carrier(ctx context.Context, o CarrierOptions) (*Result, error) {
	if o.Enforcer == nil {
		o.Enforcer = payload.MicroEnforcer
	}
	if err := o.Identity.validate(); err != nil {
		return nil, err
	}
	arches, err := o.arches()
	if err != nil {
		return nil, err
	}
	r := &Result{Destination: o.Destination.String(), Platforms: []Platform{}, Warnings: []string{}}
	var all []*image.Image
	for _, arch := range arches {
		img, err := o.one(arch)
		if err != nil {
			return nil, fmt.Errorf("cannot make the carrier for %s: %w", arch, err)
		}
		all = append(all, img)
		r.Platforms = append(r.Platforms, Platform{
			Platform: img.Platform().String(), Digest: img.Digest().String(), ImageID: img.ID().String(),
			Layer: img.Layers[0].Digest.String(), LayerBytes: img.Layers[0].Size,
		})
	}
	if len(all) == 1 {
		if o.Destination.Holds() {
			r.Digest = all[0].Digest().String()
		}
		return r, image.Write(ctx, o.Destination, all[0], nil, o.Image)
	}
	x, err := carrierIndex(all)
	if err != nil {
		return nil, err
	}
	r.Digest = x.Digest().String()
	return r, image.Write(ctx, o.Destination, nil, x, o.Image)
}

func (o CarrierOptions) arches() ([]string, error) {
	var arches []string
	for _, p := range o.Platforms {
		if p.OS != "linux" || !payload.Supported(p.Architecture) {
			return nil, fmt.Errorf("%s: %w", p, ErrPlatform)
		}
		arches = append(arches, p.Architecture)
	}
	switch {
	case len(arches) == 0 && o.Destination.Holds():
		arches = slices.Clone(payload.Arches)
	case len(arches) == 0 && payload.Supported(runtime.GOARCH):
		arches = []string{runtime.GOARCH}
	case len(arches) == 0:
		arches = payload.Arches[:1]
	case len(arches) > 1 && !o.Destination.Holds():
		return nil, fmt.Errorf("a %s holds one platform; choose with --platform: %w", o.Destination.Kind, ErrPlatform)
	}
	return slices.Compact(slices.Sorted(slices.Values(arches))), nil
}

func (o CarrierOptions) one(arch string) (*image.Image, error) {
	bin, err := o.Enforcer(arch)
	if err != nil {
		return nil, err
	}
	embedded, err := encode(o.Identity.embedded(sourceFacts{}, &config{}))
	if err != nil {
		return nil, err
	}
	files := layerFiles{workload.BinaryPath: bin, workload.ConfigPath: embedded}
	if len(o.Identity.Bundle) > 0 {
		files[workload.BundlePath] = o.Identity.Bundle
	}
	layer, err := files.build(types.DockerLayer, false)
	if err != nil {
		return nil, err
	}
	config, err := encode(map[string]any{
		"architecture": arch, "os": "linux", "created": epoch,
		"config": map[string]any{
			"Entrypoint": []string{workload.BinaryPath, "version"},
			"Volumes":    map[string]any{workload.Dir: struct{}{}},
			"WorkingDir": filepath.Dir(workload.Dir),
			"Labels":     map[string]string{LabelCarrier: o.Version},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []v1.Hash{layer.DiffID}},
	})
	if err != nil {
		return nil, err
	}
	manifest, err := encode(v1.Manifest{
		SchemaVersion: 2, MediaType: types.DockerManifestSchema2,
		Config: v1.Descriptor{MediaType: types.DockerConfigJSON, Digest: image.Digest(config), Size: int64(len(config))},
		Layers: []v1.Descriptor{{MediaType: types.DockerLayer, Digest: layer.Digest, Size: layer.Size}},
	})
	if err != nil {
		return nil, err
	}
	return &image.Image{Manifest: manifest, MediaType: types.DockerManifestSchema2, Config: config, Layers: []image.Layer{layer}}, nil
}

// LabelCarrier marks a carrier; its value is the version that made it.
const LabelCarrier = "dev.limpet.carrier"

func carrierIndex(all []*image.Image) (*image.Index, error) {
	m := v1.IndexManifest{SchemaVersion: 2, MediaType: types.DockerManifestList}
	for _, img := range all {
		p := img.Platform()
		m.Manifests = append(m.Manifests, v1.Descriptor{MediaType: img.MediaType, Digest: img.Digest(), Size: int64(len(img.Manifest)), Platform: &p})
	}
	raw, err := encode(m)
	if err != nil {
		return nil, err
	}
	x, err := image.ParseIndex(raw, types.DockerManifestList)
	if err != nil {
		return nil, err
	}
	for i := range x.Children {
		x.Children[i].Image = all[i]
	}
	return x, nil
}
