package cybercenter

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/limpet-security/limpet/internal/image"
)

// Media types of the artefact's parts, and the annotation that names a part.
const (
	configType    types.MediaType = "application/vnd.limpet.vulndb.config.v1+json"
	signatureType types.MediaType = "application/vnd.limpet.vulndb.signature.v1+json"
	databaseType  types.MediaType = "application/vnd.limpet.vulndb.v1+zstd"
	deltaType     types.MediaType = "application/vnd.limpet.vulndb.delta.v1+zstd"

	fileAnnotation = "org.opencontainers.image.title"
)

// Publish pushes a release folder to a registry, under each of tags. It gives
// the artefact's digest.
func Publish(ctx context.Context, folder, repository string, tags []string, insecure bool) (string, error) {
	digest, err := publish(ctx, folder, repository, tags, insecure)
	if err != nil {
		return "", fmt.Errorf("cannot publish to %s: %w", repository, err)
	}
	return digest, nil
}

func publish(ctx context.Context, folder, repository string, tags []string, insecure bool) (string, error) {
	repo, err := name.NewRepository(repository, nameOptions(insecure)...)
	if err != nil {
		return "", err
	}
	img, err := artefact(folder)
	if err != nil {
		return "", err
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(image.DefaultKeychain())}
	for _, t := range tags {
		tag, err := name.NewTag(repo.String()+":"+t, nameOptions(insecure)...)
		if err != nil {
			return "", err
		}
		if err := remote.Write(tag, img, options...); err != nil {
			return "", err
		}
	}
	d, err := img.Digest()
	return d.String(), err
}

func nameOptions(insecure bool) []name.Option {
	if insecure {
		return []name.Option{name.Insecure}
	}
	return nil
}

// artefact makes an OCI image of a release: the signature first, so that a
// reader knows whether it wants the rest.
func artefact(folder string) (v1.Image, error) {
	deltas, err := filepath.Glob(filepath.Join(folder, deltaPrefix+"*"+deltaSuffix)) // in order
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), configType)
	for _, path := range append([]string{filepath.Join(folder, signatureFile), filepath.Join(folder, databaseFile)}, deltas...) {
		l, err := newLayer(path)
		if err != nil {
			return nil, err
		}
		if img, err = mutate.Append(img, mutate.Addendum{Layer: l, MediaType: l.kind, Annotations: map[string]string{fileAnnotation: filepath.Base(path)}}); err != nil {
			return nil, err
		}
	}
	return img, nil
}

// fileLayer is a layer that is a file as it is.
type fileLayer struct {
	path   string
	digest v1.Hash
	size   int64
	kind   types.MediaType
}

func newLayer(path string) (*fileLayer, error) {
	digest, size, err := fileDigest(path)
	if err != nil {
		return nil, err
	}
	h, err := v1.NewHash(digest)
	l := &fileLayer{path, h, size, databaseType}
	switch base := filepath.Base(path); {
	case base == signatureFile:
		l.kind = signatureType
	case strings.HasPrefix(base, deltaPrefix):
		l.kind = deltaType
	}
	return l, err
}

func (l *fileLayer) Digest() (v1.Hash, error)             { return l.digest, nil }
func (l *fileLayer) DiffID() (v1.Hash, error)             { return l.digest, nil }
func (l *fileLayer) Compressed() (io.ReadCloser, error)   { return os.Open(l.path) }
func (l *fileLayer) Uncompressed() (io.ReadCloser, error) { return os.Open(l.path) }
func (l *fileLayer) Size() (int64, error)                 { return l.size, nil }
func (l *fileLayer) MediaType() (types.MediaType, error)  { return l.kind, nil }
