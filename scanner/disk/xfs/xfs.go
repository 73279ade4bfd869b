package xfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"

	"github.com/limpet-security/limpet/scanner/disk/volume"
)

var be = binary.BigEndian

// Features that change how a disk is to be read.
const (
	ftype       = 0x1
	needsRepair = 0x10
	known       = 0x1ff &^ needsRepair
	v4ftype     = 0x200
)

const (
	maxDepth      = 9       // of a tree of extents
	maxTreeBlocks = 1 << 16 // blocks of one
	maxLog        = 2 << 30 // bytes of a log
)

// Where the data of an inode lies.
const (
	formatLocal   = 1
	formatExtents = 2
	formatTree    = 3
)

// FS is one file system.
type FS struct {
	r         io.ReaderAt
	size      int64 // bytes that its blocks take
	block     int64
	agBlocks  uint64
	agCount   uint64
	agLog     uint
	inopLog   uint
	inodeSize int64
	dirBlock  int64
	v5        bool
	ftype     bool
	root      uint64
	uuid      string
	label     string
	clean     bool
}

// Is says that a device begins like such a file system.
func Is(r io.ReaderAt) bool {
	b := make([]byte, 4)
	n, _ := r.ReadAt(b, 0)
	return n == 4 && string(b) == "XFSB"
}

// Open reads the superblock.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	b := make([]byte, 512)
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("cannot read the superblock: %w", err)
	}
	if string(b[:4]) != "XFSB" {
		return nil, volume.Broken("no superblock")
	}
	f := &FS{r: r, block: int64(be.Uint32(b[4:])), root: be.Uint64(b[56:]), agBlocks: uint64(be.Uint32(b[84:])), agCount: uint64(be.Uint32(b[88:])), inodeSize: int64(be.Uint16(b[104:])),
		agLog: uint(b[124]), inopLog: uint(b[123]), uuid: volume.UUIDString(b[32:48]), label: string(bytes.TrimRight(b[108:120], "\x00"))}
	blocks := be.Uint64(b[8:])
	switch version := be.Uint16(b[100:]) & 0xf; version {
	case 4:
		f.ftype = be.Uint32(b[200:])&v4ftype != 0
	case 5:
		incompat := be.Uint32(b[216:])
		if odd := incompat &^ uint32(known); odd != 0 {
			return nil, fmt.Errorf("XFS features %#x: %w", odd, volume.ErrUnsupported)
		}
		f.v5, f.ftype = true, incompat&ftype != 0
	default:
		return nil, fmt.Errorf("XFS version %d: %w", version, volume.ErrUnsupported)
	}
	f.dirBlock = f.block << (b[192] & 15)
	switch {
	case f.block < 512, f.block > 65536, f.block&(f.block-1) != 0, f.inodeSize < 256, f.inodeSize > 2048, f.inodeSize&(f.inodeSize-1) != 0, f.inodeSize > f.block, b[192] > 7, f.dirBlock > 65536,
		f.agLog > 32, f.agBlocks == 0, f.agBlocks > 1<<f.agLog, f.inopLog > 8, f.inodeSize<<f.inopLog != f.block, blocks == 0, blocks > 1<<48, f.agCount == 0, blocks > f.agCount*f.agBlocks, f.agCount*f.agBlocks > blocks+f.agBlocks:
		return nil, volume.Broken("the superblock's numbers cannot be")
	}
	f.size = min(size, int64(blocks)*f.block)
	f.clean = f.logClean(be.Uint64(b[48:]), int64(be.Uint32(b[96:]))*f.block)
	return f, nil
}

// Kind is xfs.
func (f *FS) Kind() string { return "xfs" }

// UUID is the file system's.
func (f *FS) UUID() string { return f.uuid }

// Label is the file system's name.
func (f *FS) Label() string { return f.label }

// Clean says that the last word of the log is that it was unmounted.
func (f *FS) Clean() bool { return f.clean }

// Root is the inode of /.
func (f *FS) Root() uint64 { return f.root }

