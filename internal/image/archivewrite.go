package image

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// writeArchive writes a docker-archive with one image. Layers are stored as
// they are, compressed or not: docker load reads both. It is reproducible.
func writeArchive(w io.Writer, img *Image, tags []string) error {
	tw := tar.NewWriter(w)
	put := func(name string, size int64, r io.Reader) error {
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o444, Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
		if size < 8<<30 {
			h.Format = tar.FormatUSTAR
		}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("cannot write %s: %w", name, err)
		}
		if _, err := io.Copy(tw, r); err != nil {
			return fmt.Errorf("cannot write %s: %w", name, err)
		}
		return nil
	}
	entry := archiveEntry{Config: img.ID().Hex + ".json", RepoTags: tags}
	written := map[v1.Hash]bool{}
	for _, l := range img.Layers {
		name := l.DiffID.Hex + "/layer.tar"
		entry.Layers = append(entry.Layers, name)
		if written[l.DiffID] {
			continue
		}
		written[l.DiffID] = true
		rc, size, err := loadable(l)
		if err != nil {
			return err
		}
		err = put(name, size, rc)
		if e := rc.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	if err := put(entry.Config, int64(len(img.Config)), bytesReader(img.Config)); err != nil {
		return err
	}
	table, err := json.Marshal([]archiveEntry{entry})
	if err != nil {
		return err
	}
	if err := put("manifest.json", int64(len(table)), bytesReader(table)); err != nil {
		return err
	}
	return tw.Close()
}

// loadable gives a layer's bytes as every docker load reads them: zstd, which
// old ones do not know, is unpacked, at the price of reading it twice.
func loadable(l Layer) (io.ReadCloser, int64, error) {
	if !strings.HasSuffix(string(l.MediaType), "+zstd") {
		rc, err := l.Stored()
		return rc, l.Size, err
	}
	rc, err := l.Uncompressed()
	if err != nil {
		return nil, 0, err
	}
	size, err := io.Copy(io.Discard, rc)
	rc.Close()
	if err != nil {
		return nil, 0, err
	}
	rc, err = l.Uncompressed()
	return rc, size, err
}

func writeArchiveFile(p Place, img *Image, index *Index) (err error) {
	if index != nil {
		return fmt.Errorf("a docker-archive holds one platform: %w", ErrUnsupported)
	}
	f, err := os.CreateTemp(filepath.Dir(p.Path), ".limpet-*.tar")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	var tags []string
	if p.Tag != "" {
		tags = []string{p.Tag}
	}
	if err := writeArchive(f, img, tags); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), p.Path)
}
