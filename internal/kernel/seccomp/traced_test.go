package seccomp

import (
	"math/rand/v2"
	"syscall"
	"testing"
)

// The traced filter says "trace" where the other says "notify", and the same
// otherwise, but for the page's calls.
func TestTracedIsProgramWithAnotherAction(t *testing.T) {
	s := Start{Protect: []int{77}, AllSignals: true}
	plain, err := Program(s)
	if err != nil {
		t.Fatal(err)
	}
	traced, err := Traced(s, &Page{ID: 5, Top: 1 << 20}, []string{"mount", "prctl"})
	if err != nil {
		t.Fatal(err)
	}
	mapping := map[uint32]bool{syscall.SYS_MMAP: true, syscall.SYS_MUNMAP: true, syscall.SYS_MREMAP: true, syscall.SYS_SHMAT: true, syscall.SYS_SHMDT: true, syscall.SYS_SHMCTL: true}
	r := rand.New(rand.NewPCG(1, 2))
	for range 30_000 {
		d := data{nr: r.Uint32N(470), arch: auditArch}
		for i := range d.args {
			d.args[i] = uint64(r.Uint32N(64)) << (8 * r.Uint32N(5))
		}
		if r.Uint32N(4) == 0 {
			d.args[0] = 77
		}
		want, err1 := run(plain, &d)
		got, err2 := run(traced, &d)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		switch {
		case mapping[d.nr]:
			continue
		case d.nr == uint32(numbers()["mount"]):
			want = retAllow // left; prctl is not, because some of it is refused
		case want == retNotify:
			want = retTrace
		case d.nr == uint32(numbers()["clone"]) && d.args[0]&cloneUntraced != 0:
			want = retTrace
		}
		if got != want {
			t.Fatalf("%+v: %#x, want %#x", d, got, want)
		}
	}
}

func TestTracedGuardsItsPage(t *testing.T) {
	const top, id = 0x110000, 9
	prog, err := Traced(Start{}, &Page{ID: id, Top: top}, nil)
	if err != nil {
		t.Fatal(err)
	}
	no := func(e syscall.Errno) uint32 { return retErrno | uint32(e) }
	for _, c := range []struct {
		name string
		nr   uint32
		args [6]uint64
		want uint32
	}{
		{"mmap anywhere", syscall.SYS_MMAP, [6]uint64{0, 4096, 3, 0x22}, retAllow},
		{"mmap with a hint above", syscall.SYS_MMAP, [6]uint64{top, 4096, 3, 0x22}, retAllow},
		{"mmap with a high hint", syscall.SYS_MMAP, [6]uint64{1 << 32, 4096, 3, 0x22}, retAllow},
		{"mmap with a hint below", syscall.SYS_MMAP, [6]uint64{top - 1, 4096, 3, 0x22}, no(syscall.EPERM)},
		{"mmap fixed below", syscall.SYS_MMAP, [6]uint64{0x10000, 4096, 3, 0x32}, no(syscall.EPERM)},
		{"mmap fixed at 0", syscall.SYS_MMAP, [6]uint64{0, 1 << 30, 3, 0x32}, no(syscall.EPERM)},
		{"mmap fixed, not replacing, at 0", syscall.SYS_MMAP, [6]uint64{0, 1 << 30, 3, 0x100022}, no(syscall.EPERM)},
		{"mmap fixed above", syscall.SYS_MMAP, [6]uint64{0x7f0000000000, 4096, 3, 0x32}, retAllow},
		{"munmap below", syscall.SYS_MUNMAP, [6]uint64{0, 1 << 40}, no(syscall.EINVAL)},
		{"munmap above", syscall.SYS_MUNMAP, [6]uint64{0x400000, 4096}, retAllow},
		{"munmap high", syscall.SYS_MUNMAP, [6]uint64{0x7f0000001000, 4096}, retAllow},
		{"mremap from below", syscall.SYS_MREMAP, [6]uint64{0x20000, 4096, 8192, 1}, no(syscall.EFAULT)},
		{"mremap to below", syscall.SYS_MREMAP, [6]uint64{0x7f0000000000, 4096, 4096, 3, 0x10000}, no(syscall.EINVAL)},
		{"mremap, address not meant", syscall.SYS_MREMAP, [6]uint64{0x7f0000000000, 4096, 4096, 1, 0x10000}, retAllow},
		{"mremap to above", syscall.SYS_MREMAP, [6]uint64{0x7f0000000000, 4096, 4096, 3, 0x7e0000000000}, retAllow},
		{"shmdt below", syscall.SYS_SHMDT, [6]uint64{0x10000}, no(syscall.EINVAL)},
		{"shmdt above", syscall.SYS_SHMDT, [6]uint64{0x7f0000000000}, retAllow},
		{"shmctl ours", syscall.SYS_SHMCTL, [6]uint64{id, 1}, no(syscall.EINVAL)},
		{"shmctl another", syscall.SYS_SHMCTL, [6]uint64{id + 1, 1}, retAllow},
		{"shmat ours", syscall.SYS_SHMAT, [6]uint64{id, 0, 0}, retTrace},
		{"shmat ours, number with dirt", syscall.SYS_SHMAT, [6]uint64{id | 7<<32, 0, 0}, retTrace},
		{"shmat another anywhere", syscall.SYS_SHMAT, [6]uint64{id + 1, 0, 0}, retAllow},
		{"shmat another above", syscall.SYS_SHMAT, [6]uint64{id + 1, 1 << 33, 0}, retAllow},
		{"shmat another below", syscall.SYS_SHMAT, [6]uint64{id + 1, 0x10000, 0o40000}, no(syscall.EINVAL)},
		{"another call", syscall.SYS_READ, [6]uint64{0, 0x10000}, retAllow},
		{"clone untraced", uint32(numbers()["clone"]), [6]uint64{cloneUntraced | 17}, retTrace},
		{"plain clone", uint32(numbers()["clone"]), [6]uint64{17}, retAllow},
	} {
		d := data{nr: c.nr, arch: auditArch, args: c.args}
		if got, err := run(prog, &d); err != nil || got != c.want {
			t.Errorf("%s: %#x %v, want %#x", c.name, got, err, c.want)
		}
		d.arch = 0x40000003
		if got, err := run(prog, &d); err != nil || got != no(syscall.ENOSYS) {
			t.Errorf("%s, foreign: %#x %v", c.name, got, err)
		}
	}
	for _, bad := range []uint64{0, 1 << 31, 1 << 40} {
		if _, err := Traced(Start{}, &Page{Top: bad}, nil); err == nil {
			t.Errorf("a page below %#x was guarded", bad)
		}
	}
}
