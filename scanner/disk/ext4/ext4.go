package ext4

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"

	"github.com/limpet-security/limpet/scanner/disk/volume"
)

var le = binary.LittleEndian

// Features that change how a disk is to be read.
const (
	compression = 0x1
	recover_    = 0x4
	journalDev  = 0x8
	metaBG      = 0x10
	extents     = 0x40
	bits64      = 0x80
	inlineData  = 0x8000
	known       = 0x2 | recover_ | extents | bits64 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | inlineData | 0x10000 | 0x20000
)

// Flags of an inode.
const (
	encryptedFlag = 0x800
	extentsFlag   = 0x80000
	inlineFlag    = 0x10000000
)

const (
	rootInode     = 2
	maxDepth      = 5       // of an extent tree, as the kernel has it
	maxTreeBlocks = 1 << 16 // blocks of one extent tree
)

// FS is one file system.
type FS struct {
	r         io.ReaderAt
	size      int64 // bytes that its blocks take
	block     int64
	groups    int64
	perGroup  uint32 // inodes
	inodes    uint32
	inodeSize int64
	descSize  int64
	firstDesc int64
	uuid      string
	label     string
	clean     bool
}

// Is says that a device begins like such a file system.
func Is(r io.ReaderAt) bool {
	b := make([]byte, 2)
	n, _ := r.ReadAt(b, 1024+56)
	return n == 2 && le.Uint16(b) == 0xef53
}

// Open reads the superblock.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	b := make([]byte, 1024)
	if n, err := r.ReadAt(b, 1024); n < len(b) {
		return nil, fmt.Errorf("cannot read the superblock: %w", err)
	}
	if le.Uint16(b[56:]) != 0xef53 {
		return nil, volume.Broken("no superblock")
	}
	incompat := le.Uint32(b[96:])
	f := &FS{r: r, inodes: le.Uint32(b[0:]), perGroup: le.Uint32(b[40:]), inodeSize: 128, descSize: 32, uuid: volume.UUIDString(b[104:120]), label: string(bytes.TrimRight(b[120:136], "\x00"))}
	f.clean = incompat&recover_ == 0
	if le.Uint32(b[76:]) == 0 {
		incompat = 0 // the first revision has no features
	} else {
		f.inodeSize = int64(le.Uint16(b[88:]))
	}
	if odd := incompat &^ uint32(known); odd != 0 {
		return nil, fmt.Errorf("ext4 features %#x: %w", odd, volume.ErrUnsupported)
	}
	if shift := le.Uint32(b[24:]); shift <= 6 {
		f.block = 1024 << shift
	}
	blocks := int64(le.Uint32(b[4:]))
	if incompat&bits64 != 0 {
		blocks |= int64(le.Uint32(b[336:])) << 32
		f.descSize = int64(le.Uint16(b[254:]))
	}
	first, perGroup := int64(le.Uint32(b[20:])), int64(le.Uint32(b[32:]))
	switch {
	case f.block == 0, f.inodeSize < 128, f.inodeSize > f.block, f.inodeSize&(f.inodeSize-1) != 0, f.perGroup == 0, perGroup == 0,
		int64(f.perGroup) > 8*f.block, f.descSize < 32, f.descSize > 1024, perGroup > 1<<31, blocks <= first, blocks > 1<<48, first > 1:
		return nil, volume.Broken("the superblock's numbers cannot be")
	}
	f.groups = (blocks - first + perGroup - 1) / perGroup
	f.firstDesc = (1024/f.block + 1) * f.block // behind the block that holds the superblock
	f.size = min(size, blocks*f.block)
	if f.firstDesc+f.groups*f.descSize > f.size {
		return nil, volume.Broken("the descriptors of its groups lie outside of the disk")
	}
	return f, nil
}

// Kind is ext4, for the older ones too.
func (f *FS) Kind() string { return "ext4" }

// UUID is the file system's.
func (f *FS) UUID() string { return f.uuid }

// Label is the file system's name.
func (f *FS) Label() string { return f.label }

// Clean says that no journal waits.
func (f *FS) Clean() bool { return f.clean }

// Root is the inode of /.
func (f *FS) Root() uint64 { return rootInode }

func (f *FS) read(at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || at > f.size || n > f.size-at {
		return nil, volume.Broken("an address lies outside of the disk")
	}
	b := make([]byte, n)
	if k, err := f.r.ReadAt(b, at); int64(k) < n {
		return nil, fmt.Errorf("cannot read the disk: %w", err)
	}
	return b, nil
}

