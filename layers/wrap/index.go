package wrap

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/layers/payload"
)

// supported says whether an index's entry is something we can wrap.
func supported(c image.Child) bool {
	if c.Image == nil || c.Attestation() {
		return false
	}
	p := c.Image.Platform()
	return p.OS == "linux" && payload.Supported(p.Architecture)
}

func matches(p v1.Platform, want []v1.Platform) bool {
	return len(want) == 0 || slices.ContainsFunc(want, func(w v1.Platform) bool { return p.Satisfies(w) })
}

// pick chooses the platforms to wrap.
func (j *job) pick() ([]image.Child, error) {
	want := j.Platforms
	if len(want) == 0 && !j.Destination.Holds() {
		want = []v1.Platform{defaultPlatform()}
	}
	var out []image.Child
	for _, c := range j.src.Index.Children {
		if supported(c) && matches(c.Image.Platform(), want) {
			out = append(out, c)
		}
	}
	for _, w := range want {
		if !slices.ContainsFunc(out, func(c image.Child) bool { p := c.Image.Platform(); return p.Satisfies(w) }) {
			return nil, fmt.Errorf("the index has no %s that can be wrapped (it has %s): %w", w, platformNames(j.src.Index.Children), ErrPlatform)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the index has no platform that can be wrapped (it has %s): %w", platformNames(j.src.Index.Children), ErrPlatform)
	}
	return out, nil
}

func platformNames(children []image.Child) string {
	var names []string
	for _, c := range children {
		names = append(names, platformOf(c))
	}
	return strings.Join(names, ", ")
}

func platformOf(c image.Child) string {
	switch {
	case c.Attestation():
		return "attestation"
	case c.Image != nil:
		return c.Image.Platform().String()
	case c.Desc.Platform != nil:
		return c.Desc.Platform.String()
	default:
		return string(c.Desc.MediaType)
	}
}

// index wraps the picked platforms and keeps the attestations, which say
// something of the originals. Everything else is left out: an image that runs
// unprotected under a name that says it is wrapped would be a trap.
func (j *job) index(picked []image.Child) (*image.Index, error) {
	src := j.src.Index
	raw, byOriginal, err := j.originalIndex(picked)
	if err != nil {
		return nil, err
	}
	j.meter = newMeter(j.Progress, images(picked)...)
	replace := map[v1.Hash]v1.Descriptor{}
	out := &image.Index{MediaType: src.MediaType}
	for _, c := range src.Children {
		at := slices.IndexFunc(picked, func(p image.Child) bool { return p.Desc.Digest == c.Desc.Digest })
		switch {
		case at >= 0:
			img, err := j.single(c.Image, raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Image.Platform(), err)
			}
			c.Image = img
			d := v1.Descriptor{Digest: img.Digest(), Size: int64(len(img.Manifest))}
			replace[byOriginal[c.Desc.Digest]] = d
			c.Desc.Digest, c.Desc.Size = d.Digest, d.Size
		case c.Attestation() && c.Image != nil:
			replace[c.Desc.Digest] = c.Desc
			j.warn("attestation %s is kept: it describes the source, not the wrapped image", c.Desc.Digest)
		default:
			j.warn("%s is left out: the enforcer does not exist for it, or --platform excludes it", platformOf(c))
			continue
		}
		out.Children = append(out.Children, c)
	}
	digest := image.Digest(raw).String()
	notes := map[string]string{LabelWrapped: j.Version, LabelSourceDigest: digest, baseDigest: digest}
	if out.Raw, err = wrapIndex(raw, src.MediaType, replace, notes); err != nil {
		return nil, err
	}
	j.result.Digest = out.Digest().String()
	j.result.Unchanged = out.Digest() == src.Digest()
	return out, nil
}

// originalIndex gives the bytes of the index before any wrapping, and for
// each picked entry the digest it has there. For an index that was never
// wrapped these are its own.
func (j *job) originalIndex(picked []image.Child) ([]byte, map[v1.Hash]v1.Hash, error) {
	raw := j.src.Index.Raw
	by := map[v1.Hash]v1.Hash{}
	var stored []byte
	for n, c := range picked {
		cfg, err := parseConfig(c.Image.Config)
		if err != nil {
			return nil, nil, err
		}
		o, err := recognise(j.ctx, c.Image, cfg)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case o == nil || o.index == nil || !o.exact:
			by[c.Desc.Digest] = c.Desc.Digest
		default:
			by[c.Desc.Digest] = o.img.Digest()
			if n > 0 && !bytes.Equal(stored, o.index) {
				return nil, nil, fmt.Errorf("its platforms come from different indexes: %w", ErrForged)
			}
			stored = o.index
		}
	}
	if stored == nil {
		return raw, by, nil
	}
	for was, is := range by {
		if was == is || !strings.Contains(string(stored), is.Hex) {
			return nil, nil, fmt.Errorf("only some of its platforms are wrapped: %w", ErrForged)
		}
	}
	return stored, by, nil
}

func images(children []image.Child) []*image.Image {
	var out []*image.Image
	for _, c := range children {
		out = append(out, c.Image)
	}
	return out
}
