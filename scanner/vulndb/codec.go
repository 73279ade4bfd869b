package vulndb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Bounds of what one value may hold.
const (
	MaxValue  = 8 << 20 // bytes of the rows of one package, or of one detail
	MaxString = 1 << 16 // bytes of one text
)

// ErrDamaged is of a database that is not what it should be.
var ErrDamaged = errors.New("the database is damaged")

// encoder writes a value: the texts it uses, each once, then numbers that
// point at them. Rows of one package share most of their texts.
type encoder struct {
	index map[string]uint64
	texts []string
	body  []byte
}

func (e *encoder) num(n uint64) { e.body = binary.AppendUvarint(e.body, n) }

func (e *encoder) text(s string) {
	if len(s) > MaxString {
		s = s[:MaxString]
	}
	i, ok := e.index[s]
	if !ok {
		if e.index == nil {
			e.index = map[string]uint64{}
		}
		i = uint64(len(e.texts))
		e.index[s] = i
		e.texts = append(e.texts, s)
	}
	e.num(i)
}

func (e *encoder) list(l []string) {
	e.num(uint64(len(l)))
	for _, s := range l {
		e.text(s)
	}
}

func (e *encoder) float(f float64) {
	e.body = binary.LittleEndian.AppendUint64(e.body, math.Float64bits(f))
}

// bytes gives the value.
func (e *encoder) bytes() ([]byte, error) {
	b := binary.AppendUvarint(nil, uint64(len(e.texts)))
	for _, s := range e.texts {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = append(b, e.body...)
	if len(b) > MaxValue {
		return nil, fmt.Errorf("%d bytes are more than %d", len(b), MaxValue)
	}
	return b, nil
}

// decoder reads what encoder wrote. The first thing that is wrong is kept and
// everything after it is zero, so readers need not look after each step.
type decoder struct {
	b     []byte
	texts []string
	err   error
}

func newDecoder(b []byte) *decoder {
	d := &decoder{b: b}
	if len(b) > MaxValue {
		d.fail()
		return d
	}
	n := d.count()
	d.texts = make([]string, 0, n)
	for range n {
		size := d.count()
		if size > MaxString {
			d.fail()
		}
		if d.err != nil {
			return d
		}
		d.texts = append(d.texts, string(d.b[:size]))
		d.b = d.b[size:]
	}
	return d
}

func (d *decoder) fail() {
	d.b = nil
	if d.err == nil {
		d.err = fmt.Errorf("cannot decode a row: %w", ErrDamaged)
	}
}

func (d *decoder) num() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

// count reads how many things follow. Each takes a byte at least, which bounds it.
func (d *decoder) count() int {
	n := d.num()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) text() string {
	i := d.num()
	if d.err != nil {
		return ""
	}
	if i >= uint64(len(d.texts)) {
		d.fail()
		return ""
	}
	return d.texts[i]
}

func (d *decoder) list() []string {
	n := d.count()
	if n == 0 {
		return nil
	}
	l := make([]string, 0, n)
	for range n {
		if d.err != nil {
			return nil
		}
		l = append(l, d.text())
	}
	return l
}

func (d *decoder) float() float64 {
	if len(d.b) < 8 {
		d.fail()
		return 0
	}
	f := math.Float64frombits(binary.LittleEndian.Uint64(d.b))
	d.b = d.b[8:]
	if math.IsNaN(f) || math.IsInf(f, 0) {
		d.fail()
		return 0
	}
	return f
}

// end gives the error, if something was wrong or something is left.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	return d.err
}

// sorted gives a list in order, each text once, without empty ones.
func sorted(l []string) []string {
	if len(l) == 0 {
		return nil
	}
	c := slices.DeleteFunc(slices.Clone(l), func(s string) bool { return s == "" })
	slices.Sort(c)
	return slices.Compact(c)
}
