package registries

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// maxPlatforms bounds the platforms of one image.
const maxPlatforms = 64

// maxConfig bounds an image's configuration, in bytes.
const maxConfig = 4 << 20

// inspect asks the registry itself for what is to be known of an image: for
// which platforms there is one, and when it was made. digest pins it.
func (c *connection) inspect(ctx context.Context, repository, digest string) (platforms []string, created time.Time, err error) {
	repo := c.reg.Repo(repository)
	opts := append(c.remote(), remote.WithContext(ctx))
	d, err := remote.Get(repo.Digest(digest), opts...)
	if err != nil {
		return nil, created, err
	}
	if d.MediaType.IsIndex() {
		x, err := v1.ParseIndexManifest(bytes.NewReader(d.Manifest))
		if err != nil {
			return nil, created, fmt.Errorf("cannot read index %s: %w", digest, err)
		}
		var first *v1.Descriptor
		for i, m := range x.Manifests {
			// Attestations stand in an index as images for an unknown platform.
			if m.Platform == nil || m.Platform.Architecture == "unknown" || !m.MediaType.IsImage() || len(platforms) >= maxPlatforms {
				continue
			}
			if first == nil {
				first = &x.Manifests[i]
			}
			platforms = append(platforms, platformOf(m.Platform.OS, m.Platform.Architecture, m.Platform.Variant))
		}
		if first == nil {
			return platforms, created, nil
		}
		if d, err = remote.Get(repo.Digest(first.Digest.String()), opts...); err != nil {
			return platforms, created, err
		}
	}
	if !d.MediaType.IsImage() {
		return platforms, created, nil
	}
	config, err := c.config(repo, d, opts)
	if err != nil {
		return platforms, created, err
	}
	if len(platforms) == 0 && config.Architecture != "" {
		platforms = []string{platformOf(config.OS, config.Architecture, config.Variant)}
	}
	return platforms, config.Created.Time, nil
}

func (c *connection) config(repo name.Repository, d *remote.Descriptor, opts []remote.Option) (v1.ConfigFile, error) {
	var config v1.ConfigFile
	m, err := v1.ParseManifest(bytes.NewReader(d.Manifest))
	if err != nil {
		return config, fmt.Errorf("cannot read manifest %s: %w", d.Digest, err)
	}
	if m.Config.Size > maxConfig {
		return config, problem(TooMuch, "the configuration of %s has %d bytes", d.Digest, m.Config.Size)
	}
	blob, err := remote.Layer(repo.Digest(m.Config.Digest.String()), opts...)
	if err != nil {
		return config, err
	}
	rc, err := blob.Compressed() // verified against the digest as it is read
	if err != nil {
		return config, err
	}
	defer rc.Close()
	if err := json.NewDecoder(rc).Decode(&config); err != nil {
		return config, fmt.Errorf("cannot read the configuration of %s: %w", d.Digest, err)
	}
	return config, nil
}
