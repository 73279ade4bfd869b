package extract

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// Zip reads a zip whose files stand below a folder of the artefact, as those of
// a Lambda function (/var/task) and of its layers (/opt) do. The layer's diff
// ID is the digest of the zip.
func (r *Reader) Zip(ctx context.Context, file, below string) (*Layer, error) {
	r = r.ready()
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	if err := checkZipTable(f, st.Size()); err != nil {
		return nil, fmt.Errorf("%s %w: %w", file, ErrUnreadable, err)
	}
	z, err := zip.NewReader(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s %w: %w", file, ErrUnreadable, err)
	}
	s := r.sink(ctx, &budget{limits: r.Limits})
	s.layer.DiffID = "sha256:" + hex.EncodeToString(h.Sum(nil))
	for _, e := range z.File {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := s.zipEntry(e, below)
		if errors.Is(err, errLimit) {
			s.note("limit", finding.Partial, "", err.Error())
			break
		}
		if err != nil {
			s.note("zip-entry", finding.Partial, e.Name, err.Error())
		}
	}
	return s.layer, nil
}

func (s *sink) zipEntry(e *zip.File, below string) error {
	size := int64(e.UncompressedSize64)
	if size < 0 || e.CompressedSize64 > 1<<60 {
		return errors.New("its size cannot be")
	}
	if size > maxSparse && size/int64(e.CompressedSize64+1) > s.limits.Ratio {
		return fmt.Errorf("%d bytes were compressed to %d, more than %d times", size, e.CompressedSize64, s.limits.Ratio)
	}
	if err := s.budget.plain(size); err != nil {
		return err
	}
	s.layer.Size += size
	mode := e.Mode()
	kind := Regular
	link := ""
	switch {
	case mode.IsDir():
		kind = Dir
	case mode&fs.ModeSymlink != 0:
		kind = Symlink
		rc, err := e.Open()
		if err != nil {
			return err
		}
		b, err := io.ReadAll(io.LimitReader(rc, maxName))
		rc.Close()
		if err != nil {
			return err
		}
		link = string(b)
	case !mode.IsRegular():
		kind = Special
	}
	clean, plain := clean(e.Name)
	if !plain && strings.Contains("/"+e.Name+"/", "/../") {
		s.note("zip-name-escapes", finding.Complete, e.Name, "the name points upwards; it was read as "+clean)
	}
	// Names that are whiteouts in an image are plain files here.
	name := path.Join(below, clean)
	if len(name) > maxName || strings.ContainsRune(name, 0) {
		return errors.New("no file can have this name")
	}
	if err := s.budget.entry(len(name) + len(link)); err != nil {
		return err
	}
	s.layer.Entries = append(s.layer.Entries, Entry{Path: name, Kind: kind, Link: link})
	info := inspect.Info{Path: name, Mode: mode, Size: size}
	switch kind {
	case Dir:
		return s.stat(info)
	case Regular:
		r := &lazyEntry{e: e}
		defer r.close()
		return s.file(info, io.LimitReader(r, size))
	}
	return nil
}

// lazyEntry unpacks an entry when somebody reads of it.
type lazyEntry struct {
	e  *zip.File
	rc io.ReadCloser
}

func (l *lazyEntry) Read(p []byte) (int, error) {
	if l.rc == nil {
		rc, err := l.e.Open()
		if err != nil {
			return 0, err
		}
		l.rc = rc
	}
	return l.rc.Read(p)
}

func (l *lazyEntry) close() {
	if l.rc != nil {
		l.rc.Close()
	}
}
