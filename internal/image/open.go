package image

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Options are how places are reached.
type Options struct {
	Keychain  authn.Keychain    // nil: DefaultKeychain()
	Transport http.RoundTripper // nil: the default one, with proxies from the environment
	UserAgent string
	TempDir   string // for what the Docker daemon sends; "": the system's
}

// Source is an image or an index that was found. Exactly one of Image and
// Index is set.
type Source struct {
	Place Place
	Name  string // the reference with its digest where the place knows one
	Ref   string // what people call the image, e.g. "registry.example.com/app:1.4"; "" when nobody said
	Image *Image
	Index *Index
	close func() error
}

// Close ends the use of the source and of every layer taken from it.
func (s *Source) Close() error {
	if s == nil || s.close == nil {
		return nil
	}
	return s.close()
}

// Digest of the manifest or index; zero when the place keeps none.
func (s *Source) Digest() v1.Hash {
	if s.Index != nil {
		return s.Index.Digest()
	}
	return s.Image.Digest()
}

// Open finds the image at p and pins it: whatever the tag points to later,
// this source stays what it was.
func Open(ctx context.Context, p Place, o Options) (*Source, error) {
	var (
		s   *Source
		err error
	)
	switch p.Kind {
	case Registry:
		s, err = openRegistry(ctx, p, o)
	case Daemon:
		s, err = openDaemon(ctx, p, o)
	case Archive:
		s, err = openArchive(p.Path, p.Tag)
	case Layout:
		s, err = openLayout(p.Path, p.Tag)
	default:
		err = ErrPlace
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", p, err)
	}
	s.Place = p
	if s.Name == "" {
		s.Name = p.String()
	}
	return s, nil
}

// Write puts the image or index (exactly one is not nil) at p. On error
// nothing of it can be seen at p.
func Write(ctx context.Context, p Place, img *Image, index *Index, o Options) error {
	img, index = withContext(ctx, img), index.withContext(ctx)
	var err error
	switch p.Kind {
	case Registry:
		err = writeRegistry(ctx, p, img, index, o)
	case Daemon:
		err = writeDaemon(ctx, p, img, index)
	case Archive:
		err = writeArchiveFile(p, img, index)
	case Layout:
		err = writeLayout(p, img, index)
	default:
		err = ErrPlace
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", p, err)
	}
	return nil
}

func (o Options) tempDir() string {
	if o.TempDir != "" {
		return o.TempDir
	}
	return os.TempDir()
}
