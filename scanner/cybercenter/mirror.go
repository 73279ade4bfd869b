package cybercenter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// mirror is a place that gives out releases.
type mirror interface {
	// open gives a file of a release from an offset on. from is where it really
	// begins: 0 where the mirror cannot begin later. errNone: there is no such file.
	open(ctx context.Context, file string, offset int64) (body io.ReadCloser, from int64, err error)
}

var errNone = errors.New("the mirror does not have it")

// maxManifest bounds an artefact's manifest, in bytes.
const maxManifest = 1 << 20

// newMirror reads a mirror's address: http(s)://HOST/... of `limpet db serve`,
// else a repository with a tag, by default the schema's.
func newMirror(ctx context.Context, address string, insecure bool) (mirror, error) {
	if strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://") && insecure {
		return &httpMirror{base: strings.TrimSuffix(address, "/") + servePath, client: &http.Client{Transport: bounded()}}, nil
	}
	if strings.HasPrefix(address, "http://") {
		return nil, errors.New("plain HTTP is refused unless it was asked for")
	}
	ref, err := name.ParseReference(address, append(nameOptions(insecure), name.WithDefaultTag(DefaultTag()))...)
	if err != nil {
		return nil, err
	}
	return newRegistry(ctx, ref)
}

// DefaultTag is the tag under which databases of this release's schema are published.
func DefaultTag() string { return fmt.Sprint(vulndb.Schema) }

// bounded gives a transport that does not wait for ever for an answer to begin.
func bounded() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 60 * time.Second
	return t
}

// get asks for a file from an offset on.
func get(ctx context.Context, client *http.Client, url string, offset int64) (io.ReadCloser, int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.Body, 0, nil
	case http.StatusPartialContent:
		if !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)) {
			break
		}
		return resp.Body, offset, nil
	case http.StatusNotFound:
		resp.Body.Close()
		return nil, 0, errNone
	case http.StatusRequestedRangeNotSatisfiable:
		resp.Body.Close()
		return get(ctx, client, url, 0)
	}
	resp.Body.Close()
	return nil, 0, fmt.Errorf("%s answers %s", req.URL.Host, resp.Status)
}

// httpMirror is a server made by Handler.
type httpMirror struct {
	base   string
	client *http.Client
}

func (m *httpMirror) open(ctx context.Context, file string, offset int64) (io.ReadCloser, int64, error) {
	return get(ctx, m.client, m.base+file, offset)
}

// registryMirror is an artefact in a registry, at one digest.
type registryMirror struct {
	repo   name.Repository
	client *http.Client
	layers map[string]v1.Descriptor // by file
}

func newRegistry(ctx context.Context, ref name.Reference) (*registryMirror, error) {
	repo := ref.Context()
	auth, err := image.DefaultKeychain().Resolve(repo.Registry)
	if err != nil {
		return nil, err
	}
	rt, err := transport.NewWithContext(ctx, repo.Registry, auth, bounded(), []string{repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, err
	}
	d, err := remote.Get(ref, remote.WithContext(ctx), remote.WithTransport(rt))
	if err != nil {
		return nil, err
	}
	if len(d.Manifest) > maxManifest {
		return nil, fmt.Errorf("its manifest has more than %d bytes", maxManifest)
	}
	man, err := v1.ParseManifest(bytes.NewReader(d.Manifest))
	if err != nil {
		return nil, err
	}
	if man.Config.MediaType != configType {
		return nil, fmt.Errorf("%s is no vulnerability database", ref)
	}
	m := &registryMirror{repo: repo, client: &http.Client{Transport: rt}, layers: map[string]v1.Descriptor{}}
	for _, l := range man.Layers {
		m.layers[l.Annotations[fileAnnotation]] = l
	}
	return m, nil
}

func (m *registryMirror) open(ctx context.Context, file string, offset int64) (io.ReadCloser, int64, error) {
	d, ok := m.layers[file]
	if !ok {
		return nil, 0, errNone
	}
	url := fmt.Sprintf("%s://%s/v2/%s/blobs/%s", m.repo.Scheme(), m.repo.RegistryStr(), m.repo.RepositoryStr(), d.Digest)
	return get(ctx, m.client, url, offset)
}

// small reads a file of at most limit bytes.
func small(ctx context.Context, m mirror, file string, limit int64) ([]byte, error) {
	body, _, err := m.open(ctx, file, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", file, limit)
	}
	return b, err
}

func shortSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
