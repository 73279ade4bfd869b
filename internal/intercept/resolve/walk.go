package resolve

import (
	"encoding/binary"
	"net/netip"
)

// The records of answers are read by this walker and not by a library: what
// decides is what programs will make of the same bytes, so a record's length
// must be what its type says and the next record begins where it ends.

// record is one resource record, uninterpreted.
type record struct {
	owner string // lower case, without the last dot
	typ   uint16
	class uint16
	ttl   uint32
	at    int // where the TTL stands
	body  int // where the data begins
	size  int
}

// Limits of names (RFC 1035).
const (
	maxLabel    = 63
	maxNameSize = 255
	maxPointers = 32
)

// nameAt reads the name at off and gives where it ends. ok is false for what
// is no name: a loop, a label that holds a dot, or more than 255 bytes.
func nameAt(b []byte, off int) (name string, next int, ok bool) {
	var out [maxNameSize]byte
	n, jumps := 0, 0
	next = -1
	for {
		if off >= len(b) {
			return "", 0, false
		}
		l := int(b[off])
		switch {
		case l == 0:
			if next < 0 {
				next = off + 1
			}
			if n > 0 {
				n-- // the last dot
			}
			return lower(string(out[:n])), next, true
		case l >= 0xc0:
			if off+1 >= len(b) || jumps == maxPointers {
				return "", 0, false
			}
			if next < 0 {
				next = off + 2
			}
			to := (l&0x3f)<<8 | int(b[off+1])
			if to >= off {
				return "", 0, false // only backwards
			}
			off, jumps = to, jumps+1
		case l > maxLabel || off+1+l > len(b) || n+l+1 > len(out):
			return "", 0, false
		default:
			for _, c := range b[off+1 : off+1+l] {
				if c == '.' {
					return "", 0, false
				}
				out[n] = c
				n++
			}
			out[n] = '.'
			n++
			off += 1 + l
		}
	}
}

// lower is what name servers take for the same (RFC 4343): ASCII letters only.
// Unicode's rules would make one name of two.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// walk reads the head of every record of a message. answers is how many of
// them are in the answer section.
func walk(b []byte) (records []record, answers int, ok bool) {
	if len(b) < headerSize {
		return nil, 0, false
	}
	count := func(i int) int { return int(binary.BigEndian.Uint16(b[i:])) }
	off := headerSize
	for range count(4) {
		if _, off, ok = nameAt(b, off); !ok || off+4 > len(b) {
			return nil, 0, false
		}
		off += 4
	}
	answers = count(6)
	total := answers + count(8) + count(10)
	if total > maxRecords {
		return nil, 0, false
	}
	records = make([]record, 0, min(total, len(b)/11))
	for range total {
		var r record
		if r.owner, off, ok = nameAt(b, off); !ok || off+10 > len(b) {
			return nil, 0, false
		}
		r.typ, r.class = binary.BigEndian.Uint16(b[off:]), binary.BigEndian.Uint16(b[off+2:])
		r.ttl, r.at = binary.BigEndian.Uint32(b[off+4:]), off+4
		r.body, r.size = off+10, count(off+8)
		if off = r.body + r.size; off > len(b) {
			return nil, 0, false
		}
		records = append(records, r)
	}
	return records, answers, true
}

// address reads the data of an A or AAAA record.
func (r *record) address(b []byte) (netip.Addr, bool) {
	switch {
	case r.typ == typeA && r.size == 4:
		return netip.AddrFrom4([4]byte(b[r.body : r.body+4])), true
	case r.typ == typeAAAA && r.size == 16:
		return netip.AddrFrom16([16]byte(b[r.body : r.body+16])).Unmap(), true
	}
	return netip.Addr{}, false
}

// target reads the data of a CNAME record: a name and nothing behind it.
func (r *record) target(b []byte) (string, bool) {
	name, next, ok := nameAt(b, r.body)
	return name, ok && next == r.body+r.size
}

// hints gives the addresses in an HTTPS or SVCB record (RFC 9460): programs
// may connect to them without asking further.
func (r *record) hints(b []byte) (out []netip.Addr, ok bool) {
	if r.size < 3 {
		return nil, false
	}
	end := r.body + r.size
	_, off, ok := nameAt(b[:end], r.body+2)
	if !ok {
		return nil, false
	}
	for off < end {
		if off+4 > end {
			return nil, false
		}
		key, n := binary.BigEndian.Uint16(b[off:]), int(binary.BigEndian.Uint16(b[off+2:]))
		v := b[off+4 : end]
		if n > len(v) {
			return nil, false
		}
		v = v[:n]
		off += 4 + n
		switch key {
		case 4:
			for ; len(v) >= 4; v = v[4:] {
				out = append(out, netip.AddrFrom4([4]byte(v[:4])))
			}
		case 6:
			for ; len(v) >= 16; v = v[16:] {
				out = append(out, netip.AddrFrom16([16]byte(v[:16])).Unmap())
			}
		}
	}
	return out, true
}
