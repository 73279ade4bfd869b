package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Bounds of what is attached to an image.
const (
	MaxReferrers     = 256     // manifests that are looked at
	MaxAttachedParts = 64      // layers of one of them
	MaxAttachedBytes = 4 << 20 // of one part
)

// Attached is a document that is attached to an image in its registry: a layer
// of a manifest that names the image as its subject (OCI 1.1), or that has the
// tag that cosign gives it. Nobody vouches for it before its signature is
// checked.
type Attached struct {
	ArtifactType string            // of the manifest
	MediaType    string            // of Data
	Annotations  map[string]string // of the layer: cosign keeps signatures there
	Data         []byte
	Subject      string // digest of the image that it is attached to
}

// Attach pushes a document as a referrer of the image with that digest in the
// repository, and gives the digest of its manifest. A registry without the
// referrers API gets the tag that OCI 1.1 says instead (sha256-HEX).
func Attach(ctx context.Context, repo name.Repository, subject v1.Hash, artifactType, mediaType string, data []byte, notes map[string]string, o Options) (v1.Hash, error) {
	h, err := attach(ctx, repo, subject, artifactType, mediaType, data, notes, o)
	if err != nil {
		return h, fmt.Errorf("cannot attach to %s@%s: %w", repo, subject, err)
	}
	return h, nil
}

func attach(ctx context.Context, repo name.Repository, subject v1.Hash, artifactType, mediaType string, data []byte, notes map[string]string, o Options) (v1.Hash, error) {
	opts := o.remote(ctx)
	of, err := remote.Head(repo.Digest(subject.String()), opts...)
	if err != nil {
		return v1.Hash{}, err
	}
	m := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: artifactType, Annotations: notes,
		Subject: &v1.Descriptor{MediaType: of.MediaType, Digest: of.Digest, Size: of.Size},
	}
	// Some registries tell the kind of a referrer by its configuration.
	for _, part := range []struct {
		mediaType string
		data      []byte
	}{{artifactType, []byte("{}")}, {mediaType, data}} {
		layer := static.NewLayer(part.data, types.MediaType(part.mediaType))
		if err := remote.WriteLayer(repo, layer, opts...); err != nil {
			return v1.Hash{}, err
		}
		d := v1.Descriptor{MediaType: types.MediaType(part.mediaType), Digest: Digest(part.data), Size: int64(len(part.data))}
		if m.Config.Size == 0 {
			m.Config = d
		} else {
			m.Layers = append(m.Layers, d)
		}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return v1.Hash{}, err
	}
	digest := Digest(raw)
	return digest, remote.Put(repo.Digest(digest.String()), rawManifest(raw), opts...)
}

type rawManifest []byte

func (m rawManifest) RawManifest() ([]byte, error)        { return m, nil }
func (m rawManifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// ListAttached gives what is attached to the image with that digest: referrers
// of a kind that want likes, and what lies under cosign's tags with one of the
// suffixes ("sig", "att").
func ListAttached(ctx context.Context, repo name.Repository, subject v1.Hash, want func(artifactType string) bool, suffixes []string, o Options) ([]Attached, error) {
	out, err := listAttached(ctx, repo, subject, want, suffixes, o.remote(ctx))
	if err != nil {
		return nil, fmt.Errorf("cannot read what is attached to %s@%s: %w", repo, subject, err)
	}
	return out, nil
}

func listAttached(ctx context.Context, repo name.Repository, subject v1.Hash, want func(string) bool, suffixes []string, opts []remote.Option) (out []Attached, err error) {
	index, err := remote.Referrers(repo.Digest(subject.String()), opts...)
	if err != nil {
		return nil, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	list.Manifests = slices.DeleteFunc(slices.Clone(list.Manifests), func(d v1.Descriptor) bool { return !want(d.ArtifactType) })
	if len(list.Manifests) > MaxReferrers {
		return nil, fmt.Errorf("%d documents, at most %d: %w", len(list.Manifests), MaxReferrers, ErrTooLarge)
	}
	for _, d := range list.Manifests {
		parts, err := attachedParts(repo.Digest(d.Digest.String()), opts)
		if err != nil {
			return nil, err
		}
		for i := range parts {
			parts[i].ArtifactType = d.ArtifactType
		}
		out = append(out, parts...)
	}
	for _, suffix := range suffixes {
		parts, err := attachedParts(repo.Tag(subject.Algorithm+"-"+subject.Hex+"."+suffix), opts)
		if err != nil {
			return nil, err
		}
		out = append(out, parts...)
	}
	for i := range out {
		out[i].Subject = subject.String()
	}
	return out, ctx.Err()
}

// attachedParts reads the layers of a small manifest; none if it is not there.
func attachedParts(ref name.Reference, opts []remote.Option) (out []Attached, err error) {
	desc, err := remote.Get(ref, opts...)
	if te := (*transport.Error)(nil); errors.As(err, &te) && te.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if got := Digest(desc.Manifest); got != desc.Digest {
		return nil, fmt.Errorf("manifest %s, registry says %s: %w", got, desc.Digest, ErrDigest)
	}
	m, err := v1.ParseManifest(bytes.NewReader(desc.Manifest))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", ref, ErrMalformed, err)
	}
	if len(m.Layers) > MaxAttachedParts {
		return nil, fmt.Errorf("%s has %d parts, at most %d: %w", ref, len(m.Layers), MaxAttachedParts, ErrTooLarge)
	}
	for _, l := range m.Layers {
		if l.Size < 0 || l.Size > MaxAttachedBytes {
			continue // no signature or verdict is as large
		}
		data, err := attachedBlob(ref.Context().Digest(l.Digest.String()), l, opts)
		if err != nil {
			return nil, err
		}
		out = append(out, Attached{ArtifactType: m.ArtifactType, MediaType: string(l.MediaType), Annotations: l.Annotations, Data: data})
	}
	return out, nil
}

func attachedBlob(ref name.Digest, d v1.Descriptor, opts []remote.Option) ([]byte, error) {
	l, err := remote.Layer(ref, opts...)
	if err != nil {
		return nil, err
	}
	rc, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(Verify(rc, d.Digest, d.Size))
}
