package seccomp

import (
	"testing"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// The block in front allows nothing that the table does not, and does allow
// what it is for; where reads are armed it leaves opens alone.
func TestHotCallsAreTheTables(t *testing.T) {
	for _, m := range machines {
		base, err := decode(m.program)
		if err != nil {
			t.Fatal(err)
		}
		for _, reads := range []bool{false, true} {
			head := hot(m.numbers, m.arch, Arms{Reads: reads})
			prog := append(append([]linux.SockFilter{}, head...), base...)
			for nr := uint32(0); nr < 1024; nr++ {
				for arg := range 3 {
					for _, v := range append(samples(), 1, 6, 0o1101, 0o2, 0o1000) {
						d := data{nr: nr, arch: m.arch}
						d.args[arg] = v
						got, err := run(prog, &d)
						if err != nil {
							t.Fatal(err)
						}
						if w := want(m.numbers, &d, nil); got != w {
							t.Fatalf("%s, call %d, argument %d = %#x: got %#x, want %#x", m.name, nr, arg, v, got, w)
						}
					}
				}
			}
			// A block alone that falls through to a refusal shows what it allows.
			alone := append(head, linux.SockFilter{Code: ret, K: retNotify})
			for name, c := range map[string]struct {
				arg  int
				hot  bool
				vals []uint64
			}{
				"openat":     {2, !reads, []uint64{0, 0o2000000, 0o200000}},
				"setsockopt": {1, true, []uint64{1, 6}},
			} {
				for _, v := range c.vals {
					d := data{nr: uint32(m.numbers[name]), arch: m.arch}
					d.args[c.arg] = v
					if got, err := run(alone, &d); err != nil || (got == allow) != c.hot {
						t.Errorf("%s, %s %#x, reads armed %v: got %#x, %v", m.name, name, v, reads, got, err)
					}
				}
				d := data{nr: uint32(m.numbers[name]), arch: m.arch + 1}
				if got, err := run(alone, &d); err != nil || got == allow {
					t.Errorf("%s, %s of another architecture: got %#x, %v", m.name, name, got, err)
				}
			}
		}
	}
}