// logClean looks for the log's last record: cycle and block number tell which
// it is. That it speaks of an unmount says that all before it is on the disk.
func (f *FS) logClean(start uint64, size int64) bool {
	at, err := f.at(start)
	if start == 0 || err != nil || size <= 0 || size > maxLog || at > f.size-size {
		return false // on another device, or none that can be read
	}
	const sector, opHeader = 512, 12
	buf := make([]byte, 1<<20)
	last, unmount := uint64(0), false
	for done := int64(0); done < size; {
		n, err := f.r.ReadAt(buf[:min(int64(len(buf)), size-done)], at+done)
		if n == 0 {
			return false
		}
		for o := 0; o+sector <= n; o += sector {
			h := buf[o:]
			if be.Uint32(h) != 0xfeedbabe {
				continue
			}
			lsn := be.Uint64(h[16:])
			if lsn < last {
				continue
			}
			last, unmount = lsn, false
			// A record of one operation, whose flags say that it is the unmount's.
			if be.Uint32(h[40:]) == 1 {
				op := make([]byte, opHeader)
				headers := max(1, (int64(be.Uint32(h[320:]))+32767)/32768) // more than one sector where log buffers are large
				if k, _ := f.r.ReadAt(op, at+done+int64(o)+headers*sector); k == opHeader {
					// The first word of each sector is replaced by the cycle; the flags are the tenth byte.
					unmount = op[9]&0x20 != 0
				}
			}
		}
		done += int64(n - n%sector)
		if err != nil && err != io.EOF || n < sector {
			return false
		}
	}
	return last != 0 && unmount
}

// at gives where a block of the file system lies: its group and its number there.
func (f *FS) at(block uint64) (int64, error) {
	group, in := block>>f.agLog, block&(1<<f.agLog-1)
	if group >= f.agCount || in >= f.agBlocks {
		return 0, volume.Broken("there is no block %#x", block)
	}
	return int64(group*f.agBlocks+in) * f.block, nil
}

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

// inode is one with its data fork.
type inode struct {
	raw     []byte
	format  byte
	size    int64
	extents int64
	fork    []byte
}

func (f *FS) inode(n uint64) (*inode, error) {
	if n>>(f.agLog+f.inopLog) >= f.agCount {
		return nil, volume.Broken("there is no inode %d", n)
	}
	at, err := f.at(n >> f.inopLog)
	if err != nil {
		return nil, err
	}
	b, err := f.read(at+int64(n&(1<<f.inopLog-1))*f.inodeSize, f.inodeSize)
	if err != nil {
		return nil, err
	}
	if string(b[:2]) != "IN" {
		return nil, volume.Broken("inode %d is none", n)
	}
	i := &inode{raw: b, format: b[5], size: int64(be.Uint64(b[56:])), extents: int64(be.Uint32(b[76:]))}
	core := 100
	if b[4] == 3 {
		core = 176
		if be.Uint64(b[120:])&(1<<4) != 0 { // counts of 64 bits
			i.extents = int64(be.Uint64(b[24:]))
		}
	}
	end := len(b)
	if off := int(b[82]) * 8; off > 0 {
		end = core + off
	}
	if end > len(b) {
		return nil, volume.Broken("inode %d has a fork of %d bytes", n, end-core)
	}
	i.fork = b[core:end]
	if i.size < 0 || i.size > 1<<50 {
		return nil, volume.Broken("inode %d has %d bytes", n, i.size)
	}
	return i, nil
}

func (i *inode) mode() fs.FileMode { return volume.Mode(be.Uint16(i.raw[2:])) }

// Stat tells of an inode.
func (f *FS) Stat(n uint64) (volume.Inode, error) {
	i, err := f.inode(n)
	if err != nil {
		return volume.Inode{}, err
	}
	return volume.Inode{Mode: i.mode(), Size: i.size, UID: int(be.Uint32(i.raw[8:])), GID: int(be.Uint32(i.raw[12:]))}, nil
}

// Open gives a file's content.
func (f *FS) Open(n uint64) (io.ReaderAt, error) {
	i, err := f.inode(n)
	if err != nil {
		return nil, err
	}
	if be.Uint16(i.raw[90:])&1 != 0 {
		return nil, fmt.Errorf("inode %d lies on a realtime device: %w", n, volume.ErrUnsupported)
	}
	pieces, err := f.pieces(i)
	if err != nil {
		return nil, err
	}
	return volume.NewFile(f.r, i.size, f.size, pieces)
}

