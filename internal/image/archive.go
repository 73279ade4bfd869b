package image

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// archiveEntry is one element of a docker-archive's manifest.json.
type archiveEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// span is where a file's bytes lie in the archive.
type span struct {
	offset, size int64
	link         string // another name, when this one is a link
}

// openArchive reads the table of a docker-archive tarball (docker save) once;
// layers are then read in place.
func openArchive(file, tag string) (*Source, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	img, name, err := readArchive(f, tag)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Source{Ref: name, Image: img, close: f.Close}, nil
}

// readArchive gives one image and its first name, "" when it has none.
func readArchive(f *os.File, tag string) (*Image, string, error) {
	a, e, err := findInArchive(f, tag)
	if err != nil {
		return nil, "", err
	}
	img, err := a.image(e)
	if tag == "" && len(e.RepoTags) > 0 {
		tag = e.RepoTags[0]
	}
	return img, tag, err
}

func findInArchive(f *os.File, tag string) (*archive, archiveEntry, error) {
	var none archiveEntry
	info, err := f.Stat()
	if err != nil {
		return nil, none, err
	}
	if !info.Mode().IsRegular() {
		return nil, none, fmt.Errorf("%s is no regular file: %w", f.Name(), ErrUnsupported)
	}
	if info.Size() > MaxArchiveBytes {
		return nil, none, fmt.Errorf("archive of %d bytes: %w", info.Size(), ErrTooLarge)
	}
	a := &archive{f: f, files: map[string]span{}}
	if err := a.scan(info.Size()); err != nil {
		return nil, none, err
	}
	raw, err := a.read("manifest.json", MaxManifestBytes)
	if err != nil {
		return nil, none, fmt.Errorf("not a docker-archive: %w", err)
	}
	var entries []archiveEntry
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, none, fmt.Errorf("cannot read manifest.json: %w: %w", ErrMalformed, err)
	}
	e, err := pick(entries, tag)
	if err != nil {
		return nil, none, err
	}
	return a, e, nil
}

func pick(entries []archiveEntry, tag string) (archiveEntry, error) {
	if tag == "" && len(entries) == 1 {
		return entries[0], nil
	}
	var names []string
	for _, e := range entries {
		if tag != "" && slices.Contains(e.RepoTags, tag) {
			return e, nil
		}
		names = append(names, e.RepoTags...)
	}
	if tag == "" {
		return archiveEntry{}, fmt.Errorf("the archive holds %d images (%.200s); name one with #repo:tag: %w", len(entries), strings.Join(names, ", "), ErrAmbiguous)
	}
	return archiveEntry{}, fmt.Errorf("the archive has no image %q (it has %.200s): %w", tag, strings.Join(names, ", "), ErrNotFound)
}

type archive struct {
	f     *os.File
	files map[string]span
}

func (a *archive) scan(size int64) error {
	sr := io.NewSectionReader(a.f, 0, size)
	tr := tar.NewReader(sr)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read the archive: %w: %w", ErrMalformed, err)
		}
		if len(a.files) >= MaxArchiveFiles {
			return fmt.Errorf("archive of more than %d files: %w", MaxArchiveFiles, ErrTooLarge)
		}
		name := path.Clean("/" + h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			at, err := sr.Seek(0, io.SeekCurrent)
			if err != nil {
				return err
			}
			if h.Size > size-at { // sparse: no layer is
				return fmt.Errorf("%.200q does not lie in the archive: %w", h.Name, ErrMalformed)
			}
			a.files[name] = span{offset: at, size: h.Size}
		case tar.TypeSymlink:
			a.files[name] = span{link: path.Join(path.Dir(name), h.Linkname)}
		case tar.TypeLink:
			a.files[name] = span{link: path.Clean("/" + h.Linkname)}
		}
	}
}

// at finds a file, through at most 16 links inside the archive.
func (a *archive) at(name string) (*io.SectionReader, error) {
	key := path.Clean("/" + name)
	for range 16 {
		s, ok := a.files[key]
		if !ok {
			break
		}
		if s.link == "" {
			return io.NewSectionReader(a.f, s.offset, s.size), nil
		}
		key = s.link
	}
	return nil, fmt.Errorf("%.200q in the archive: %w", name, ErrNotFound)
}

func (a *archive) read(name string, limit int64) ([]byte, error) {
	r, err := a.at(name)
	if err != nil {
		return nil, err
	}
	return readBounded(r, limit, name)
}

func (a *archive) image(e archiveEntry) (*Image, error) {
	config, err := a.read(e.Config, MaxConfigBytes)
	if err != nil {
		return nil, err
	}
	if len(e.Layers) > MaxLayers {
		return nil, fmt.Errorf("%d layers, at most %d: %w", len(e.Layers), MaxLayers, ErrTooLarge)
	}
	// docker save names the configuration by its digest: then it must match.
	if hex := strings.TrimSuffix(path.Base(e.Config), ".json"); len(hex) == 64 {
		if got := Digest(config).Hex; got != hex {
			return nil, fmt.Errorf("configuration is sha256:%s, the archive calls it %s: %w", got, hex, ErrDigest)
		}
	}
	ids, err := diffIDs(config, len(e.Layers))
	if err != nil {
		return nil, err
	}
	img := &Image{MediaType: types.DockerManifestSchema2, Config: config}
	for i, l := range e.Layers {
		r, err := a.at(l)
		if err != nil {
			return nil, err
		}
		img.Layers = append(img.Layers, Layer{
			DiffID:    ids[i],
			Digest:    v1.Hash{},
			Size:      r.Size(),
			MediaType: types.DockerLayer,
			Open: func() (io.ReadCloser, error) {
				return io.NopCloser(io.NewSectionReader(r, 0, r.Size())), nil
			},
		})
	}
	return img, nil
}
