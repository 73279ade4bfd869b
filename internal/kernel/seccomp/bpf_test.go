package seccomp

import (
	"fmt"
	"slices"
	"testing"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// data is struct seccomp_data.
type data struct {
	nr   uint32
	arch uint32
	args [6]uint64
}

func (d *data) load(off uint32) (uint32, error) {
	switch {
	case off == 0:
		return d.nr, nil
	case off == 4:
		return d.arch, nil
	case off >= 16 && off < 64 && off%4 == 0:
		a := d.args[(off-16)/8]
		if off%8 == 4 {
			return uint32(a >> 32), nil
		}
		return uint32(a), nil
	}
	return 0, fmt.Errorf("load of offset %d", off)
}

// run interprets a program as the kernel does.
func run(prog []linux.SockFilter, d *data) (uint32, error) {
	var a, x uint32
	for pc, steps := 0, 0; ; pc, steps = pc+1, steps+1 {
		if pc < 0 || pc >= len(prog) || steps > len(prog) {
			return 0, fmt.Errorf("left the program at %d", pc)
		}
		i := prog[pc]
		jump := func(yes bool) {
			if yes {
				pc += int(i.JT)
			} else {
				pc += int(i.JF)
			}
		}
		var err error
		switch i.Code {
		case 0x20:
			if a, err = d.load(i.K); err != nil {
				return 0, err
			}
		case 0x05:
			pc += int(i.K)
		case 0x15:
			jump(a == i.K)
		case 0x25:
			jump(a > i.K)
		case 0x35:
			jump(a >= i.K)
		case 0x45:
			jump(a&i.K != 0)
		case 0x54:
			a &= i.K
		case 0x07:
			x = a
		case 0x87:
			a = x
		case 0x06:
			return i.K, nil
		default:
			return 0, fmt.Errorf("instruction %#x", i.Code)
		}
	}
}

const (
	allow  = 0x7fff0000
	notify = 0x7fc00000
	errno  = 0x00050000
)

var machines = []struct {
	name    string
	arch    uint32
	program []byte
	numbers map[string]int
}{
	{"amd64", 0xc000003e, filterAMD64, numbers_amd64},
	{"arm64", 0xc00000b7, filterARM64, numbers_arm64},
}

// want is the table's own answer: the oracle.
func want(numbers map[string]int, d *data, protect []int) uint32 {
	for _, t := range rules.TargetRules {
		if nr, ok := numbers[t.Syscall]; ok && uint32(nr) == d.nr {
			if t.Any && len(protect) > 0 && uint32(d.args[t.Arg]) != 0 {
				return notify
			}
			for _, p := range protect {
				if uint32(d.args[t.Arg]) == uint32(p) {
					return notify
				}
			}
		}
	}
	for _, r := range rules.Rules {
		nr, ok := numbers[r.Syscall]
		if !ok || uint32(nr) != d.nr || !holds(r.Conds, d) {
			continue
		}
		if r.Action == rules.Refuse {
			return errno | uint32(r.Errno)
		}
		return notify
	}
	return allow
}

func holds(conds []rules.Cond, d *data) bool {
	for _, c := range conds {
		v := d.args[c.Arg]
		if c.Low {
			v &= 0xffffffff
		}
		ok := false
		switch c.Op {
		case rules.Equal:
			ok = v == c.Value
		case rules.NotEqual:
			ok = v != c.Value
		case rules.Masked:
			ok = v&c.Mask == c.Value
		}
		if !ok {
			return false
		}
	}
	return true
}

// samples are argument values around everything that the tables compare.
func samples() []uint64 {
	out := []uint64{0, 1, 2, ^uint64(0), 1 << 32, 1<<32 | 4}
	for _, r := range rules.Rules {
		for _, c := range r.Conds {
			out = append(out, c.Value, c.Value+1, c.Value|1<<32, c.Value|1<<63, c.Mask)
		}
	}
	out = append(out, 1234, 1234|1<<32, 77)
	slices.Sort(out)
	return slices.Compact(out)
}

// Every call number of both architectures, with arguments around every
// constant, gets from the embedded program what the table says.
func TestEmbeddedProgramsSayWhatTheTableSays(t *testing.T) {
	protect := []int{1234, 77}
	values := samples()
	for _, m := range machines {
		base, err := decode(m.program)
		if err != nil {
			t.Fatal(err)
		}
		prog := append(targets(m.numbers, m.arch, protect), base...)
		for nr := uint32(0); nr < 1024; nr++ {
			for arg := range 6 {
				for _, v := range values {
					d := data{nr: nr, arch: m.arch}
					d.args[arg] = v
					if arg != 1 {
						d.args[1] = 0
					}
					got, err := run(prog, &d)
					if err != nil {
						t.Fatalf("%s, call %d: %v", m.name, nr, err)
					}
					if w := want(m.numbers, &d, protect); got != w {
						t.Fatalf("%s, call %d, argument %d = %#x: got %#x, want %#x", m.name, nr, arg, v, got, w)
					}
				}
			}
		}
	}
}

func TestForeignCallsAreRefused(t *testing.T) {
	const i386, aarch32 = 0x40000003, 0x40000028
	for _, m := range machines {
		base, err := decode(m.program)
		if err != nil {
			t.Fatal(err)
		}
		prog := append(targets(m.numbers, m.arch, []int{1}), base...)
		refused := errno | uint32(rules.ForeignErrno)
		for nr := uint32(0); nr < 600; nr++ {
			for _, arch := range []uint32{i386, aarch32, 0} {
				if got, err := run(prog, &data{nr: nr, arch: arch, args: [6]uint64{1, 1}}); err != nil || got != refused {
					t.Fatalf("%s, call %d of %#x: %#x, %v", m.name, nr, arch, got, err)
				}
			}
			if m.name != "amd64" {
				continue
			}
			// x32 is the native architecture with a bit in the number.
			if got, err := run(prog, &data{nr: nr | 0x40000000, arch: m.arch}); err != nil || got != refused {
				t.Fatalf("x32 call %d: %#x, %v", nr, got, err)
			}
		}
	}
}

func TestAllSignals(t *testing.T) {
	for _, m := range machines {
		base, err := decode(m.program)
		if err != nil {
			t.Fatal(err)
		}
		prog := append(signals(m.numbers, m.arch, 4321), base...)
		for nr := uint32(0); nr < 600; nr++ {
			d := data{nr: nr, arch: m.arch}
			w := want(m.numbers, &d, nil)
			if int(nr) == m.numbers["kill"] || int(nr) == m.numbers["rt_sigqueueinfo"] {
				w = notify
			}
			if got, err := run(prog, &d); err != nil || got != w {
				t.Fatalf("%s, call %d: got %#x, want %#x, %v", m.name, nr, got, w, err)
			}
		}
		fcntl := map[string]uint32{"amd64": 72, "arm64": 25}[m.name]
		for args, w := range map[[3]uint64]uint32{{3, 10, 9}: retEPERM, {3, 10, 19}: retEPERM, {3, 10, 29}: allow, {3, 8, 9}: allow, {3, 1<<32 | 10, 1<<32 | 9}: retEPERM} {
			if got, _ := run(prog, &data{nr: fcntl, arch: m.arch, args: [6]uint64{args[0], args[1], args[2]}}); got != w {
				t.Errorf("%s: fcntl %v gets %#x, want %#x", m.name, args, got, w)
			}
		}
		for group, w := range map[uint64]uint32{0: allow, 1: allow, 4321: notify, 1<<32 | 4321: notify} {
			if got, _ := run(prog, &data{nr: uint32(m.numbers["setpgid"]), arch: m.arch, args: [6]uint64{0, group}}); got != w {
				t.Errorf("%s: setpgid to %#x gets %#x, want %#x", m.name, group, got, w)
			}
		}
		if got, _ := run(prog, &data{nr: uint32(m.numbers["kill"]), arch: 1}); got != errno|uint32(rules.ForeignErrno) {
			t.Errorf("%s: a foreign kill gets %#x", m.name, got)
		}
	}
}

func TestProgramFits(t *testing.T) {
	p, err := Program(Start{Protect: []int{1, 2, 3, 4}, AllSignals: true, Arms: Arms{Forks: true}})
	if err != nil || len(p) == 0 || len(p) > 1024 {
		t.Errorf("%d instructions, %v", len(p), err)
	}
	if nr, ok := Number("execve"); !ok || nr == 0 {
		t.Error("execve has no number")
	}
}

// Plain forks are the kernel's unless somebody counts them; what makes a
// thread, a namespace or a shared descriptor table is asked about always.
func TestForksAreAskedAboutWhenCounted(t *testing.T) {
	for _, counted := range []bool{false, true} {
		p, err := Program(Start{Protect: []int{1}, Arms: Arms{Forks: counted}})
		if err != nil {
			t.Fatal(err)
		}
		plain := uint32(retAllow)
		if counted {
			plain = retNotify
		}
		for _, tt := range []struct {
			call  string
			flags uint64
			want  uint32
		}{
			{"fork", 0, plain}, {"vfork", 0, plain},
			{"clone", 17, plain},                  // fork of glibc
			{"clone", 0x4000 | 0x100 | 17, plain}, // posix_spawn
			{"clone", 0x01200011, plain},          // CLONE_CHILD_*
			{"clone", 0x10000 | 0x100, retNotify}, // thread
			{"clone", 0x100 | 17, retNotify},      // shared memory
			{"clone", 0x4000 | 17, plain},         // CLONE_VFORK
			{"clone", 0x400 | 17, retNotify},      // shared descriptors
			{"clone", 0x10000000 | 17, retNotify}, // CLONE_NEWUSER
			{"clone", 0x00020000 | 17, retNotify}, // CLONE_NEWNS
			{"clone", 0x00800000 | 17, retNotify}, // CLONE_UNTRACED
			{"clone3", 0, 0x00050000 | 38},        // ENOSYS
		} {
			nr, ok := Number(tt.call)
			if !ok {
				continue
			}
			d := data{nr: uint32(nr), arch: auditArch}
			d.args[0] = tt.flags
			if got, err := run(p, &d); err != nil || got != tt.want {
				t.Errorf("counted %v: %s(%#x): %#x, %v, want %#x", counted, tt.call, tt.flags, got, err, tt.want)
			}
			d.arch = 0
			if got, _ := run(p, &d); got == retAllow {
				t.Errorf("counted %v: a foreign %s is allowed", counted, tt.call)
			}
		}
	}
}
