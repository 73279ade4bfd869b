package wrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/limpet-security/limpet/internal/image"
)

// UnwrapOptions of one unwrapping.
type UnwrapOptions struct {
	Source, Destination image.Place
	Image               image.Options
	Platforms           []v1.Platform // of an index, the one to give back alone; none: the whole index
	TempDir             string
}

// Unwrapped says what was given back.
type Unwrapped struct {
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	Digest      string   `json:"digest,omitempty"`  // of the manifest or index; empty for a Docker daemon and a tarball
	ImageID     string   `json:"imageID,omitempty"` // empty for an index
	Exact       bool     `json:"exact"`             // the digest (in a daemon or tarball: the image ID) is the original's
	Warnings    []string `json:"warnings"`
	Seconds     float64  `json:"seconds"`
}

// Unwrap gives the original back: in a registry and an OCI layout the
// original manifest digest, in a Docker daemon the original image ID.
func Unwrap(ctx context.Context, o UnwrapOptions) (*Unwrapped, error) {
	started := time.Now()
	tmp, err := os.MkdirTemp(o.TempDir, "limpet-unwrap-*")
	if err != nil {
		return nil, fmt.Errorf("cannot make a temporary folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	o.Image.TempDir = tmp
	src, err := image.Open(ctx, o.Source, o.Image)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	u := &unwrapper{UnwrapOptions: o, ctx: ctx, tmp: tmp, src: src,
		result: &Unwrapped{Source: src.Name, Destination: o.Destination.String(), Warnings: []string{}}}
	img, index, err := u.make()
	if err != nil {
		return nil, fmt.Errorf("cannot unwrap %s: %w", o.Source, err)
	}
	if err := image.Write(ctx, o.Destination, img, index, o.Image); err != nil {
		return nil, err
	}
	u.result.Seconds = time.Since(started).Seconds()
	return u.result, nil
}

type unwrapper struct {
	UnwrapOptions
	ctx    context.Context
	tmp    string
	src    *image.Source
	result *Unwrapped
}

func (u *unwrapper) make() (*image.Image, *image.Index, error) {
	if u.src.Image != nil {
		img, err := u.single(u.src.Image)
		return img, nil, err
	}
	want := u.Platforms
	if len(want) == 0 && !u.Destination.Holds() {
		want = []v1.Platform{defaultPlatform()}
	}
	if len(want) == 0 {
		x, err := u.index()
		return nil, x, err
	}
	var found []image.Child
	for _, c := range u.src.Index.Children {
		if supported(c) && matches(c.Image.Platform(), want) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return nil, nil, fmt.Errorf("%d of its platforms fit (it has %s); name one with --platform: %w", len(found), platformNames(u.src.Index.Children), ErrPlatform)
	}
	img, err := u.single(found[0].Image)
	return img, nil, err
}

func (u *unwrapper) original(img *image.Image) (*original, error) {
	c, err := parseConfig(img.Config)
	if err != nil {
		return nil, err
	}
	o, err := recognise(u.ctx, img, c)
	if err != nil {
		return nil, err
	}
	switch {
	case o != nil:
		return o, nil
	case c.claims():
		return nil, fmt.Errorf("it was built on top of a wrapped image, or from a Dockerfile that adds the enforcer: %w", ErrNotWrapped)
	default:
		return nil, ErrNotWrapped
	}
}

func (u *unwrapper) single(img *image.Image) (*image.Image, error) {
	o, err := u.original(img)
	if err != nil {
		return nil, err
	}
	out := o.img
	u.result.ImageID = out.ID().String()
	if !u.Destination.Holds() {
		u.result.Exact = true // the configuration is the original's, byte for byte
		return out, nil
	}
	if out, err = image.Seal(u.ctx, out, u.tmp); err != nil {
		return nil, err
	}
	u.result.Exact = o.exact
	if !o.exact && o.manifest != nil {
		// The daemon threw the compressed layers away; ours may be the same.
		if same, err := describes(o.manifest, out); err == nil && same {
			out.Manifest, out.MediaType, u.result.Exact = o.manifest, mediaTypeOf(o.manifest), true
		}
	}
	if !u.result.Exact {
		why := "its source kept no manifest"
		if o.manifest != nil {
			why = "its layers were compressed anew since it was wrapped"
		}
		u.result.Warnings = append(u.result.Warnings, fmt.Sprintf("the image ID is the original's (%s), the manifest digest is new: %s", out.ID(), why))
	}
	u.result.Digest = out.Digest().String()
	return out, nil
}

// index gives the original index back, with every manifest it names.
func (u *unwrapper) index() (*image.Index, error) {
	var first *original
	at := map[v1.Hash]*image.Image{}
	for _, c := range u.src.Index.Children {
		if !supported(c) {
			at[c.Desc.Digest] = c.Image
			continue
		}
		o, err := u.original(c.Image)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Image.Platform(), err)
		}
		if !o.exact || o.index == nil {
			return nil, fmt.Errorf("%s was not wrapped as part of an index; unwrap it alone with --platform: %w", c.Image.Platform(), ErrIncomplete)
		}
		if first != nil && string(first.index) != string(o.index) {
			return nil, fmt.Errorf("its platforms come from different indexes: %w", ErrForged)
		}
		first = o
		at[o.img.Digest()] = o.img
	}
	if first == nil {
		return nil, ErrNotWrapped
	}
	out, err := image.ParseIndex(first.index, u.src.Index.MediaType)
	if err != nil {
		return nil, err
	}
	var missing []string
	for i, c := range out.Children {
		img := at[c.Desc.Digest]
		if img == nil {
			img = u.fetch(c.Desc, first.identity.Embedded.SourceImage)
		}
		if img == nil {
			missing = append(missing, platformOf(c)+" "+c.Desc.Digest.String())
			continue
		}
		out.Children[i].Image = img
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("wrapping left out %s, found neither at the destination nor at the source %q; unwrap one platform with --platform: %w",
			strings.Join(missing, ", "), first.identity.Embedded.SourceImage, ErrIncomplete)
	}
	u.result.Digest, u.result.Exact = out.Digest().String(), true
	return out, nil
}

// fetch looks for a manifest that wrapping left out, where it may still be:
// the destination's, the wrapped image's and the source's repositories.
func (u *unwrapper) fetch(d v1.Descriptor, source string) *image.Image {
	var refs []name.Reference
	for _, p := range []image.Place{u.Destination, u.Source} {
		if p.Kind == image.Registry {
			refs = append(refs, p.Ref)
		}
	}
	if p, err := image.ParsePlace(source, u.insecure()); err == nil && p.Kind == image.Registry {
		refs = append(refs, p.Ref)
	}
	refs = slices.CompactFunc(refs, func(a, b name.Reference) bool { return a.Context() == b.Context() })
	for _, ref := range refs {
		img, err := image.Fetch(u.ctx, ref, d, u.Image)
		if err == nil {
			return img
		}
		if errors.Is(err, context.Canceled) {
			return nil
		}
	}
	return nil
}

func (u *unwrapper) insecure() bool {
	for _, p := range []image.Place{u.Source, u.Destination} {
		if p.Kind == image.Registry && p.Ref.Context().Scheme() == "http" {
			return true
		}
	}
	return false
}
