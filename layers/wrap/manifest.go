package wrap

import (
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/limpet-security/limpet/internal/image"
)

// layerType is the media type our gzip layer has in a manifest of type mt.
func layerType(mt types.MediaType) types.MediaType {
	if mt == types.OCIManifestSchema1 {
		return types.OCILayer
	}
	return types.DockerLayer
}

// openManifest reads a manifest, points it to another configuration, and gives
// its layers.
func openManifest(raw, config []byte) (m fields, layers []json.RawMessage, err error) {
	if m, err = parseFields(raw); err != nil {
		return nil, nil, fmt.Errorf("cannot read the manifest: %w", err)
	}
	if err := setConfig(m, config); err != nil {
		return nil, nil, err
	}
	err = m.get("layers", &layers)
	return m, layers, err
}

// wrapManifest adds our layer to a manifest and points it to the new
// configuration. Annotations exist in OCI manifests only.
func wrapManifest(raw []byte, mt types.MediaType, config []byte, layer image.Layer, notes map[string]string) ([]byte, error) {
	m, layers, err := openManifest(raw, config)
	if err != nil {
		return nil, err
	}
	ours, err := encode(v1.Descriptor{MediaType: layer.MediaType, Digest: layer.Digest, Size: layer.Size})
	if err != nil {
		return nil, err
	}
	if err := m.set("layers", append(layers, ours)); err != nil {
		return nil, err
	}
	if mt == types.OCIManifestSchema1 {
		if err := annotate(m, notes); err != nil {
			return nil, err
		}
	}
	return encode(m)
}

func annotate(m fields, notes map[string]string) error {
	all := map[string]string{}
	if err := m.get("annotations", &all); err != nil {
		return err
	}
	if all == nil {
		all = map[string]string{}
	}
	for k, v := range notes {
		all[k] = v
	}
	return m.set("annotations", all)
}

// setConfig replaces the configuration's descriptor, keeping its media type.
func setConfig(m fields, config []byte) error {
	var d v1.Descriptor
	if err := m.get("config", &d); err != nil {
		return err
	}
	d = v1.Descriptor{MediaType: d.MediaType, Digest: image.Digest(config), Size: int64(len(config))}
	return m.set("config", d)
}

// stripManifest is wrapManifest backwards, for a wrapped image whose source
// had no manifest of its own.
func stripManifest(raw []byte, config []byte) ([]byte, error) {
	m, layers, err := openManifest(raw, config)
	if err != nil {
		return nil, err
	}
	if len(layers) == 0 {
		return nil, fmt.Errorf("manifest without layers: %w", ErrForged)
	}
	if err := m.set("layers", layers[:len(layers)-1]); err != nil {
		return nil, err
	}
	return encode(m)
}

// wrapIndex replaces the descriptors of the platforms that were wrapped, in
// the source's order, and leaves out those that were dropped.
func wrapIndex(raw []byte, mt types.MediaType, replace map[v1.Hash]v1.Descriptor, notes map[string]string) ([]byte, error) {
	x, err := parseFields(raw)
	if err != nil {
		return nil, fmt.Errorf("cannot read the index: %w", err)
	}
	var entries, out []json.RawMessage
	if err := x.get("manifests", &entries); err != nil {
		return nil, err
	}
	for _, e := range entries {
		f, err := parseFields(e)
		if err != nil {
			return nil, fmt.Errorf("cannot read the index: %w", err)
		}
		var d v1.Hash
		if err := f.get("digest", &d); err != nil {
			return nil, err
		}
		with, ok := replace[d]
		if !ok {
			continue
		}
		if with.Digest != d {
			delete(f, f.key("data"))
			if err := f.set("digest", with.Digest); err != nil {
				return nil, err
			}
			if err := f.set("size", with.Size); err != nil {
				return nil, err
			}
		}
		line, err := encode(f)
		if err != nil {
			return nil, err
		}
		out = append(out, line)
	}
	if err := x.set("manifests", out); err != nil {
		return nil, err
	}
	if mt == types.OCIImageIndex {
		if err := annotate(x, notes); err != nil {
			return nil, err
		}
	}
	return encode(x)
}
