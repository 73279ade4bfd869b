package extract

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// sink takes the entries of one layer as they pass and makes a Layer of them.
// It belongs to one goroutine.
type sink struct {
	ctx        context.Context
	inspectors []inspect.Inspector
	limits     Limits
	budget     *budget
	tempDir    string
	layer      *Layer
	buf        []byte // of one file at a time
	noted      map[string]int
}

// input is one file as an extractor gets it.
type input struct {
	inspect.Info
	ctx  context.Context
	data io.ReaderAt // all of the file
	all  []byte      // the same in memory, nil where the file is too large for that
	file string      // a real file with the content, "" unless it had to be made
	temp string      // folder for such files
}

func (in *input) reader() *io.SectionReader { return io.NewSectionReader(in.data, 0, in.Size) }

// maxNotes bounds the anomalies of one kind in one layer; more are counted by
// the last.
const maxNotes = 50

func (s *sink) note(code string, effect finding.Verdict, name, detail string) {
	if s.noted == nil {
		s.noted = map[string]int{}
	}
	s.noted[code]++
	switch n := s.noted[code]; {
	case n == maxNotes:
		name, detail = "", "there are more of this kind"
	case n > maxNotes:
		return
	}
	s.layer.Anomalies = append(s.layer.Anomalies, finding.Anomaly{Code: code, Effect: effect, Path: printable(name), Detail: printable(detail)})
}

// printable keeps a hostile name from breaking whoever shows it.
func printable(s string) string {
	if len(s) > 500 {
		s = s[:500] + "..."
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		q := fmt.Sprintf("%q", s)
		return q[1 : len(q)-1]
	}
	return s
}

// clean gives the absolute name of an entry, and whether it was written as such.
func clean(name string) (string, bool) {
	p := path.Clean("/" + name)
	plain := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/"), "/")
	return p, plain == p[1:] || plain == "." || plain == ""
}

const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
)

// entry records a name; false: it is not to be looked at further.
func (s *sink) entry(name string, kind EntryKind, link string) (string, bool, error) {
	if len(name) > maxName || strings.ContainsRune(name, 0) {
		s.note("tar-name", finding.Partial, name, "no file can have this name")
		return "", false, nil
	}
	p, plain := clean(name)
	switch {
	case !plain && strings.Contains("/"+name+"/", "/../"):
		s.note("tar-name-escapes", finding.Complete, name, "the name points upwards; it was read as "+p)
	case strings.HasPrefix(name, "/"):
		s.note("tar-name-absolute", finding.Complete, name, "the name is absolute")
	case strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 }) || !utf8.ValidString(name):
		s.note("tar-name-odd", finding.Complete, name, "the name is not printable text")
	}
	if err := s.budget.entry(len(p) + len(link)); err != nil {
		return "", false, err
	}
	base := path.Base(p)
	switch {
	case base == opaqueName:
		s.layer.Entries = append(s.layer.Entries, Entry{Path: path.Dir(p), Kind: Opaque})
		return p, false, nil
	case strings.HasPrefix(base, whiteoutPrefix+whiteoutPrefix):
		return p, false, nil // aufs' own bookkeeping
	case strings.HasPrefix(base, whiteoutPrefix):
		target := base[len(whiteoutPrefix):]
		if target == "" || target == "." || target == ".." {
			s.note("tar-whiteout", finding.Complete, name, "the whiteout names nothing")
			return p, false, nil
		}
		s.layer.Entries = append(s.layer.Entries, Entry{Path: path.Join(path.Dir(p), target), Kind: Whiteout})
		return p, false, nil
	}
	s.layer.Entries = append(s.layer.Entries, Entry{Path: p, Kind: kind, Link: link})
	return p, true, nil
}

// file looks at one regular file. It reads of r no more than somebody wants.
func (s *sink) file(info inspect.Info, r io.Reader) error {
	var wanted []extractor
	for _, x := range extractors {
		if x.wants(info) {
			wanted = append(wanted, x)
		}
	}
	var head int64
	digest := false
	var by []inspect.Inspector
	for _, i := range s.inspectors {
		w := s.wants(i, info)
		if w.Zero() {
			continue
		}
		by = append(by, i)
		head = max(head, min(w.Bytes, inspect.MaxBytes))
		digest = digest || w.Digest
	}
	if len(wanted) == 0 && len(by) == 0 {
		return nil
	}
	f := inspect.File{Info: info}
	var sum hash.Hash
	if digest {
		sum = sha256.New()
		r = io.TeeReader(r, sum)
	}
	in := &input{Info: info, ctx: s.ctx, temp: s.tempDir}
	keep := min(head, info.Size)
	if len(wanted) > 0 {
		// The first bytes tell whether an executable is one that we read.
		probe, err := s.read(r, min(info.Size, max(keep, probeBytes)))
		if err != nil {
			return err
		}
		rest := wanted[:0]
		for _, x := range wanted {
			if x.magic == nil || x.magic(probe) {
				rest = append(rest, x)
			}
		}
		wanted = rest
		done, err := s.whole(in, probe, r, len(wanted) > 0)
		if err != nil {
			return err
		}
		defer done()
		if in.data == nil {
			wanted = nil
		}
	} else if _, err := s.read(r, keep); err != nil {
		return err
	}
	f.Head = s.buf[:min(int64(len(s.buf)), max(keep, 0))]
	if in.all == nil && in.data != nil && int64(len(f.Head)) < keep {
		big := make([]byte, keep)
		if _, err := io.ReadFull(in.reader(), big); err != nil {
			return err
		}
		f.Head = big
	}
	f.Whole = int64(len(f.Head)) == info.Size
	if digest {
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		sum.Sum(f.SHA256[:0])
	}
	out := File{Path: info.Path}
	for _, x := range wanted {
		s.extract(x, in, &out)
	}
	for _, i := range by {
		s.inspect(i, f, &out)
	}
	if !out.empty() {
		return s.keep(out)
	}
	return nil
}

