package reputation

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/addrset"
)

// Bounds.
const (
	MaxContent = 8 << 20 // bytes of a list's text
	MaxEntries = 250_000 // lines of a list that are not comments
	MaxPacked  = 8 << 20 // bytes of a packed list, and of what is in it
	MaxName    = 63      // bytes of a list's name
)

// ErrPacked says that bytes are not a packed list.
var ErrPacked = errors.New("not a packed reputation list")

// List is a list that is ready for look-ups. It never changes.
type List struct {
	Name   string
	addrs  addrset.Set
	names  string   // all host names, sorted, one behind the other
	ends   []uint32 // where each of them ends
	packed []byte
}

// HasAddr says whether an address is listed. Loopback never counts: published
// lists hold 127.0.0.0/8 among the addresses that nobody has.
func (l *List) HasAddr(a netip.Addr) bool {
	return !a.IsLoopback() && l.addrs.Has(a)
}

// HasName says whether a host name, in lower case and without the last dot, or
// a domain above it is listed.
func (l *List) HasName(name string) bool {
	for rest := name; rest != "" && len(l.ends) > 0; {
		if _, found := l.find(rest); found {
			return true
		}
		_, rest, _ = strings.Cut(rest, ".")
	}
	return false
}

// HasNames says whether there are host names in the list at all.
func (l *List) HasNames() bool { return len(l.ends) > 0 }

// Size counts the ranges of addresses, and the names.
func (l *List) Size() (ranges, names int) { return l.addrs.Ranges(), len(l.ends) }

func (l *List) at(i int) string {
	from := uint32(0)
	if i > 0 {
		from = l.ends[i-1]
	}
	return l.names[from:l.ends[i]]
}

func (l *List) find(name string) (int, bool) {
	lo, hi := 0, len(l.ends)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch strings.Compare(l.at(mid), name) {
		case -1:
			lo = mid + 1
		case 1:
			hi = mid
		default:
			return mid, true
		}
	}
	return lo, false
}

// Packed gives the list as it travels.
func (l *List) Packed() []byte { return l.packed }

// Digest names what is in the list.
func (l *List) Digest() string {
	sum := sha256.Sum256(l.packed)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Equal says whether two lists have one name and one content.
func (l *List) Equal(m *List) bool { return l.Name == m.Name && bytes.Equal(l.packed, m.packed) }

// version is the first byte of a packed list.
const version = 1

// build makes a list of a sealed set and of names, which it sorts.
func build(name string, addrs addrset.Set, names []string) (*List, error) {
	slices.Sort(names)
	names = slices.Compact(names)
	// Behind the addresses: how many names; for each the bytes it shares with
	// the one before, how many follow, and those.
	raw := binary.AppendUvarint(addrs.Append(nil), uint64(len(names)))
	last := ""
	for _, n := range names {
		same := 0
		for same < len(n) && same < len(last) && n[same] == last[same] {
			same++
		}
		raw = binary.AppendUvarint(binary.AppendUvarint(raw, uint64(same)), uint64(len(n)-same))
		raw = append(raw, n[same:]...)
		last = n
	}
	var b bytes.Buffer
	b.WriteByte(version)
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err == nil {
		if _, err = w.Write(raw); err == nil {
			err = w.Close()
		}
	}
	if err == nil && max(len(raw), b.Len()) > MaxPacked {
		err = fmt.Errorf("it has %d bytes, at most %d", len(raw), MaxPacked)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot pack reputation list: %w", err)
	}
	return Open(name, b.Bytes())
}

// Open reads a packed list. It keeps data.
func Open(name string, data []byte) (*List, error) {
	l, err := open(data)
	if err != nil {
		return nil, fmt.Errorf("cannot open reputation list %.80q: %w", name, err)
	}
	l.Name, l.packed = name, data
	return l, nil
}

func open(data []byte) (*List, error) {
	if len(data) == 0 || len(data) > MaxPacked || data[0] != version {
		return nil, ErrPacked
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data[1:])), MaxPacked+1))
	if err != nil || len(raw) > MaxPacked {
		return nil, ErrPacked
	}
	l := &List{}
	if l.addrs, raw, err = addrset.Read(raw); err != nil {
		return nil, ErrPacked
	}
	number := func(most int) int {
		v, n := binary.Uvarint(raw)
		if n <= 0 || v > uint64(most) {
			err = ErrPacked
			return 0
		}
		raw = raw[n:]
		return int(v)
	}
	count := number(len(raw) / 2)
	var names strings.Builder
	l.ends = make([]uint32, 0, count)
	last := ""
	for range count {
		same := number(len(last))
		more := number(len(raw))
		if err != nil || same+more > maxHost || more > len(raw) {
			return nil, ErrPacked
		}
		next := last[:same] + string(raw[:more])
		if raw = raw[more:]; next <= last { // sorted, each once, none empty
			return nil, ErrPacked
		}
		names.WriteString(next)
		l.ends = append(l.ends, uint32(names.Len()))
		last = next
	}
	if err != nil || len(raw) != 0 {
		return nil, ErrPacked
	}
	l.names = strings.Clone(names.String())
	return l, nil
}

// maxHost bounds a host name, in bytes.
const maxHost = 253
