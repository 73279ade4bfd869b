package drift

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/workload"
)

// Bounds of a manifest.
const (
	MaxEntries = 1 << 20
	MaxPath    = 4096
	MaxBytes   = 256 << 20
)

// Errors of Parse and Open.
var (
	ErrFormat  = errors.New("not a drift manifest")
	ErrVersion = errors.New("drift manifest of a newer version")
	ErrDamaged = errors.New("damaged drift manifest")
)

// Kind says what sort of executable an entry is.
type Kind uint8

// Kinds.
const (
	ELF     Kind = 1 // program
	Script  Kind = 2 // starts with "#!"
	Library Kind = 3 // shared object
	Other   Kind = 4 // has an execute bit and another form: a shell may run it as a script
)

// String gives "elf", "script", "library" or "other".
func (k Kind) String() string {
	switch k {
	case ELF:
		return "elf"
	case Script:
		return "script"
	case Library:
		return "library"
	case Other:
		return "other"
	}
	return "unknown"
}

// Entry is one executable of the image.
type Entry struct {
	Path   string          `json:"path"` // absolute, canonical
	Digest workload.Digest `json:"digest"`
	Kind   Kind            `json:"kind"`
	Mode   uint32          `json:"mode"` // st_mode
}

// The format, all numbers little-endian:
//
//	header   32 bytes: magic, version u32, CRC-32C of what follows the header u32,
//	         entries u32, bytes of strings u32, 8 bytes of zero
//	entries  48 bytes each, by path: offset u32, length u16, kind u8, zero u8,
//	         mode u32, zero u32, digest
//	digests  u32 each: the entries by digest, then path
//	strings  the paths
const (
	magic      = "LIMPETDM"
	version    = 1
	headerSize = 32
	entrySize  = 48
)

// checksum is CRC-32C. Its tables are not made before they are needed: every
// program that links this package would pay for them when it starts.
func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Write writes a manifest. Entries may stand in any order; a path may stand
// once. The same entries give the same bytes.
func Write(w io.Writer, entries []Entry) error {
	if len(entries) > MaxEntries {
		return fmt.Errorf("cannot write drift manifest: %d entries are more than %d", len(entries), MaxEntries)
	}
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	var index, text bytes.Buffer
	le := binary.LittleEndian
	for i, e := range sorted {
		switch {
		case !strings.HasPrefix(e.Path, "/") || len(e.Path) > MaxPath:
			return fmt.Errorf("cannot write drift manifest: path %.80q must be absolute and at most %d bytes", e.Path, MaxPath)
		case i > 0 && sorted[i-1].Path == e.Path:
			return fmt.Errorf("cannot write drift manifest: path %.80q stands twice", e.Path)
		case e.Digest.IsZero():
			return fmt.Errorf("cannot write drift manifest: path %.80q has no digest", e.Path)
		case e.Kind < ELF || e.Kind > Other:
			return fmt.Errorf("cannot write drift manifest: path %.80q has kind %d", e.Path, e.Kind)
		}
		var b [entrySize]byte
		le.PutUint32(b[0:], uint32(text.Len()))
		le.PutUint16(b[4:], uint16(len(e.Path)))
		b[6] = byte(e.Kind)
		le.PutUint32(b[8:], e.Mode)
		copy(b[16:], e.Digest[:])
		index.Write(b[:])
		text.WriteString(e.Path)
	}
	byDigest := make([]int, len(sorted))
	for i := range byDigest {
		byDigest[i] = i
	}
	slices.SortFunc(byDigest, func(a, b int) int {
		if c := bytes.Compare(sorted[a].Digest[:], sorted[b].Digest[:]); c != 0 {
			return c
		}
		return a - b
	})
	for _, i := range byDigest {
		var b [4]byte
		le.PutUint32(b[:], uint32(i))
		index.Write(b[:])
	}
	body := append(index.Bytes(), text.Bytes()...)
	head := make([]byte, headerSize)
	copy(head, magic)
	le.PutUint32(head[8:], version)
	le.PutUint32(head[12:], checksum(body))
	le.PutUint32(head[16:], uint32(len(sorted)))
	le.PutUint32(head[20:], uint32(text.Len()))
	if headerSize+len(body) > MaxBytes {
		return fmt.Errorf("cannot write drift manifest: larger than %d MiB", MaxBytes>>20)
	}
	if _, err := w.Write(append(head, body...)); err != nil {
		return fmt.Errorf("cannot write drift manifest: %w", err)
	}
	return nil
}

// Manifest answers questions about an image's executables. It never changes
// and may be used by any number of goroutines. The nil Manifest knows nothing.
type Manifest struct {
	n       int
	entries []byte
	digests []byte
	text    []byte
}

// Open reads a manifest from a file.
func Open(path string) (*Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open drift manifest: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot open drift manifest: %w", err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("cannot open drift manifest %s: %w: not a regular file", path, ErrFormat)
	}
	if st.Size() > MaxBytes {
		return nil, fmt.Errorf("cannot open drift manifest %s: %w: larger than %d MiB", path, ErrFormat, MaxBytes>>20)
	}
	data := make([]byte, st.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("cannot read drift manifest %s: %w", path, err)
	}
	m, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("cannot read drift manifest %s: %w", path, err)
	}
	return m, nil
}

