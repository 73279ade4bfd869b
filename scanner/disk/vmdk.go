package disk

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"regexp"
)

var le = binary.LittleEndian

// Limits of a VMDK.
const (
	maxGrain      = 1 << 20 // bytes
	maxDirectory  = 16 << 20
	maxDescriptor = 1 << 20
	sector        = 512
)

// vmdk is a VMDK of one file: monolithic sparse, or stream-optimised, whose
// grains are compressed.
type vmdk struct {
	r         io.ReaderAt
	file      int64
	size      int64
	grain     int64
	perTable  int64
	directory []byte
	packed    bool
	tables    map[uint32][]byte
	held      int64 // the packed grain in hand, by where it lies
	plain     []byte
}

var (
	parentCID  = regexp.MustCompile(`(?mi)^\s*parentCID\s*=\s*([0-9a-f]+)`)
	createType = regexp.MustCompile(`(?mi)^\s*createType\s*=\s*"([^"]*)"`)
)

func openVMDK(r io.ReaderAt, file int64) (*vmdk, error) {
	h := make([]byte, sector)
	if n, _ := r.ReadAt(h, 0); n < len(h) {
		return nil, broken("it ends within its header")
	}
	if le.Uint64(h[56:]) == 1<<64-1 { // the directory is named by the footer
		if file < 2*sector {
			return nil, broken("it has no footer")
		}
		if n, _ := r.ReadAt(h, file-2*sector); n < len(h) || string(h[:4]) != "KDMV" {
			return nil, broken("it has no footer")
		}
	}
	flags, capacity, grain := le.Uint32(h[8:]), le.Uint64(h[12:]), le.Uint64(h[20:])
	v := &vmdk{r: r, file: file, packed: flags&(1<<16) != 0, perTable: int64(le.Uint32(h[44:])), tables: map[uint32][]byte{}, held: -1}
	if v.packed && le.Uint16(h[77:]) != 1 {
		return nil, unsupported("compression %d", le.Uint16(h[77:]))
	}
	if capacity > 1<<47 || grain == 0 || grain > maxGrain/sector || v.perTable == 0 || v.perTable > 1<<16 {
		return nil, broken("the numbers of its header cannot be")
	}
	v.size, v.grain = int64(capacity)*sector, int64(grain)*sector
	if err := v.descriptor(le.Uint64(h[28:]), le.Uint64(h[36:])); err != nil {
		return nil, err
	}
	span := v.grain * v.perTable
	entries := (v.size + span - 1) / span
	at := le.Uint64(h[56:])
	if entries*4 > maxDirectory || at > uint64(file/sector) || entries*4 > file-int64(at)*sector {
		return nil, broken("its directory lies outside of the file")
	}
	v.directory = make([]byte, entries*4)
	if n, err := r.ReadAt(v.directory, int64(at)*sector); n < len(v.directory) {
		return nil, err
	}
	return v, nil
}

// descriptor reads the text in the image: what it stands upon.
func (v *vmdk) descriptor(at, size uint64) error {
	if at == 0 || size == 0 {
		return nil
	}
	if size > maxDescriptor/sector || at > uint64(v.file/sector) {
		return broken("its description lies outside of the file")
	}
	text := make([]byte, size*sector)
	n, err := v.r.ReadAt(text, int64(at)*sector)
	if err != nil && err != io.EOF {
		return err
	}
	text = text[:n]
	if m := parentCID.FindSubmatch(text); m != nil && string(bytes.ToLower(m[1])) != "ffffffff" {
		return ErrBacking
	}
	if m := createType.FindSubmatch(text); m != nil && string(m[1]) != "monolithicSparse" && string(m[1]) != "streamOptimized" {
		return unsupported("a VMDK of kind %.60q", m[1])
	}
	return nil
}

// ReadAt reads of the disk, grain by grain.
func (v *vmdk) ReadAt(p []byte, at int64) (int, error) {
	done := 0
	for done < len(p) {
		now := at + int64(done)
		if now >= v.size {
			return done, io.EOF
		}
		in := now % v.grain
		n := min(int64(len(p)-done), v.grain-in, v.size-now)
		if err := v.piece(p[done:done+int(n)], now/v.grain, in); err != nil {
			return done, err
		}
		done += int(n)
	}
	return done, nil
}

func (v *vmdk) piece(p []byte, grain, in int64) error {
	table, err := v.table(le.Uint32(v.directory[grain/v.perTable*4:]))
	if err != nil {
		return err
	}
	if table == nil {
		clear(p)
		return nil
	}
	at := int64(le.Uint32(table[grain%v.perTable*4:])) * sector
	switch {
	case at <= sector: // none, or one of zeros
		clear(p)
		return nil
	case v.packed:
		if err := v.unpack(at, grain); err != nil {
			return err
		}
		copy(p, v.plain[in:])
		return nil
	}
	return v.read(p, at+in)
}

func (v *vmdk) read(p []byte, at int64) error {
	if at > v.file || int64(len(p)) > v.file-at {
		return broken("a grain lies behind the end of the file")
	}
	if n, err := v.r.ReadAt(p, at); n < len(p) {
		return err
	}
	return nil
}

func (v *vmdk) table(at uint32) ([]byte, error) {
	if at == 0 {
		return nil, nil
	}
	if t, ok := v.tables[at]; ok {
		return t, nil
	}
	t := make([]byte, v.perTable*4)
	if err := v.read(t, int64(at)*sector); err != nil {
		return nil, err
	}
	if len(v.tables) >= maxTables {
		clear(v.tables)
	}
	v.tables[at] = t
	return t, nil
}

// unpack unpacks a grain into plain. Its marker says where it belongs.
func (v *vmdk) unpack(at, grain int64) error {
	if at == v.held {
		return nil
	}
	h := make([]byte, 12)
	if err := v.read(h, at); err != nil {
		return err
	}
	size := int64(le.Uint32(h[8:]))
	if int64(le.Uint64(h)) != grain*(v.grain/sector) || size == 0 || size > 2*maxGrain {
		return broken("a grain is not the one that its table promises")
	}
	b := make([]byte, size)
	if err := v.read(b, at+12); err != nil {
		return err
	}
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return broken("a grain: %v", err)
	}
	v.held = -1
	if v.plain == nil {
		v.plain = make([]byte, v.grain)
	}
	n, err := io.ReadFull(z, v.plain)
	if err == io.ErrUnexpectedEOF && (grain+1)*v.grain > v.size {
		err = nil // the last one may be short
		clear(v.plain[n:])
	}
	if err != nil {
		return broken("a grain: %v", err)
	}
	v.held = at
	return nil
}
