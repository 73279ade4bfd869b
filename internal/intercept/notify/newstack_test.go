package notify

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
)

// layout makes a stack as the kernel does.
func layout(sp uint64, args, env []string, aux map[uint64]uint64) []byte {
	words := 1 + len(args) + 1 + len(env) + 1 + 2*len(aux) + 2
	var text []byte
	put := func(s string) uint64 {
		at := sp + uint64(8*words+len(text))
		text = append(append(text, s...), 0)
		return at
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(args)))
	for _, list := range [][]string{args, env} {
		for _, s := range list {
			b = binary.LittleEndian.AppendUint64(b, put(s))
		}
		b = binary.LittleEndian.AppendUint64(b, 0)
	}
	for k, v := range aux {
		b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, k), v)
	}
	b = append(b, make([]byte, 16)...)
	return append(b, text...)
}

func TestNewStack(t *testing.T) {
	const sp = 0x7ffd_1000
	env := []string{"HOME=/root", "LD_PRELOAD=/tmp/x.so", "PATH=/bin"}
	b := layout(sp, []string{"prog", "", "two words"}, env, map[uint64]uint64{atBase: 0x7f00_0000, 3: 4})
	var n newStack
	if !n.parse(sp, b, true) || !n.known || !n.whole || n.cut || !slices.Equal(n.args, []string{"prog", "", "two words"}) || n.base != 0x7f00_0000 {
		t.Fatalf("%+v", n)
	}
	if !slices.Contains(n.env, "LD_PRELOAD=/tmp/x.so") || slices.Contains(n.env, "HOME=/root") {
		t.Errorf("environment %q", n.env)
	}
	// A static program without arguments, whose variables do not matter.
	n = newStack{}
	if !n.parse(sp, layout(sp, nil, env, nil), false) || n.known || !n.whole || n.base != 0 || n.env != nil {
		t.Errorf("no arguments: %+v", n)
	}
	// What is cut off anywhere is not taken for the whole.
	for i := range len(b) - 1 {
		n = newStack{}
		if n.parse(sp, b[:i], true) && i < strings.LastIndex(string(b), "two words") {
			t.Fatalf("%d of %d bytes passed for the whole: %+v", i, len(b), n)
		}
	}
	many := make([]string, action.MaxArgs+10)
	n = newStack{}
	if !n.parse(sp, layout(sp, many, nil, nil), true) || len(n.args) != action.MaxArgs || !n.cut {
		t.Errorf("%d of too many arguments, cut %v", len(n.args), n.cut)
	}
}

func FuzzNewStack(f *testing.F) {
	f.Add(layout(0x1000, []string{"a", "b"}, []string{"LD_AUDIT=x"}, map[uint64]uint64{atBase: 1}), uint64(0x1000))
	f.Add(layout(0x1000, []string{"a"}, nil, nil), ^uint64(0)-64)
	f.Add([]byte{1}, uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, sp uint64) {
		var n newStack
		ok := n.parse(sp, b, true)
		if len(n.args) > action.MaxArgs || ok != n.whole {
			t.Fatalf("%v, %+v", ok, n)
		}
	})
}
