package image

import (
	"io"
	"os"
	"path/filepath"
)

// Spool keeps a copy in dir of every layer that is read in full from a
// registry, so that writing it to dest does not fetch it a second time. It
// does nothing where no second read is to come: dest is the same registry,
// which already has the layers.
func (s *Source) Spool(dest Place, dir string) {
	if s.Place.Kind != Registry || (dest.Kind == Registry && dest.Ref.Context().RegistryStr() == s.Place.Ref.Context().RegistryStr()) {
		return
	}
	keep := func(img *Image) {
		for i, l := range img.Layers {
			img.Layers[i].Open = spooled(l, dir)
		}
	}
	if s.Image != nil {
		keep(s.Image)
		return
	}
	for _, c := range s.Index.Children {
		if c.Image != nil {
			keep(c.Image)
		}
	}
}

func spooled(l Layer, dir string) func() (io.ReadCloser, error) {
	path := filepath.Join(dir, "spool-"+l.Digest.Hex)
	return func() (io.ReadCloser, error) {
		if f, err := os.Open(path); err == nil {
			return f, nil
		}
		rc, err := l.Open()
		if err != nil {
			return nil, err
		}
		f, err := os.CreateTemp(dir, "fetch-*")
		if err != nil {
			rc.Close()
			return nil, err
		}
		return &spooling{rc: rc, f: f, path: path}, nil
	}
}

// spooling copies what is read; at the end of the stream the copy gets its
// name. Readers verify what they read, copy or not.
type spooling struct {
	rc   io.ReadCloser
	f    *os.File
	path string
	done bool
}

func (s *spooling) Read(p []byte) (int, error) {
	n, err := s.rc.Read(p)
	if _, werr := s.f.Write(p[:n]); werr != nil {
		return n, werr
	}
	s.done = s.done || err == io.EOF
	return n, err
}

func (s *spooling) Close() error {
	err := s.rc.Close()
	if e := s.f.Close(); err == nil {
		err = e
	}
	if !s.done || err != nil {
		os.Remove(s.f.Name())
		return err
	}
	return os.Rename(s.f.Name(), s.path)
}
