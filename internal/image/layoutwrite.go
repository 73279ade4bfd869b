package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// writeLayout makes the blobs in a folder beside (or inside) the destination
// and moves them into place at the end; index.json, which makes them visible,
// is renamed last.
func writeLayout(p Place, img *Image, index *Index) (err error) {
	entry, err := layoutEntry(img, index, p.Tag)
	if err != nil {
		return err
	}
	var old *v1.IndexManifest
	root, err := os.OpenRoot(p.Path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	default:
		old, err = existingLayout(root)
		root.Close()
		if err != nil {
			return err
		}
	}
	stage, err := os.MkdirTemp(filepath.Dir(filepath.Clean(p.Path)), ".limpet-oci-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	if err := os.Chmod(stage, 0o755); err != nil {
		return err
	}
	top, err := mergeTop(old, entry)
	if err != nil {
		return err
	}
	s := &staged{dir: stage, have: map[v1.Hash]bool{}, final: p.Path}
	if err := s.all(img, index); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(stage, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(stage, "index.json"), top, 0o644); err != nil {
		return err
	}
	if root == nil {
		return os.Rename(stage, p.Path)
	}
	return s.moveInto()
}

// existingLayout reads the table of a layout that is already there. An empty
// folder is fine; any other folder is not ours to fill.
func existingLayout(root *os.Root) (*v1.IndexManifest, error) {
	if _, err := root.Stat("oci-layout"); err == nil {
		return layoutTop(root)
	}
	d, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if names, err := d.Readdirnames(1); len(names) > 0 || err != io.EOF {
		return nil, fmt.Errorf("the folder exists and is no OCI layout: %w", ErrPlace)
	}
	return nil, nil
}

type staged struct {
	dir, final string
	have       map[v1.Hash]bool
}

func (s *staged) all(img *Image, index *Index) error {
	if err := os.MkdirAll(filepath.Join(s.dir, "blobs", "sha256"), 0o755); err != nil {
		return err
	}
	if index == nil {
		return s.image(img)
	}
	for _, c := range index.Children {
		if c.Image == nil {
			return fmt.Errorf("%s of the index: %w", c.Desc.Digest, ErrNotFound)
		}
		if err := s.image(c.Image); err != nil {
			return err
		}
	}
	return s.bytes(index.Raw)
}

func (s *staged) image(img *Image) error {
	for _, l := range img.Layers {
		if s.have[l.Digest] {
			continue
		}
		rc, err := l.Stored()
		if err != nil {
			return err
		}
		err = s.blob(l.Digest, rc)
		rc.Close()
		if err != nil {
			return err
		}
	}
	if err := s.bytes(img.Config); err != nil {
		return err
	}
	return s.bytes(img.Manifest)
}

func (s *staged) bytes(b []byte) error { return s.blob(Digest(b), bytesReader(b)) }

func (s *staged) blob(h v1.Hash, r io.Reader) error {
	s.have[h] = true
	f, err := os.OpenFile(filepath.Join(s.dir, "blobs", "sha256", h.Hex), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return fmt.Errorf("cannot write %s: %w", h, err)
	}
	return f.Close()
}

// moveInto adds the staged blobs to the layout. Blobs are named by content,
// so that one which is already there is the same; index.json goes last.
func (s *staged) moveInto() error {
	blobs := filepath.Join(s.final, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	var moved []string
	undo := func(err error) error {
		for _, m := range moved {
			os.Remove(m)
		}
		return err
	}
	for h := range s.have {
		to := filepath.Join(blobs, h.Hex)
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		if err := os.Rename(filepath.Join(s.dir, "blobs", "sha256", h.Hex), to); err != nil {
			return undo(err)
		}
		moved = append(moved, to)
	}
	for _, name := range []string{"oci-layout", "index.json"} {
		if err := os.Rename(filepath.Join(s.dir, name), filepath.Join(s.final, name)); err != nil {
			return undo(err)
		}
	}
	return nil
}
