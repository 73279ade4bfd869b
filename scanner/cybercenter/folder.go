package cybercenter

import (
	"archive/tar"
	"archive/zip"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/scanner/cybercenter/feeds"
)

// Bounds of a feed's folder.
const (
	maxFiles   = 5_000_000 // in it and in its archives
	maxArchive = 64 << 30  // bytes that come out of one compressed file
)

var errTooMany = fmt.Errorf("it has more than %d files", maxFiles)

// reader goes through a feed's folder.
type reader struct {
	ctx   context.Context
	feed  feeds.Feed
	out   *feeds.Out
	files int
}

// readFolder reads the files of a feed, also inside of archives, in the order
// of their names. Links are not followed.
func readFolder(ctx context.Context, f feeds.Feed, folder string, out *feeds.Out) error {
	r := &reader{ctx: ctx, feed: f, out: out}
	return filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.HasPrefix(e.Name(), ".") && path != folder {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !e.Type().IsRegular() {
			return nil
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if err := r.file(path, filepath.ToSlash(name)); err != nil {
			if ctx.Err() != nil || errors.Is(err, errTooMany) {
				return err
			}
			out.Fault(name, err)
		}
		return nil
	})
}

func (r *reader) file(path, name string) error {
	if strings.HasSuffix(name, ".zip") {
		return r.zip(path)
	}
	if plain, packed := strings.CutSuffix(name, ".part"); packed {
		return fmt.Errorf("%s was not fetched to its end", plain)
	}
	if !r.feed.Files.MatchString(name) && inner(name) == name && !strings.HasSuffix(name, ".tar") {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return r.content(name, f)
}

// inner gives a file's name without what says how it is compressed.
func inner(name string) string {
	for _, ext := range []string{".gz", ".bz2", ".zst"} {
		if s, ok := strings.CutSuffix(name, ext); ok {
			return s
		}
	}
	if s, ok := strings.CutSuffix(name, ".tgz"); ok {
		return s + ".tar"
	}
	return name
}

func (r *reader) content(name string, in io.Reader) error {
	plain := inner(name)
	if plain != name {
		switch {
		case strings.HasSuffix(name, "z"): // gz, tgz
			z, err := gzip.NewReader(in)
			if err != nil {
				return err
			}
			in = z
		case strings.HasSuffix(name, ".bz2"):
			in = bzip2.NewReader(in)
		default:
			z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
			if err != nil {
				return err
			}
			defer z.Close()
			in = z
		}
		in = &limited{r: in, left: maxArchive}
	}
	if strings.HasSuffix(plain, ".tar") {
		return r.tar(in)
	}
	return r.parse(plain, in)
}

func (r *reader) parse(name string, in io.Reader) error {
	if !r.feed.Files.MatchString(name) {
		return nil
	}
	if r.files++; r.files > maxFiles {
		return errTooMany
	}
	r.feed.Parse(name, in, r.out)
	return r.ctx.Err()
}

func (r *reader) tar(in io.Reader) error {
	t := tar.NewReader(in)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := r.parse(h.Name, t); err != nil {
			return err
		}
	}
}

func (r *reader) zip(path string) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if f.FileInfo().IsDir() || !r.feed.Files.MatchString(f.Name) {
			continue
		}
		in, err := f.Open()
		if err == nil {
			err = r.parse(f.Name, in)
			in.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// limited is a reader with an end that is an error.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, feeds.ErrTooLarge
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}