// stat shows inspectors what is no file but has a mode.
func (s *sink) stat(info inspect.Info) error {
	out := File{Path: info.Path}
	for _, i := range s.inspectors {
		if s.wants(i, info).Stat {
			s.inspect(i, inspect.File{Info: info}, &out)
		}
	}
	if out.empty() {
		return nil
	}
	return s.keep(out)
}

func (f *File) empty() bool {
	v := &f.Found
	return len(f.Packages) == 0 && len(f.Owned) == 0 && f.Text == "" && len(f.Licences) == 0 &&
		len(v.Secrets)+len(v.Malware)+len(v.Licences)+len(v.Misconfigurations) == 0
}

func (s *sink) keep(f File) error {
	owned := 0
	for _, o := range f.Owned {
		owned += len(o.Paths)
	}
	if err := s.budget.found(len(f.Packages), int64(owned)); err != nil {
		return err
	}
	s.layer.Files = append(s.layer.Files, f)
	return nil
}

// read puts the next n bytes into the buffer, which it empties first.
func (s *sink) read(r io.Reader, n int64) ([]byte, error) {
	if int64(cap(s.buf)) < n {
		s.buf = make([]byte, 0, max(n, 64<<10))
	}
	s.buf = s.buf[:n]
	_, err := io.ReadFull(r, s.buf)
	return s.buf, err
}

// whole gives an extractor all of a file: in memory, or in a temporary file
// that done removes.
func (s *sink) whole(in *input, probe []byte, r io.Reader, wanted bool) (done func(), err error) {
	nothing := func() {}
	switch {
	case !wanted:
		return nothing, nil
	case in.Size <= s.limits.MemoryBytes:
		if have := int64(len(probe)); have < in.Size {
			if int64(cap(s.buf)) < in.Size {
				grown := make([]byte, have, in.Size)
				copy(grown, probe)
				s.buf = grown
			}
			s.buf = s.buf[:in.Size]
			if _, err := io.ReadFull(r, s.buf[have:]); err != nil {
				return nothing, err
			}
		}
		in.all = s.buf
		in.data = bytes.NewReader(s.buf)
		return nothing, nil
	case in.Size > s.limits.FileBytes:
		s.note("limit-file", finding.Partial, in.Path, fmt.Sprintf("the file has %d bytes, at most %d are read", in.Size, s.limits.FileBytes))
		return nothing, nil
	}
	f, err := os.CreateTemp(s.tempDir, "limpet-file-*")
	if err != nil {
		return nothing, err
	}
	done = func() {
		f.Close()
		os.Remove(f.Name())
	}
	n, err := io.Copy(f, io.MultiReader(bytes.NewReader(probe), r))
	if err == nil && n != in.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		done()
		return nothing, err
	}
	in.data, in.file = f, f.Name()
	return done, nil
}

// wants asks an inspector, which may panic on a hostile name.
func (s *sink) wants(i inspect.Inspector, info inspect.Info) (w inspect.Want) {
	defer s.guard(i.Name(), info.Path)
	return i.Wants(info)
}

func (s *sink) inspect(i inspect.Inspector, f inspect.File, out *File) {
	defer s.guard(i.Name(), f.Path)
	found := i.Inspect(f)
	v := &out.Found
	v.Secrets = append(v.Secrets, found.Secrets...)
	v.Malware = append(v.Malware, found.Malware...)
	v.Licences = append(v.Licences, found.Licences...)
	v.Misconfigurations = append(v.Misconfigurations, found.Misconfigurations...)
	for _, a := range found.Anomalies {
		s.note(a.Code, a.Effect, f.Path, a.Detail)
	}
}

func (s *sink) extract(x extractor, in *input, out *File) {
	defer s.guard(x.name, in.Path)
	got := File{}
	if err := x.run(in, &got); err != nil {
		effect := finding.Complete
		if x.required || errors.Is(err, errJarLimit) {
			effect = finding.Partial
		}
		s.note("unreadable-"+x.name, effect, in.Path, err.Error())
	}
	// What was read before an error still counts.
	out.Packages = append(out.Packages, got.Packages...)
	out.Owned = append(out.Owned, got.Owned...)
	out.Licences = append(out.Licences, got.Licences...)
	if got.Text != "" {
		out.Text = got.Text
	}
}

// guard makes an anomaly of a panic.
func (s *sink) guard(who, name string) {
	if r := recover(); r != nil {
		line := strings.TrimSpace(fmt.Sprint(r))
		s.note("panic-"+who, finding.Partial, name, "reading it went wrong: "+line)
	}
}
