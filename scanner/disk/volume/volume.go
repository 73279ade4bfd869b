package volume

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sort"
)

// What can be wrong with a file system. Match with errors.Is.
var (
	ErrBroken      = errors.New("the file system is damaged")
	ErrUnsupported = errors.New("the file system has a property that is not read")
)

// Broken says what is wrong.
func Broken(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, a...))
}

// FS is a file system on a disk. Calls do not overlap.
type FS interface {
	Kind() string  // ext4, xfs
	UUID() string  // as blkid writes it
	Label() string // "" if it has none
	// Clean says that nothing waits in the journal.
	Clean() bool
	Root() uint64
	Stat(inode uint64) (Inode, error)
	// List gives the names in a folder, without . and .., in the disk's order.
	List(inode uint64) ([]Name, error)
	ReadLink(inode uint64) (string, error)
	Open(inode uint64) (io.ReaderAt, error)
}

// Inode is what is known of a file.
type Inode struct {
	Mode     fs.FileMode
	Size     int64 // bytes
	UID, GID int
}

// Name is one name in a folder.
type Name struct {
	Name  string
	Inode uint64
}

// Limits of one file or folder.
const (
	MaxExtents  = 1 << 20
	MaxFolder   = 256 << 20 // bytes of a folder's table
	MaxNames    = 4_000_000 // names in a folder
	MaxLinkSize = 4096
)

// Mode turns st_mode of Linux into Go's.
func Mode(st uint16) fs.FileMode {
	m := fs.FileMode(st & 0o777)
	switch st & 0o170000 {
	case 0o040000:
		m |= fs.ModeDir
	case 0o120000:
		m |= fs.ModeSymlink
	case 0o010000:
		m |= fs.ModeNamedPipe
	case 0o140000:
		m |= fs.ModeSocket
	case 0o020000:
		m |= fs.ModeDevice | fs.ModeCharDevice
	case 0o060000:
		m |= fs.ModeDevice
	case 0o100000:
	default:
		m |= fs.ModeIrregular
	}
	for bit, mode := range map[uint16]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if st&bit != 0 {
			m |= mode
		}
	}
	return m
}

// Extent says where a piece of a file lies; what no extent covers is zeros.
type Extent struct {
	Logical, Length int64 // bytes in the file
	At              int64 // on the device
}

// File reads a file through its extents.
type File struct {
	Device io.ReaderAt
	Size   int64
	Pieces []Extent // sorted, without overlap
}

// NewFile sorts the pieces and refuses what cannot be. end is the device's size.
func NewFile(d io.ReaderAt, size, end int64, pieces []Extent) (*File, error) {
	slices.SortFunc(pieces, func(a, b Extent) int { return cmp.Compare(a.Logical, b.Logical) })
	last := int64(0)
	for _, p := range pieces {
		switch {
		case p.Logical < last:
			return nil, Broken("two pieces of a file overlap")
		case p.Length <= 0 || p.At < 0 || p.At > end || p.Length > end-p.At || p.Logical > 1<<62:
			return nil, Broken("a piece of a file lies outside of the disk")
		}
		last = p.Logical + p.Length
	}
	return &File{d, size, pieces}, nil
}

// Sparse says that the file claims more than ratio times what lies on the disk.
func (f *File) Sparse(ratio int64) bool {
	var held int64
	for _, p := range f.Pieces {
		held += p.Length
	}
	return held < f.Size/ratio
}

// ReadAt is io.ReaderAt.
func (f *File) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at >= f.Size {
		return 0, io.EOF
	}
	var end error
	if int64(len(p)) > f.Size-at {
		p, end = p[:f.Size-at], io.EOF
	}
	done := 0
	i := sort.Search(len(f.Pieces), func(i int) bool { return f.Pieces[i].Logical+f.Pieces[i].Length > at })
	for done < len(p) {
		now := at + int64(done)
		hole := int64(len(p) - done)
		if i < len(f.Pieces) {
			e := f.Pieces[i]
			if now >= e.Logical {
				n := min(hole, e.Logical+e.Length-now)
				if k, err := f.Device.ReadAt(p[done:done+int(n)], e.At+now-e.Logical); int64(k) < n {
					if err == nil || err == io.EOF {
						err = io.ErrUnexpectedEOF
					}
					return done + k, err
				}
				done += int(n)
				i++
				continue
			}
			hole = min(hole, e.Logical-now)
		}
		clear(p[done : done+int(hole)])
		done += int(hole)
	}
	return done, end
}

// Whole reads all of a file that has at most limit bytes.
func Whole(r io.ReaderAt, size, limit int64) ([]byte, error) {
	if size < 0 || size > limit {
		return nil, Broken("%d bytes, at most %d are read", size, limit)
	}
	b := make([]byte, size)
	n, err := r.ReadAt(b, 0)
	if int64(n) == size {
		err = nil
	} else if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// UUIDString writes a UUID.
func UUIDString(b []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
