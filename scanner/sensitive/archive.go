package sensitive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// Limits of what is looked at within archives.
const (
	maxArchive      = 16 << 20 // bytes of an archive
	maxArchiveFiles = 5000
	maxArchiveFile  = 1 << 20  // bytes of a file in it
	maxArchiveBytes = 64 << 20 // unpacked, in all
	maxArchiveFound = 200
)

// isArchive says that a file's name is one of an archive that people make, not
// a package manager.
func isArchive(file string) bool {
	return !owned(file) && hasSuffix(file, ".zip", ".jar", ".war", ".ear", ".tar", ".tgz", ".tar.gz")
}

// errEnough ends the reading of an archive.
var errEnough = errors.New("enough")

// archive looks at the files in an archive, not at archives in it.
func (i *Inspector) archive(f inspect.File) (found inspect.Found) {
	if !f.Whole {
		return inspect.Found{Anomalies: []finding.Anomaly{{Code: "secrets-archive", Effect: finding.Complete, Path: f.Path, Detail: "the archive is too large to be looked through for secrets"}}}
	}
	java := hasSuffix(f.Path, ".jar", ".war", ".ear")
	files, left := 0, int64(maxArchiveBytes)
	each := func(name string, size int64, r func() (io.Reader, error)) error {
		if files++; files > maxArchiveFiles || left <= 0 || len(found.Secrets) >= maxArchiveFound {
			return errEnough
		}
		name = path.Clean("/" + name)
		how := classify(name)
		k := known(name)
		if size <= 0 || size > maxArchiveFile || how == skipped && k == nil {
			return nil
		}
		if java && how != quiet && !strings.HasPrefix(name, "/BOOT-INF/classes/") && !strings.HasPrefix(name, "/WEB-INF/classes/") {
			how = plain // a library's own settings are nobody's credentials
		}
		in, err := r()
		if err != nil {
			return nil // a broken entry: the next may be sound
		}
		data, err := io.ReadAll(io.LimitReader(in, min(maxArchiveFile, left)))
		left -= int64(len(data))
		if err != nil && len(data) == 0 || k == nil && bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0 {
			return nil // text is what people put their secrets into
		}
		secrets := i.named(name, data)
		if how != skipped {
			if unprintable(data) && how != quiet {
				how = plain
			}
			more, _ := i.text(name, data, how)
			secrets = append(secrets, more...)
		}
		for _, s := range secrets[:min(len(secrets), maxArchiveFound)] {
			s.Place = finding.Place{Path: f.Path, Inside: strings.TrimPrefix(name, "/"), Line: s.Place.Line}
			found.Secrets = append(found.Secrets, s)
		}
		return nil
	}
	var err error
	if hasSuffix(f.Path, ".tar", ".tgz", ".gz") {
		err = eachInTar(f.Head, each)
	} else {
		err = eachInZip(f.Head, each)
	}
	if errors.Is(err, errEnough) {
		found.Anomalies = append(found.Anomalies, finding.Anomaly{Code: "secrets-archive", Effect: finding.Complete, Path: f.Path, Detail: "the archive holds more than is looked through for secrets"})
	}
	return found
}

type eachFile func(name string, size int64, open func() (io.Reader, error)) error

func eachInZip(b []byte, each eachFile) error {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil // no archive, or a broken one
	}
	for _, e := range z.File {
		var rc io.ReadCloser
		err := each(e.Name, int64(min(e.UncompressedSize64, maxArchiveFile+1)), func() (io.Reader, error) {
			var err error
			rc, err = e.Open()
			return rc, err
		})
		if rc != nil {
			rc.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func eachInTar(b []byte, each eachFile) error {
	var r io.Reader = bytes.NewReader(b)
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil
		}
		r = z
	}
	bounded := &io.LimitedReader{R: r, N: 2 * maxArchiveBytes}
	t := tar.NewReader(bounded)
	for {
		h, err := t.Next()
		if err != nil {
			if bounded.N <= 0 {
				return errEnough
			}
			return nil
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := each(h.Name, h.Size, func() (io.Reader, error) { return t, nil }); err != nil {
			return err
		}
	}
}
