package disk

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/zstd"
)

var be = binary.BigEndian

// Limits of a QCOW2 image.
const (
	maxL1     = 32 << 20 // bytes of its first table, as qemu has it
	maxTables = 64       // second tables in hand
)

// qcow is a QCOW2 image, version 2 or 3: two levels of tables lead to clusters.
// An address that leads back into a table reads the table's bytes: no circle
// can come of it, for a read has two steps whatever the tables say.
type qcow struct {
	r       io.ReaderAt
	file    int64 // bytes of the image's file
	size    int64 // of the disk
	bits    uint
	cluster int64
	zstd    bool
	l1      []byte
	tables  map[uint64][]byte // by where they lie
	packed  uint64            // the compressed cluster in hand, by its entry
	plain   []byte
}

func openQCOW(r io.ReaderAt, file int64) (*qcow, error) {
	h := make([]byte, 112)
	if n, _ := r.ReadAt(h, 0); n < 72 {
		return nil, broken("it ends within its header")
	}
	q := &qcow{r: r, file: file, bits: uint(be.Uint32(h[20:])), size: int64(be.Uint64(h[24:])), tables: map[uint64][]byte{}}
	version := be.Uint32(h[4:])
	if version != 2 && version != 3 {
		return nil, unsupported("QCOW version %d", version)
	}
	if be.Uint64(h[8:]) != 0 {
		return nil, ErrBacking
	}
	if be.Uint32(h[32:]) != 0 {
		return nil, unsupported("it is encrypted")
	}
	if version == 3 {
		switch features := be.Uint64(h[72:]); {
		case features&2 != 0:
			return nil, broken("it is marked as corrupt")
		case features&4 != 0:
			return nil, ErrBacking // its data lies in another file
		case features&^uint64(1|8) != 0:
			return nil, unsupported("QCOW2 features %#x", features)
		case features&8 != 0 && be.Uint32(h[100:]) >= 105:
			switch h[104] {
			case 0:
			case 1:
				q.zstd = true
			default:
				return nil, unsupported("compression %d", h[104])
			}
		}
	}
	entries, at := int64(be.Uint32(h[36:])), int64(be.Uint64(h[40:]))
	if q.bits < 9 || q.bits > 21 || q.size < 0 || q.size > 1<<56 || entries*8 > maxL1 || at < 0 || at > file || entries*8 > file-at {
		return nil, broken("the numbers of its header cannot be")
	}
	q.cluster = 1 << q.bits
	if need := (q.size + q.cluster*q.cluster/8 - 1) / (q.cluster * q.cluster / 8); entries < need {
		return nil, broken("its first table is too short")
	}
	q.l1 = make([]byte, entries*8)
	if n, err := r.ReadAt(q.l1, at); n < len(q.l1) {
		return nil, err
	}
	return q, nil
}

const addressMask = 0x00fffffffffffe00

// ReadAt reads of the disk, cluster by cluster.
func (q *qcow) ReadAt(p []byte, at int64) (int, error) {
	done := 0
	for done < len(p) {
		now := at + int64(done)
		if now >= q.size {
			return done, io.EOF
		}
		in := now & (q.cluster - 1)
		n := min(int64(len(p)-done), q.cluster-in, q.size-now)
		if err := q.piece(p[done:done+int(n)], now>>q.bits, in); err != nil {
			return done, err
		}
		done += int(n)
	}
	return done, nil
}

func (q *qcow) piece(p []byte, cluster, in int64) error {
	per := q.cluster / 8
	i := cluster / per * 8
	if i+8 > int64(len(q.l1)) {
		return broken("its first table is too short")
	}
	table, err := q.table(be.Uint64(q.l1[i:]) & addressMask)
	if err != nil || table == nil {
		clear(p)
		return err
	}
	e := be.Uint64(table[cluster%per*8:])
	switch {
	case e&(1<<62) != 0:
		if err := q.unpack(e); err != nil {
			return err
		}
		copy(p, q.plain[in:])
		return nil
	case e&addressMask == 0, e&1 != 0:
		clear(p)
		return nil
	}
	return q.read(p, int64(e&addressMask)+in)
}

// read reads of the file. What was promised to be there and is not ends reading.
func (q *qcow) read(p []byte, at int64) error {
	if at > q.file || int64(len(p)) > q.file-at {
		// The last cluster may be cut off where it was never written.
		if at > q.file || q.file-at <= 0 {
			return broken("a cluster lies behind the end of the file")
		}
		clear(p[q.file-at:])
		p = p[:q.file-at]
	}
	if n, err := q.r.ReadAt(p, at); n < len(p) {
		return err
	}
	return nil
}

func (q *qcow) table(at uint64) ([]byte, error) {
	if at == 0 {
		return nil, nil
	}
	if t, ok := q.tables[at]; ok {
		return t, nil
	}
	t := make([]byte, q.cluster)
	if err := q.read(t, int64(at)); err != nil {
		return nil, err
	}
	if len(q.tables) >= maxTables {
		clear(q.tables)
	}
	q.tables[at] = t
	return t, nil
}

// unpack unpacks a compressed cluster into plain.
func (q *qcow) unpack(entry uint64) error {
	if entry == q.packed {
		return nil
	}
	shift := 62 - (q.bits - 8)
	at := int64(entry & (1<<shift - 1))
	sectors := int64(entry&(1<<62-1))>>shift + 1
	size := min(sectors*512-at%512, q.file-at)
	if size <= 0 {
		return broken("a compressed cluster lies behind the end of the file")
	}
	b := make([]byte, size)
	if err := q.read(b, at); err != nil {
		return err
	}
	q.packed = 0
	if q.plain == nil {
		q.plain = make([]byte, q.cluster)
	}
	var r io.Reader
	if q.zstd {
		z, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	} else {
		r = flate.NewReader(bytes.NewReader(b))
	}
	if _, err := io.ReadFull(r, q.plain); err != nil {
		return broken("a compressed cluster: %v", err)
	}
	q.packed = entry
	return nil
}
