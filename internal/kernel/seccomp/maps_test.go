package seccomp

import "testing"

// What makes memory executable is asked about as the arms say.
func TestMapsAreAskedAboutWhenArmed(t *testing.T) {
	const anon, prot = 0x22, 5
	for _, m := range machines {
		base, err := decode(m.program)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			arms Arms
			want [6]uint32 // mmap of a file, anonymous mmap, mmap without exec, mprotect, mprotect without exec, shmat
		}{
			{Arms{}, [6]uint32{allow, allow, allow, allow, allow, allow}},
			{Arms{ExecMaps: true}, [6]uint32{notify, allow, allow, notify, allow, allow}},
			{Arms{ExecMaps: true, AnonExec: true}, [6]uint32{notify, notify, allow, notify, allow, notify}},
		} {
			prog := append(maps(m.numbers, m.arch, tt.arms), base...)
			for i, c := range []struct {
				name string
				args [6]uint64
			}{
				{"mmap", [6]uint64{0, 4096, prot, 2, 3}}, {"mmap", [6]uint64{0, 4096, prot, anon}}, {"mmap", [6]uint64{0, 4096, 3, 2, 3}},
				{"mprotect", [6]uint64{4096, 4096, prot}}, {"mprotect", [6]uint64{4096, 4096, 3}}, {"shmat", [6]uint64{1, 0, 0o100000}},
			} {
				d := data{nr: uint32(m.numbers[c.name]), arch: m.arch, args: c.args}
				if got, err := run(prog, &d); err != nil || got != tt.want[i] {
					t.Errorf("%s, %+v: %s%v gets %#x, %v, want %#x", m.name, tt.arms, c.name, c.args, got, err, tt.want[i])
				}
				d.arch = 1
				if got, _ := run(prog, &d); got == allow {
					t.Errorf("%s, %+v: a foreign %s is allowed", m.name, tt.arms, c.name)
				}
			}
			for nr := uint32(0); nr < 600; nr++ {
				d := data{nr: nr, arch: m.arch, args: [6]uint64{1, 2}}
				if got, err := run(prog, &d); err != nil || got != want(m.numbers, &d, nil) {
					t.Fatalf("%s, %+v: call %d gets %#x, %v", m.name, tt.arms, nr, got, err)
				}
			}
		}
	}
}
