package content

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"

	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/workload"
)

// xattrCaps is the PAX record of a file's capabilities.
const xattrCaps = "SCHILY.xattr.security.capability"

// file is a regular file's part that outlives its layer.
type file struct {
	mode   uint32 // st_mode of a regular file
	kind   drift.Kind
	runs   bool // kind and digest are set
	digest workload.Digest
	caps   string // raw xattr
}

// entry is one tar entry, reduced to what flattening needs.
type entry struct {
	path string
	typ  byte   // tar.Type*, TypeReg for every regular file
	link string // TypeSymlink: as written; TypeLink: clean path
	file *file  // TypeReg
}

// listing is one layer's content in the order of its tar.
type listing struct {
	entries   []entry
	whiteouts []string
	opaques   []string
}

// budget is shared by the layers of one image.
type budget struct {
	entries, names, bytes atomic.Int64
}

func (b *budget) name(s string) error {
	if b.entries.Add(1) > MaxEntries {
		return fmt.Errorf("more than %d files: %w", MaxEntries, ErrTooLarge)
	}
	if b.names.Add(int64(len(s))) > MaxNameBytes {
		return fmt.Errorf("more than %d bytes of file names: %w", MaxNameBytes, ErrTooLarge)
	}
	return nil
}

// plain counts and hashes the uncompressed bytes of one layer.
type plain struct {
	ctx    context.Context
	r      io.Reader
	h      hash.Hash
	n      int64
	stored *int64 // compressed bytes read so far
	b      *budget
}

func (p *plain) Read(buf []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(buf)
	p.h.Write(buf[:n])
	p.n += int64(n)
	switch {
	case p.n > MaxLayerBytes:
		return n, fmt.Errorf("layer of more than %d bytes: %w", int64(MaxLayerBytes), ErrTooLarge)
	case p.b.bytes.Add(int64(n)) > MaxImageBytes:
		return n, fmt.Errorf("image of more than %d bytes: %w", int64(MaxImageBytes), ErrTooLarge)
	case p.n > MinBombBytes && p.n/max(*p.stored, 1) > MaxRatio:
		return n, fmt.Errorf("layer grows %d times: %w", p.n/max(*p.stored, 1), ErrBomb)
	}
	return n, err
}

type storedCounter struct {
	r  io.Reader
	n  int64
	up func(int)
}

func (s *storedCounter) Read(buf []byte) (int, error) {
	n, err := s.r.Read(buf)
	s.n += int64(n)
	if s.up != nil {
		s.up(n)
	}
	return n, err
}

// readLayer streams one layer, checks its digests and lists it.
func readLayer(ctx context.Context, l image.Layer, b *budget, progress func(int)) (_ *listing, err error) {
	rc, err := l.Stored()
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	stored := &storedCounter{r: rc, up: progress}
	z, err := image.Decompress(stored)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	p := &plain{ctx: ctx, r: z, h: sha256.New(), stored: &stored.n, b: b}
	list, err := readTar(p, b)
	if err != nil {
		return nil, err
	}
	// What follows the tar's end belongs to both digests.
	if _, err := io.Copy(io.Discard, p); err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, stored); err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(p.h.Sum(nil)); l.DiffID.Hex != got {
		return nil, fmt.Errorf("content is sha256:%s, configuration says %s: %w", got, l.DiffID, ErrDiffID)
	}
	return list, nil
}

// lister lists one layer's tar.
type lister struct {
	tr     *tar.Reader
	in     storedCounter // bytes of the tar read so far
	hashed int64         // bytes of files given to the hash so far
	buf    []byte
	b      *budget
}

// readTar lists a layer's tar. It is the fuzzed entry point.
func readTar(r io.Reader, b *budget) (*listing, error) {
	in := &lister{in: storedCounter{r: r}, buf: make([]byte, 64<<10), b: b}
	in.tr = tar.NewReader(&in.in)
	list := &listing{}
	for {
		h, err := in.tr.Next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, tarError(err)
		}
		if err := in.entry(h, list); err != nil {
			return nil, err
		}
	}
}

func (in *lister) entry(h *tar.Header, list *listing) error {
	if err := in.b.name(h.Name + h.Linkname); err != nil {
		return err
	}
	name, err := clean(h.Name)
	if err != nil || name == "" {
		return err
	}
	target, opaque, ignored, isWhiteout, err := whiteout(name)
	switch {
	case err != nil:
		return err
	case ignored || h.Typeflag == tar.TypeXGlobalHeader:
	case opaque:
		list.opaques = append(list.opaques, target)
	case isWhiteout:
		list.whiteouts = append(list.whiteouts, target)
	default:
		e := entry{path: name, typ: h.Typeflag}
		if err := in.fill(&e, h); err != nil {
			return fmt.Errorf("%.200q: %w", h.Name, err)
		}
		list.entries = append(list.entries, e)
	}
	return nil
}

// tarError keeps our own errors and marks those of the tar format.
func tarError(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, tar.ErrFieldTooLong) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrTar, err)
	}
	return err
}

func (in *lister) fill(e *entry, h *tar.Header) error {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		e.typ = tar.TypeReg
		e.file = &file{mode: modeRegular | uint32(h.Mode)&0o7777, caps: h.PAXRecords[xattrCaps]}
		return in.read(e.file, "/"+e.path)
	case tar.TypeLink:
		target, err := clean(h.Linkname)
		if err != nil {
			return err
		}
		e.link = target
	case tar.TypeSymlink:
		if len(h.Linkname) > MaxPath {
			return fmt.Errorf("a link of %d bytes: %w", len(h.Linkname), ErrTooLarge)
		}
		e.link = h.Linkname
	}
	return nil
}

// read tells what the file is by its first bytes and, when it can run,
// hashes it.
func (in *lister) read(f *file, path string) error {
	n, err := io.ReadFull(in.tr, in.buf[:drift.HeaderSize])
	if err != nil && err != io.EOF && (err != io.ErrUnexpectedEOF || n == 0) {
		return tarError(err)
	}
	f.kind, f.runs = drift.Classify(in.buf[:n], f.mode, path)
	if !f.runs {
		return nil
	}
	h := sha256.New()
	for {
		h.Write(in.buf[:n])
		// The holes of a sparse file are in no layer, but cost time here.
		if in.hashed += int64(n); in.hashed-in.in.n > MaxHoles {
			return fmt.Errorf("sparse programs of more than %d bytes: %w", MaxHoles, ErrBomb)
		}
		n, err = in.tr.Read(in.buf)
		if n == 0 && err == io.EOF {
			break
		}
		if err != nil && err != io.EOF {
			return tarError(err)
		}
	}
	h.Sum(f.digest[:0])
	return nil
}
