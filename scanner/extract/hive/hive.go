package hive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// Limits of a hive.
const (
	MaxSubkeys = 200_000 // of one key
	MaxValues  = 20_000  // of one key
	maxCell    = 1 << 20
	maxLists   = 2 // a list of lists of keys
)

// ErrDamaged is a hive that cannot be read. Match with errors.Is.
var ErrDamaged = errors.New("the registry hive is damaged")

func damaged(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, a...))
}

var le = binary.LittleEndian

// base is where cells are counted from.
const base = 4096

// Hive is an open hive.
type Hive struct {
	r     io.ReaderAt
	size  int64
	root  uint32
	Dirty bool // changes wait in a log
}

// Open reads the head of a hive.
func Open(r io.ReaderAt, size int64) (*Hive, error) {
	b := make([]byte, 48)
	if n, _ := r.ReadAt(b, 0); n < len(b) || string(b[:4]) != "regf" || size < base+32 {
		return nil, damaged("it has no head")
	}
	if major := le.Uint32(b[20:]); major != 1 {
		return nil, damaged("version %d", major)
	}
	return &Hive{r: r, size: size, root: le.Uint32(b[36:]), Dirty: le.Uint32(b[4:]) != le.Uint32(b[8:])}, nil
}

// cell gives the bytes of one.
func (h *Hive) cell(at uint32) ([]byte, error) {
	off := base + int64(at)
	if at == 1<<32-1 || off > h.size-8 {
		return nil, damaged("a cell at %#x", at)
	}
	head := make([]byte, 4)
	if _, err := h.r.ReadAt(head, off); err != nil {
		return nil, err
	}
	n := -int64(int32(le.Uint32(head))) - 4 // negative: it is in use
	if n < 4 || n > maxCell || n > h.size-off-4 {
		return nil, damaged("a cell of %d bytes", n)
	}
	b := make([]byte, n)
	_, err := h.r.ReadAt(b, off+4)
	if err == io.EOF {
		err = nil
	}
	return b, err
}

// Key is one key.
type Key struct {
	h    *Hive
	b    []byte
	Name string
}

func (h *Hive) key(at uint32) (*Key, error) {
	b, err := h.cell(at)
	if err != nil {
		return nil, err
	}
	if len(b) < 76 || string(b[:2]) != "nk" || 76+int(le.Uint16(b[72:])) > len(b) {
		return nil, damaged("no key at %#x", at)
	}
	return &Key{h, b, text(b[76:76+int(le.Uint16(b[72:]))], le.Uint16(b[2:])&0x20 != 0)}, nil
}

// text reads a name: of a byte a letter, or of two.
func text(b []byte, narrow bool) string {
	if narrow {
		r := make([]rune, len(b))
		for i, c := range b {
			r[i] = rune(c)
		}
		return string(r)
	}
	return wide(b)
}

// wide reads UTF-16 up to its end or a NUL.
func wide(b []byte) string {
	var u []uint16
	for ; len(b) >= 2 && le.Uint16(b) != 0; b = b[2:] {
		u = append(u, le.Uint16(b))
	}
	return string(utf16.Decode(u))
}

// Key finds a key by its path from the root; nil: there is none.
func (h *Hive) Key(path ...string) (*Key, error) {
	k, err := h.key(h.root)
	for _, name := range path {
		if err != nil || k == nil {
			break
		}
		k, err = k.child(name)
	}
	return k, err
}

func (k *Key) child(name string) (found *Key, err error) {
	err = k.Each(func(c *Key) bool {
		if strings.EqualFold(c.Name, name) {
			found = c
		}
		return found == nil
	})
	return found, err
}

// Each calls f for each key below, until it says no.
func (k *Key) Each(f func(*Key) bool) error {
	if le.Uint32(k.b[20:]) == 0 {
		return nil
	}
	left := MaxSubkeys
	_, err := k.h.list(le.Uint32(k.b[28:]), 0, &left, f)
	return err
}

func (h *Hive) list(at uint32, depth int, left *int, f func(*Key) bool) (bool, error) {
	b, err := h.cell(at)
	if err != nil {
		return false, err
	}
	step, kind := 4, string(b[:2])
	switch {
	case kind == "lf", kind == "lh":
		step = 8
	case kind == "li", kind == "ri" && depth+1 < maxLists:
	default:
		return false, damaged("no list of keys at %#x", at)
	}
	n := int(le.Uint16(b[2:]))
	if 4+n*step > len(b) {
		return false, damaged("a list of %d keys in %d bytes", n, len(b))
	}
	for i := range n {
		to := le.Uint32(b[4+i*step:])
		if kind == "ri" {
			if more, err := h.list(to, depth+1, left, f); err != nil || !more {
				return more, err
			}
			continue
		}
		if *left--; *left < 0 {
			return false, damaged("a key has more than %d below it", MaxSubkeys)
		}
		c, err := h.key(to)
		if err != nil {
			return false, err
		}
		if !f(c) {
			return false, nil
		}
	}
	return true, nil
}

// Types of values.
const (
	typeString = 1
	typeExpand = 2
	typeNumber = 4
)

// Values gives the texts and numbers of a key by their names in small letters;
// other kinds are left out.
func (k *Key) Values() (map[string]string, error) {
	n := int64(le.Uint32(k.b[36:]))
	if n == 0 {
		return nil, nil
	}
	list, err := k.h.cell(le.Uint32(k.b[40:]))
	if err != nil {
		return nil, err
	}
	if n > MaxValues || n*4 > int64(len(list)) {
		return nil, damaged("a key has %d values", n)
	}
	out := map[string]string{}
	for i := range n {
		b, err := k.h.cell(le.Uint32(list[4*i:]))
		if err != nil {
			return out, err
		}
		if len(b) < 20 || string(b[:2]) != "vk" || 20+int(le.Uint16(b[2:])) > len(b) {
			return out, damaged("no value where it should be")
		}
		name := strings.ToLower(text(b[20:20+int(le.Uint16(b[2:]))], le.Uint16(b[16:])&1 != 0))
		data, err := k.h.data(b)
		if err != nil {
			return out, err
		}
		switch kind := le.Uint32(b[12:]); {
		case kind == typeString, kind == typeExpand:
			out[name] = wide(data)
		case kind == typeNumber && len(data) >= 4:
			out[name] = fmt.Sprint(le.Uint32(data))
		}
	}
	return out, nil
}

// data gives a value's bytes: in its cell, or in one of their own. What is
// kept in pieces is not read.
func (h *Hive) data(b []byte) ([]byte, error) {
	n := le.Uint32(b[4:])
	if n&(1<<31) != 0 {
		return b[8:12][:min(n&^(1<<31), 4)], nil
	}
	if n == 0 || n > 16344 {
		return nil, nil
	}
	d, err := h.cell(le.Uint32(b[8:]))
	if err != nil {
		return nil, err
	}
	if int(n) > len(d) {
		return nil, damaged("a value of %d bytes in %d", n, len(d))
	}
	return d[:n], nil
}