// inode gives the bytes of one.
func (f *FS) inode(n uint64) ([]byte, error) {
	if n == 0 || n > uint64(f.inodes) {
		return nil, volume.Broken("there is no inode %d", n)
	}
	group := int64(n-1) / int64(f.perGroup)
	if group >= f.groups {
		return nil, volume.Broken("inode %d lies in no group", n)
	}
	d, err := f.read(f.firstDesc+group*f.descSize, f.descSize)
	if err != nil {
		return nil, err
	}
	table := int64(le.Uint32(d[8:]))
	if f.descSize >= 64 {
		table |= int64(le.Uint32(d[40:])) << 32
	}
	if table <= 0 || table > f.size/f.block {
		return nil, volume.Broken("the inodes of group %d lie outside of the disk", group)
	}
	return f.read(table*f.block+int64(n-1)%int64(f.perGroup)*f.inodeSize, f.inodeSize)
}

func sizeOf(i []byte) int64 { return int64(le.Uint32(i[4:])) | int64(le.Uint32(i[108:]))<<32 }

// Stat tells of an inode.
func (f *FS) Stat(n uint64) (volume.Inode, error) {
	i, err := f.inode(n)
	if err != nil {
		return volume.Inode{}, err
	}
	v := volume.Inode{Mode: volume.Mode(le.Uint16(i)), Size: sizeOf(i), UID: int(le.Uint16(i[2:])) | int(le.Uint16(i[120:]))<<16, GID: int(le.Uint16(i[24:])) | int(le.Uint16(i[122:]))<<16}
	if v.Size < 0 || v.Size > 1<<50 {
		return v, volume.Broken("inode %d has %d bytes", n, v.Size)
	}
	return v, nil
}

// Open gives a file's content.
func (f *FS) Open(n uint64) (io.ReaderAt, error) {
	i, err := f.inode(n)
	if err != nil {
		return nil, err
	}
	return f.content(n, i)
}

func (f *FS) content(n uint64, i []byte) (io.ReaderAt, error) {
	flags, size := le.Uint32(i[32:]), sizeOf(i)
	switch {
	case flags&encryptedFlag != 0:
		return nil, fmt.Errorf("inode %d is encrypted: %w", n, volume.ErrUnsupported)
	case flags&inlineFlag != 0:
		b := f.inline(i)
		return bytes.NewReader(b[:min(int64(len(b)), max(size, 0))]), nil
	case flags&extentsFlag != 0:
		t := &tree{fs: f}
		if err := t.node(i[40:100], -1); err != nil {
			return nil, err
		}
		return volume.NewFile(f.r, size, f.size, t.pieces)
	}
	return &mapped{fs: f, size: size, roots: i[40:100]}, nil
}

// tree gathers the extents of a file.
type tree struct {
	fs     *FS
	pieces []volume.Extent
	blocks int
}

// node reads a node of the tree; depth is what its parent says it has, -1 of the root.
func (t *tree) node(b []byte, depth int) error {
	if le.Uint16(b) != 0xf30a {
		return volume.Broken("no extents where they should be")
	}
	entries, have := int(le.Uint16(b[2:])), int(le.Uint16(b[6:]))
	if depth >= 0 && have != depth || have > maxDepth || 12+12*entries > len(b) {
		return volume.Broken("an extent tree of depth %d with %d entries", have, entries)
	}
	for k := range entries {
		e := b[12+12*k:]
		logical := int64(le.Uint32(e)) * t.fs.block
		if have == 0 {
			length := int64(le.Uint16(e[4:]))
			at := (int64(le.Uint32(e[8:])) | int64(le.Uint16(e[6:]))<<32) * t.fs.block
			if length > 32768 {
				continue // promised and not written: zeros
			}
			if len(t.pieces) == volume.MaxExtents {
				return volume.Broken("a file has more than %d pieces", volume.MaxExtents)
			}
			t.pieces = append(t.pieces, volume.Extent{Logical: logical, Length: length * t.fs.block, At: at})
			continue
		}
		if t.blocks++; t.blocks > maxTreeBlocks {
			return volume.Broken("an extent tree has more than %d blocks", maxTreeBlocks)
		}
		child, err := t.fs.read((int64(le.Uint32(e[4:]))|int64(le.Uint16(e[8:]))<<32)*t.fs.block, t.fs.block)
		if err != nil {
			return err
		}
		if err := t.node(child, have-1); err != nil {
			return err
		}
	}
	return nil
}

// mapped is a file of ext2 and ext3: a table of blocks, and tables of tables.
type mapped struct {
	fs    *FS
	size  int64
	roots []byte
	at    int64 // block of the table in hand
	table []byte
}

func (m *mapped) ReadAt(p []byte, at int64) (int, error) {
	done := 0
	for done < len(p) {
		now := at + int64(done)
		if now >= m.size || now < 0 {
			return done, io.EOF
		}
		b, err := m.lookup(now / m.fs.block)
		if err != nil {
			return done, err
		}
		in := now % m.fs.block
		n := min(int64(len(p)-done), m.fs.block-in, m.size-now)
		if b == 0 {
			clear(p[done : done+int(n)])
		} else {
			piece, err := m.fs.read(b*m.fs.block+in, n)
			if err != nil {
				return done, err
			}
			copy(p[done:], piece)
		}
		done += int(n)
	}
	return done, nil
}

