package seccomp

import (
	"math/rand/v2"
	"testing"
)

// Random lists of calls are notified, every other call gets what the table says.
func TestListedCalls(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, m := range machines {
		base, err := decode(m.program)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 40 {
			var set CallSet
			for range []int{1, 5, 60, 400}[round%4] {
				set.Add(r.IntN(470))
			}
			if round%5 == 0 {
				for nr := 460; nr < MaxCall; nr++ {
					set.Add(nr) // as an allow list does
				}
			}
			prog := append(listed(set, m.arch), base...)
			if len(prog) > 4096 {
				t.Fatalf("%d instructions", len(prog))
			}
			for _, nr := range append(seq(1100), 0x3ffffffe) {
				d := data{nr: nr, arch: m.arch, args: [6]uint64{3, 1}}
				w := uint32(notify)
				if !set.Has(int(nr)) {
					w = want(m.numbers, &d, nil)
				}
				if got, err := run(prog, &d); err != nil || got != w {
					t.Fatalf("%s, round %d: call %d gets %#x, %v, want %#x", m.name, round, nr, got, err, w)
				}
			}
			for _, nr := range seq(500) {
				if got, _ := run(prog, &data{nr: nr, arch: 7}); got == allow || got == notify {
					t.Fatalf("%s: foreign call %d gets %#x", m.name, nr, got)
				}
			}
		}
	}
}

func seq(n int) (out []uint32) {
	for i := range n {
		out = append(out, uint32(i))
	}
	return out
}

func TestCallNumbers(t *testing.T) {
	for _, n := range []string{"read", "openat", "ptrace", "io_uring_setup", "clone3", "seccomp"} {
		nr, ok := CallNumber(n)
		if k, named := Number(n); !ok || named && k != nr {
			t.Errorf("%s: %d, %v; the filter's table says %d", n, nr, ok, k)
		}
	}
	if _, ok := CallNumber("nosuchcall"); ok {
		t.Error("a call that is none has a number")
	}
	var all CallSet
	for i := range all {
		all[i] = ^uint64(0)
	}
	open := Reachable(all)
	for _, n := range append([]string{"clone3", "io_uring_setup"}, Essential...) {
		if nr, ok := CallNumber(n); ok && open.Has(nr) {
			t.Errorf("%s can be listed", n)
		}
	}
	if nr, _ := CallNumber("socket"); !open.Has(nr) || !Always(nr) {
		t.Error("socket")
	}
}