// Parse reads a manifest and keeps data, which must not change afterwards.
func Parse(data []byte) (*Manifest, error) {
	le := binary.LittleEndian
	if len(data) < headerSize || string(data[:8]) != magic {
		return nil, ErrFormat
	}
	if v := le.Uint32(data[8:]); v != version {
		return nil, fmt.Errorf("%w: version %d, this program knows %d", ErrVersion, v, version)
	}
	n, size := int64(le.Uint32(data[16:])), int64(le.Uint32(data[20:]))
	body := data[headerSize:]
	if n > MaxEntries || len(data) > MaxBytes || int64(len(body)) != n*(entrySize+4)+size || le.Uint64(data[24:]) != 0 {
		return nil, fmt.Errorf("%w: lengths do not agree", ErrDamaged)
	}
	if checksum(body) != le.Uint32(data[12:]) {
		return nil, fmt.Errorf("%w: the checksum differs", ErrDamaged)
	}
	m := &Manifest{n: int(n), entries: body[:n*entrySize], digests: body[n*entrySize : n*(entrySize+4)], text: body[n*(entrySize+4):]}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

// check holds every entry against the rules of the format, so that lookups
// need not. The order of the digests is not held: it costs as much as all the
// rest, and a wrong order can only make HasDigest find nothing.
func (m *Manifest) check() error {
	le := binary.LittleEndian
	var last []byte
	for i := range m.n {
		b := m.entries[i*entrySize:]
		off, n := uint64(le.Uint32(b)), uint64(le.Uint16(b[4:]))
		if off+n > uint64(len(m.text)) || n == 0 || n > MaxPath || b[6] < byte(ELF) || b[6] > byte(Other) {
			return fmt.Errorf("%w: entry %d", ErrDamaged, i)
		}
		path := m.text[off : off+n]
		if path[0] != '/' || i > 0 && bytes.Compare(last, path) >= 0 {
			return fmt.Errorf("%w: entry %d is out of order", ErrDamaged, i)
		}
		last = path
	}
	for i := range m.n {
		j := le.Uint32(m.digests[4*i:])
		if int64(j) >= int64(m.n) {
			return fmt.Errorf("%w: digest %d", ErrDamaged, i)
		}
	}
	return nil
}

func (m *Manifest) digest(i int) []byte { return m.entries[i*entrySize+16 : (i+1)*entrySize] }

func (m *Manifest) path(i int) []byte {
	b := m.entries[i*entrySize:]
	off := binary.LittleEndian.Uint32(b)
	return m.text[off : off+uint32(binary.LittleEndian.Uint16(b[4:]))]
}

// Len gives the number of entries.
func (m *Manifest) Len() int {
	if m == nil {
		return 0
	}
	return m.n
}

// Entry gives the i-th entry by path.
func (m *Manifest) Entry(i int) Entry {
	b := m.entries[i*entrySize:]
	e := Entry{Path: string(m.path(i)), Kind: Kind(b[6]), Mode: binary.LittleEndian.Uint32(b[8:])}
	copy(e.Digest[:], m.digest(i))
	return e
}

// find gives the place of a path, without allocation.
func (m *Manifest) find(path string) (int, bool) {
	if m == nil {
		return 0, false
	}
	lo, hi := 0, m.n
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch p := m.path(mid); {
		case string(p) == path:
			return mid, true
		case string(p) < path:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return 0, false
}

// Lookup gives the entry of a path.
func (m *Manifest) Lookup(path string) (Entry, bool) {
	i, ok := m.find(path)
	if !ok {
		return Entry{}, false
	}
	e := m.Entry(i)
	e.Path = path
	return e, true
}

// HasDigest gives the first path that had a content in the image.
func (m *Manifest) HasDigest(d workload.Digest) (path string, ok bool) {
	i, ok := m.findDigest(d)
	if !ok {
		return "", false
	}
	return string(m.path(i)), true
}

func (m *Manifest) findDigest(d workload.Digest) (int, bool) {
	if m == nil || d.IsZero() {
		return 0, false
	}
	at := func(i int) int { return int(binary.LittleEndian.Uint32(m.digests[4*i:])) }
	i := sort.Search(m.n, func(i int) bool { return bytes.Compare(m.digest(at(i)), d[:]) >= 0 })
	if i < m.n && [32]byte(m.digest(at(i))) == d {
		return at(i), true
	}
	return 0, false
}

// Origin says how a file relates to the image. It is OriginUnknown if there is
// no manifest. A digest that is not known proves nothing: the file then is
// OriginUnreadable under a path of the image, and OriginDrifted elsewhere.
func (m *Manifest) Origin(path string, d workload.Digest) action.Origin {
	if m == nil {
		return action.OriginUnknown
	}
	i, ok := m.find(path)
	switch {
	case ok && d.IsZero():
		return action.OriginUnreadable
	case ok && [32]byte(m.digest(i)) == d:
		return action.OriginImage
	case ok:
		return action.OriginModified
	}
	if _, ok := m.findDigest(d); ok {
		return action.OriginMoved
	}
	return action.OriginDrifted
}
