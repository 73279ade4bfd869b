package stage

import (
	"encoding/binary"
	"errors"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Order is what the helper is told.
type Order struct {
	Path     string
	Dir      string // "": where the helper was started
	Args     []string
	Env      []string
	Filter   []linux.SockFilter
	Flags    uintptr // of the filter; FilterKillable is dropped where the kernel has none
	DropCaps []int   // removed from the process and its bounding set
	Scope    bool    // confine signals by Landlock where the kernel can
	Gate     bool    // TCP connects are the supervisor's alone
	Umask    int     // of the command; the supervisor's own is 0
	Traced   bool    // the filter stops calls for a tracer, which waits for one of setfsuid
}

// maxOrder bounds an encoded order: the kernel takes no more than 6 MiB of
// arguments and environment.
const maxOrder = 16 << 20

// instruction is the size of an encoded filter instruction in bytes.
const instruction = 8

// encode writes an order in the order of its fields: numbers as uvarint,
// strings and lists with their length in front. Strings may hold any bytes,
// as file names and variables do. Helper and supervisor are one binary, so
// the form needs no version.
func (o *Order) encode() []byte {
	b := make([]byte, 0, 64<<10)
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	list := func(l []string) {
		b = binary.AppendUvarint(b, uint64(len(l)))
		for _, s := range l {
			text(s)
		}
	}
	flag := func(f bool) {
		if f {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	text(o.Path)
	text(o.Dir)
	list(o.Args)
	list(o.Env)
	b = binary.AppendUvarint(b, uint64(len(o.Filter)))
	for _, i := range o.Filter {
		b = binary.LittleEndian.AppendUint16(b, i.Code)
		b = append(b, i.JT, i.JF)
		b = binary.LittleEndian.AppendUint32(b, i.K)
	}
	b = binary.AppendUvarint(b, uint64(o.Flags))
	b = binary.AppendUvarint(b, uint64(len(o.DropCaps)))
	for _, c := range o.DropCaps {
		b = binary.AppendUvarint(b, uint64(c))
	}
	flag(o.Scope)
	flag(o.Gate)
	b = binary.AppendUvarint(b, uint64(o.Umask))
	flag(o.Traced)
	return b
}

var errOrder = errors.New("cannot read the order: it is not whole")

// decode reads what encode wrote, and nothing else.
func (o *Order) decode(b []byte) error {
	bad := false
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			bad, b = true, nil
			return 0
		}
		b = b[n:]
		return v
	}
	// count is a number of things of at least size bytes each.
	count := func(size uint64) int {
		n := number()
		if n > uint64(len(b))/size {
			bad, b = true, nil
			return 0
		}
		return int(n)
	}
	text := func() string {
		n := count(1)
		s := string(b[:n])
		b = b[n:]
		return s
	}
	list := func() []string {
		var out []string
		for range count(1) {
			out = append(out, text())
		}
		return out
	}
	o.Path = text()
	o.Dir = text()
	o.Args = list()
	o.Env = list()
	n := count(instruction)
	o.Filter = make([]linux.SockFilter, n)
	for i := range o.Filter {
		o.Filter[i] = linux.SockFilter{Code: binary.LittleEndian.Uint16(b), JT: b[2], JF: b[3], K: binary.LittleEndian.Uint32(b[4:])}
		b = b[instruction:]
	}
	o.Flags = uintptr(number())
	for range count(1) {
		o.DropCaps = append(o.DropCaps, int(number()))
	}
	o.Scope = number() == 1
	o.Gate = number() == 1
	o.Umask = int(number() & 0o777)
	o.Traced = number() == 1
	if bad || len(b) != 0 {
		return errOrder
	}
	return nil
}
