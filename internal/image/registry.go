package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	ecr "github.com/awslabs/amazon-ecr-credential-helper/ecr-login"
	"github.com/chrismellard/docker-credential-acr-env/pkg/credhelper"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/google"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// uploads is how many blobs are sent or fetched at once.
const uploads = 4

// DefaultKeychain finds credentials as docker does (its configuration file
// and credential helpers), then by the clouds' own means for their
// registries: ECR, Artifact Registry and GCR, ACR.
func DefaultKeychain() authn.Keychain {
	return authn.NewMultiKeychain(
		authn.DefaultKeychain,
		google.Keychain,
		authn.NewKeychainFromHelper(ecr.NewECRHelper(ecr.WithLogger(io.Discard))),
		authn.NewKeychainFromHelper(credhelper.NewACRCredentialsHelper()),
	)
}

func (o Options) remote(ctx context.Context) []remote.Option {
	keychain := o.Keychain
	if keychain == nil {
		keychain = DefaultKeychain()
	}
	transport := o.Transport
	if transport == nil {
		transport = remote.DefaultTransport
	}
	opts := []remote.Option{
		remote.WithContext(ctx),
		remote.WithAuthFromKeychain(keychain),
		remote.WithTransport(boundedTransport{transport}),
		remote.WithJobs(uploads),
	}
	if o.UserAgent != "" {
		opts = append(opts, remote.WithUserAgent(o.UserAgent))
	}
	return opts
}

// boundedTransport bounds the answers that the registry client reads whole:
// everything but layer blobs, whose size the manifest says.
type boundedTransport struct{ next http.RoundTripper }

func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err != nil || r.Method == http.MethodHead {
		return resp, err
	}
	if !strings.Contains(r.URL.Path, "/blobs/") && resp.Request != nil {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: MaxManifestBytes}
	}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the registry's answer: %w", ErrTooLarge)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func openRegistry(ctx context.Context, p Place, o Options) (*Source, error) {
	opts := o.remote(ctx)
	desc, err := remote.Get(p.Ref, opts...)
	if err != nil {
		return nil, err
	}
	if got := Digest(desc.Manifest); got != desc.Digest {
		return nil, fmt.Errorf("manifest %s, registry says %s: %w", got, desc.Digest, ErrDigest)
	}
	repo := p.Ref.Context()
	s := &Source{Name: repo.Digest(desc.Digest.String()).Name(), Ref: p.Ref.String()}
	switch {
	case desc.MediaType.IsIndex():
		s.Index, err = registryIndex(repo, desc.Manifest, desc.MediaType, opts)
	case desc.MediaType.IsImage():
		s.Image, err = registryImage(repo, desc.Descriptor, desc.Manifest, opts)
	default:
		err = fmt.Errorf("media type %.100q: %w", desc.MediaType, ErrUnsupported)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func registryIndex(repo name.Repository, raw []byte, mt types.MediaType, opts []remote.Option) (*Index, error) {
	im, err := parseIndex(raw)
	if err != nil {
		return nil, err
	}
	x := &Index{Raw: raw, MediaType: mt}
	for _, d := range im.Manifests {
		c := Child{Desc: d}
		if d.MediaType.IsImage() {
			desc, err := remote.Get(repo.Digest(d.Digest.String()), opts...)
			if err != nil {
				return nil, fmt.Errorf("cannot fetch %s of the index: %w", d.Digest, err)
			}
			if c.Image, err = registryImage(repo, d, desc.Manifest, opts); err != nil {
				return nil, fmt.Errorf("%s of the index: %w", d.Digest, err)
			}
		}
		x.Children = append(x.Children, c)
	}
	return x, nil
}

func registryImage(repo name.Repository, d v1.Descriptor, raw []byte, opts []remote.Option) (*Image, error) {
	if got := Digest(raw); got != d.Digest {
		return nil, fmt.Errorf("manifest %s, wanted %s: %w", got, d.Digest, ErrDigest)
	}
	m, err := parseManifest(raw)
	if err != nil {
		return nil, err
	}
	open := func(d v1.Descriptor) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) {
			l, err := remote.Layer(repo.Digest(d.Digest.String()), opts...)
			if err != nil {
				return nil, err
			}
			return l.Compressed()
		}
	}
	rc, err := open(m.Config)()
	if err != nil {
		return nil, fmt.Errorf("cannot fetch the configuration: %w", err)
	}
	defer rc.Close()
	config, err := readBounded(Verify(rc, m.Config.Digest, m.Config.Size), MaxConfigBytes, "the image configuration")
	if err != nil {
		return nil, err
	}
	return assemble(raw, d.MediaType, config, func(l v1.Descriptor) (func() (io.ReadCloser, error), name.Reference) {
		return open(l), repo.Digest(l.Digest.String())
	})
}

func writeRegistry(ctx context.Context, p Place, img *Image, index *Index, o Options) error {
	opts := o.remote(ctx)
	if index == nil {
		return remote.Write(p.Ref, v1Image{img}, opts...)
	}
	return remote.WriteIndex(p.Ref, v1Index{index}, opts...)
}

// Fetch reads one manifest by digest from the repository of ref, to complete
// an index whose entry is not at hand.
func Fetch(ctx context.Context, ref name.Reference, d v1.Descriptor, o Options) (*Image, error) {
	opts := o.remote(ctx)
	repo := ref.Context()
	desc, err := remote.Get(repo.Digest(d.Digest.String()), opts...)
	if err != nil {
		return nil, fmt.Errorf("cannot fetch %s from %s: %w", d.Digest, repo, err)
	}
	return registryImage(repo, d, bytes.Clone(desc.Manifest), opts)
}