func (f *FS) pieces(i *inode) ([]volume.Extent, error) {
	t := &tree{fs: f}
	switch i.format {
	case formatExtents:
		if i.extents*16 > int64(len(i.fork)) || i.extents < 0 {
			return nil, volume.Broken("%d extents in an inode", i.extents)
		}
		err := t.records(i.fork[:i.extents*16])
		return t.pieces, err
	case formatTree:
		if len(i.fork) < 4 {
			return nil, volume.Broken("no room for a tree")
		}
		level, have, most := int(be.Uint16(i.fork)), int(be.Uint16(i.fork[2:])), (len(i.fork)-4)/16
		if level == 0 || level > maxDepth || have > most {
			return nil, volume.Broken("a tree of %d levels with %d entries", level, have)
		}
		err := t.children(i.fork[4+8*most:][:8*have], level)
		return t.pieces, err
	}
	return nil, volume.Broken("an inode of form %d holds no extents", i.format)
}

// tree gathers the extents of a file.
type tree struct {
	fs     *FS
	pieces []volume.Extent
	blocks int
}

func (t *tree) records(b []byte) error {
	for ; len(b) >= 16; b = b[16:] {
		hi, lo := be.Uint64(b), be.Uint64(b[8:])
		if hi>>63 != 0 {
			continue // promised and not written: zeros
		}
		at, err := t.fs.at((hi&0x1ff)<<43 | lo>>21)
		if err != nil {
			return err
		}
		if len(t.pieces) == volume.MaxExtents {
			return volume.Broken("a file has more than %d pieces", volume.MaxExtents)
		}
		logical := int64(hi >> 9)
		if logical > 1<<45 {
			return volume.Broken("a piece of a file lies behind any end")
		}
		t.pieces = append(t.pieces, volume.Extent{Logical: logical * t.fs.block, Length: int64(lo&0x1fffff) * t.fs.block, At: at})
	}
	return nil
}

// children reads the blocks that a node of this level points to.
func (t *tree) children(pointers []byte, level int) error {
	header, magic := 24, "BMAP"
	if t.fs.v5 {
		header, magic = 72, "BMA3"
	}
	for ; len(pointers) >= 8; pointers = pointers[8:] {
		if t.blocks++; t.blocks > maxTreeBlocks {
			return volume.Broken("a tree of extents has more than %d blocks", maxTreeBlocks)
		}
		at, err := t.fs.at(be.Uint64(pointers))
		if err != nil {
			return err
		}
		b, err := t.fs.read(at, t.fs.block)
		if err != nil {
			return err
		}
		have, most := int(be.Uint16(b[6:])), (len(b)-header)/16
		if string(b[:4]) != magic || int(be.Uint16(b[4:])) != level-1 || have > most {
			return volume.Broken("no tree of extents where it should be")
		}
		if level == 1 {
			err = t.records(b[header:][:16*have])
		} else {
			err = t.children(b[header+8*most:][:8*have], level-1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ReadLink gives where a link leads.
func (f *FS) ReadLink(n uint64) (string, error) {
	i, err := f.inode(n)
	if err != nil {
		return "", err
	}
	if i.mode()&fs.ModeSymlink == 0 || i.size > volume.MaxLinkSize {
		return "", volume.Broken("inode %d is no link", n)
	}
	if i.format == formatLocal {
		if i.size > int64(len(i.fork)) {
			return "", volume.Broken("a link of %d bytes in an inode", i.size)
		}
		return string(i.fork[:i.size]), nil
	}
	pieces, err := f.pieces(i)
	if err != nil {
		return "", err
	}
	var out []byte
	for _, p := range pieces {
		if p.Length > 1<<17 {
			return "", volume.Broken("a link in a piece of %d bytes", p.Length)
		}
		b, err := f.read(p.At, p.Length)
		if err != nil {
			return "", err
		}
		if f.v5 { // each piece has a header
			if len(b) < 56 || string(b[:4]) != "XSLM" {
				return "", volume.Broken("no link where it should be")
			}
			b = b[56:][:min(int64(be.Uint32(b[8:])), int64(len(b)-56))]
		}
		out = append(out, b...)
	}
	if int64(len(out)) < i.size {
		return "", volume.Broken("a link ends early")
	}
	return string(out[:i.size]), nil
}