// lookup gives the block of the disk that holds a block of the file, 0: none.
func (m *mapped) lookup(n int64) (int64, error) {
	per := m.fs.block / 4
	if n < 12 {
		return int64(le.Uint32(m.roots[4*n:])), nil
	}
	n -= 12
	for level, span := 1, per; level <= 3; level, span = level+1, span*per {
		if n >= span {
			n -= span
			continue
		}
		at := int64(le.Uint32(m.roots[4*(11+level):]))
		for ; span > 1 && at != 0; n %= span {
			span /= per
			if m.at != at || m.table == nil {
				b, err := m.fs.read(at*m.fs.block, m.fs.block)
				if err != nil {
					return 0, err
				}
				m.at, m.table = at, b
			}
			at = int64(le.Uint32(m.table[4*(n/span):]))
		}
		return at, nil
	}
	return 0, volume.Broken("a file is longer than its tables")
}

// inline gives the data that lies in the inode: 60 bytes, and the value of the
// attribute system.data.
func (f *FS) inline(i []byte) []byte {
	b := bytes.Clone(i[40:100])
	if len(i) < 132 {
		return b
	}
	at := 128 + int(le.Uint16(i[128:]))
	if at+4 > len(i) || le.Uint32(i[at:]) != 0xea020000 {
		return b
	}
	list := i[at+4:]
	for e := list; len(e) >= 16 && le.Uint32(e) != 0; {
		name, offset, size := int(e[0]), int(le.Uint16(e[2:])), int(le.Uint32(e[8:]))
		if 16+name > len(e) {
			break
		}
		if e[1] == 7 && string(e[16:16+name]) == "data" && offset <= len(list) && size <= len(list)-offset {
			return append(b, list[offset:offset+size]...)
		}
		e = e[min(len(e), (16+name+3)&^3):]
	}
	return b
}

// ReadLink gives where a link leads.
func (f *FS) ReadLink(n uint64) (string, error) {
	i, err := f.inode(n)
	if err != nil {
		return "", err
	}
	size := sizeOf(i)
	if volume.Mode(le.Uint16(i))&fs.ModeSymlink == 0 || size > volume.MaxLinkSize || size < 0 {
		return "", volume.Broken("inode %d is no link", n)
	}
	if size < 60 && le.Uint32(i[32:])&(extentsFlag|inlineFlag|encryptedFlag) == 0 {
		return string(i[40 : 40+size]), nil
	}
	r, err := f.content(n, i)
	if err != nil {
		return "", err
	}
	b, err := volume.Whole(r, size, volume.MaxLinkSize)
	return string(b), err
}

// List gives the names in a folder.
func (f *FS) List(n uint64) ([]volume.Name, error) {
	i, err := f.inode(n)
	if err != nil {
		return nil, err
	}
	if volume.Mode(le.Uint16(i))&fs.ModeDir == 0 {
		return nil, volume.Broken("inode %d is no folder", n)
	}
	if le.Uint32(i[32:])&inlineFlag != 0 {
		b := f.inline(i)
		names, err := f.entries(nil, b[4:60])
		if err == nil && len(b) > 60 {
			names, err = f.entries(names, b[60:])
		}
		return names, err
	}
	r, err := f.content(n, i)
	if err != nil {
		return nil, err
	}
	size := sizeOf(i)
	if size > volume.MaxFolder || size < 0 {
		return nil, volume.Broken("a folder of %d bytes", size)
	}
	var names []volume.Name
	block := make([]byte, f.block)
	for at := int64(0); at < size; at += f.block {
		if k, err := r.ReadAt(block, at); int64(k) < f.block {
			if err == io.EOF {
				err = volume.Broken("a folder ends within a block")
			}
			return names, err
		}
		if names, err = f.entries(names, block); err != nil {
			return names, err
		}
	}
	return names, nil
}

// entries reads the names of one block.
func (f *FS) entries(names []volume.Name, b []byte) ([]volume.Name, error) {
	for len(b) >= 8 {
		length := int(le.Uint16(b[4:]))
		if f.block == 65536 && (length == 0 || length == 65535) {
			length = 65536
		}
		name := int(b[6])
		if length < 8 || length > len(b) || 8+name > length {
			return names, volume.Broken("a name in a folder has %d bytes of %d", name, length)
		}
		if n := le.Uint32(b); n != 0 {
			if s := string(b[8 : 8+name]); s != "." && s != ".." {
				if len(names) == volume.MaxNames {
					return names, volume.Broken("a folder has more than %d names", volume.MaxNames)
				}
				names = append(names, volume.Name{Name: s, Inode: uint64(n)})
			}
		}
		b = b[length:]
	}
	return names, nil
}
