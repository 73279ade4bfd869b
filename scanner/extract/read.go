package extract

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// readLayer streams one layer.
func (r *Reader) readLayer(ctx context.Context, l image.Layer, b *budget) (*Layer, error) {
	rc, err := l.Open()
	if err != nil && !l.MediaType.IsDistributable() && ctx.Err() == nil {
		// Windows' own layers: manifests name addresses for them, which are nobody's
		// to choose for us.
		s := r.sink(ctx, b)
		s.layer.DiffID, s.layer.unkept = l.DiffID.String(), true
		s.note("layer-foreign", finding.Partial, "", "the layer is not at hand, and is not fetched from elsewhere")
		return s.layer, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open layer %s: %w", l.DiffID, err)
	}
	defer rc.Close()
	s := r.sink(ctx, b)
	st, err := newStream(ctx, rc, r.Limits, b.plain)
	if err != nil {
		return nil, fmt.Errorf("layer %s %w: %w", l.DiffID, ErrUnreadable, err)
	}
	walkErr := walkTar(s, st)
	cut := errors.Is(walkErr, errLimit)
	end := st.end(!cut)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !cut && end.source != nil {
		return nil, fmt.Errorf("cannot read layer %s: %w", l.DiffID, end.source)
	}
	s.layer.DiffID, s.layer.Size = l.DiffID.String(), st.size
	wrong := s.judge(l, end, cut)
	switch {
	case cut:
		s.layer.unkept = true
		s.note("limit", finding.Partial, "", walkErr.Error())
	case wrong:
		s.layer.unkept = true
		if walkErr != nil {
			s.note("layer-broken", finding.Untrusted, "", walkErr.Error())
		}
	case walkErr != nil:
		return nil, fmt.Errorf("layer %s %w: %w", l.DiffID, ErrUnreadable, walkErr)
	}
	return s.layer, nil
}

// judge compares what was read with what was promised, and says whether they differ.
func (s *sink) judge(l image.Layer, end ending, cut bool) bool {
	differs := func(code, what, got string) {
		s.note(code, finding.Untrusted, "", fmt.Sprintf("%s is %s", what, got))
	}
	if cut {
		return false // the note of the limit says that nothing was verified
	}
	wrong := false
	if l.Digest.Hex != "" && end.stored != l.Digest.String() {
		differs("layer-digest", "the manifest names "+l.Digest.String()+", the layer", end.stored)
		wrong = true
	}
	if end.plain != l.DiffID.String() {
		// Where the stored bytes are as promised, it is the promise itself that is false.
		got := end.plain
		if got == "" {
			if l.Digest.Hex != "" && !wrong {
				return false // broken since it was made: it cannot be read
			}
			got = "cut short"
		}
		differs("layer-diff-id", "the configuration names "+l.DiffID.String()+", the layer", got)
		wrong = true
	}
	if end.garbage > 0 {
		s.note("layer-trailing-bytes", finding.Complete, "", "bytes follow the compressed layer; they were not read")
	}
	return wrong
}

// walkTar reads the entries. An error that wraps errLimit says that reading
// was stopped; any other is of the archive, or of a temporary file.
func walkTar(s *sink, st *stream) error {
	tr := tar.NewReader(st)
	ended := false
	for entries := 0; ; entries++ {
		before := st.size + (512-st.size%512)%512 // where the next header would be
		h, err := tr.Next()
		if err == io.EOF {
			ended = ended || st.size > before || entries == 0 && st.size > 0
			break
		}
		if err != nil {
			return tarError(st, err)
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
		sparse := isSparse(h)
		if err := s.tarEntry(h, tr, sparse); err != nil {
			return tarError(st, err)
		}
		ended = sparse // where such a file ends cannot be seen
		if !sparse {
			if _, err := io.Copy(io.Discard, tr); err != nil {
				return tarError(st, err)
			}
		}
	}
	if !ended {
		s.note("tar-end", finding.Partial, "", "the archive has no end: files may be missing")
	}
	return s.behindEnd(st)
}

// behindEnd looks whether anything stands behind the end of the archive.
func (s *sink) behindEnd(st *stream) error {
	buf := s.buf[:0]
	if cap(buf) < 64<<10 {
		buf = make([]byte, 64<<10)
	}
	buf = buf[:cap(buf)]
	odd := false
	for {
		n, err := st.Read(buf)
		for _, c := range buf[:n] {
			odd = odd || c != 0
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if odd {
		s.note("tar-trailing-bytes", finding.Complete, "", "bytes follow the end of the archive, where no runtime reads them")
	}
	return nil
}

func tarError(st *stream, err error) error {
	if st.err != nil && st.err != io.EOF {
		return st.err
	}
	return err
}

func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func (s *sink) tarEntry(h *tar.Header, r io.Reader, sparse bool) error {
	kind := Special
	link := ""
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		kind = Regular
	case tar.TypeDir:
		kind = Dir
	case tar.TypeSymlink:
		kind, link = Symlink, h.Linkname
	case tar.TypeLink:
		kind = Hardlink
		link, _ = clean(h.Linkname)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
	case tar.TypeXGlobalHeader:
		return nil
	default:
		s.note("tar-type", finding.Partial, h.Name, fmt.Sprintf("an entry of unknown type %q was not read", h.Typeflag))
		return nil
	}
	if len(link) > maxName {
		s.note("tar-link", finding.Partial, h.Name, "no link can lead there")
		return nil
	}
	name, look, err := s.entry(h.Name, kind, link)
	if err != nil || !look {
		return err
	}
	info := inspect.Info{Path: name, Mode: h.FileInfo().Mode(), Size: h.Size, UID: h.Uid, GID: h.Gid}
	switch {
	case kind == Regular && sparse && h.Size > maxSparse:
		s.note("limit-sparse", finding.Partial, name, fmt.Sprintf("a sparse file of %d bytes was not read", h.Size))
		return nil
	case kind == Regular:
		return s.file(info, r)
	case kind == Dir:
		return s.stat(info)
	}
	return nil
}

// maxSparse is the largest sparse file that is looked at: it takes no room in the archive.
const maxSparse = 64 << 20
