package addrset

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

// ErrEncoding says that bytes are not what Append writes.
var ErrEncoding = errors.New("not an encoded set of addresses")

// noBits stands for a range of IPv6 addresses that is not a network.
const noBits = 255

// Append writes a sealed set behind b: the number of IPv4 ranges, then for each
// the distance to the end of the one before, doubled, plus one if it is more
// than one address, and then its length less one; the number of IPv6 ranges,
// then for each the distance of the upper halves, the lower half, and the bits
// that are free in it, or noBits and its end. Numbers are varints.
func (s *Set) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s.v4)))
	last := uint32(0)
	for _, r := range s.v4 {
		gap, size := uint64(r.lo-last)<<1, r.hi-r.lo
		if size == 0 {
			b = binary.AppendUvarint(b, gap)
		} else {
			b = binary.AppendUvarint(binary.AppendUvarint(b, gap|1), uint64(size))
		}
		last = r.hi
	}
	b = binary.AppendUvarint(b, uint64(len(s.v6)))
	upper := uint64(0)
	for _, r := range s.v6 {
		b = binary.AppendUvarint(b, r.lo.hi-upper)
		b = binary.AppendUvarint(b, r.lo.lo)
		if n := bits.Len64(r.lo.lo ^ r.hi.lo); r.lo.hi == r.hi.hi && r.lo.plus(n) == r.hi && r.lo.lo&(1<<n-1) == 0 {
			b = append(b, byte(n))
		} else if n := 64 + bits.Len64(r.lo.hi^r.hi.hi); r.lo.lo == 0 && r.lo.plus(n) == r.hi && r.lo.hi&(1<<(n-64)-1) == 0 {
			b = append(b, byte(n))
		} else {
			b = binary.AppendUvarint(binary.AppendUvarint(append(b, noBits), r.hi.hi), r.hi.lo)
		}
		upper = r.lo.hi
	}
	return b
}

// Read reads what Append wrote and gives what stands behind it.
func Read(b []byte) (s Set, rest []byte, err error) {
	d := decoder{b: b}
	n := d.count()
	s.v4 = make([]span4, 0, n)
	last := uint64(0)
	for i := range n {
		v := d.uvarint(math.MaxUint32<<1 | 1)
		lo := last + v>>1
		hi := lo
		if v&1 != 0 {
			hi += d.uvarint(math.MaxUint32)
		}
		if hi > math.MaxUint32 || i > 0 && lo <= last+1 {
			d.bad = true
		}
		if d.bad {
			return Set{}, nil, ErrEncoding
		}
		s.v4 = append(s.v4, span4{uint32(lo), uint32(hi)})
		last = hi
	}
	n = d.count()
	s.v6 = make([]span6, 0, n)
	for i := range n {
		var r span6
		upper := uint64(0)
		if i > 0 {
			upper = s.v6[i-1].lo.hi
		}
		r.lo.hi = upper + d.uvarint(math.MaxUint64-upper)
		r.lo.lo = d.uvarint(math.MaxUint64)
		if free := int(d.byte()); free <= 128 {
			r.hi = r.lo.plus(free)
		} else {
			r.hi.hi = d.uvarint(math.MaxUint64)
			r.hi.lo = d.uvarint(math.MaxUint64)
		}
		if r.hi.compare(r.lo) < 0 || i > 0 && r.lo.compare(s.v6[i-1].hi) <= 0 || i > 0 && r.lo == s.v6[i-1].hi.next() {
			d.bad = true
		}
		if d.bad {
			return Set{}, nil, ErrEncoding
		}
		s.v6 = append(s.v6, r)
	}
	if d.bad {
		return Set{}, nil, ErrEncoding
	}
	return s, d.b, nil
}

// decoder reads numbers; once something is wrong it gives zeros.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > most || d.bad {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 || d.bad {
		d.bad = true
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

// count reads the number of things that follow, each of a byte at least.
func (d *decoder) count() int { return int(d.uvarint(uint64(len(d.b)))) }
