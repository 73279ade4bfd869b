package seccomp

import (
	"math/rand/v2"
	"syscall"
	"testing"
)

func TestStaticAsksNobody(t *testing.T) {
	prog, err := Static([]int{77}, []string{"mount", "ptrace", "unshare", "clone", "no such call"})
	if err != nil {
		t.Fatal(err)
	}
	nr := func(n string) uint32 { return uint32(numbers()[n]) }
	for _, c := range []struct {
		name string
		nr   uint32
		args [6]uint64
		want uint32
	}{
		{"mount", nr("mount"), [6]uint64{}, retEPERM},
		{"ptrace", nr("ptrace"), [6]uint64{0}, retEPERM},
		{"a namespace", nr("unshare"), [6]uint64{0x10000000}, retEPERM},
		{"time namespace", nr("unshare"), [6]uint64{0x80}, retEPERM},
		{"own files", nr("unshare"), [6]uint64{0x400}, retAllow},
		{"fork", nr("clone"), [6]uint64{17}, retAllow},
		{"fork into a namespace", nr("clone"), [6]uint64{0x10000000 | 17}, retEPERM},
		{"thread", nr("clone"), [6]uint64{0x10000}, retAllow},
		{"pivot_root, not named", nr("pivot_root"), [6]uint64{}, retAllow},
		{"execve", nr("execve"), [6]uint64{}, retAllow},
		{"kill us", nr("kill"), [6]uint64{77, 9}, retEPERM},
		{"kill another", nr("kill"), [6]uint64{78, 9}, retAllow},
		{"io_uring", nr("io_uring_setup"), [6]uint64{}, retErrno | uint32(syscall.ENOSYS)},
	} {
		d := data{nr: c.nr, arch: auditArch, args: c.args}
		if got, err := run(prog, &d); err != nil || got != c.want {
			t.Errorf("%s: %#x %v, want %#x", c.name, got, err, c.want)
		}
		d.arch = 0x40000003
		if got, err := run(prog, &d); err != nil || got != retErrno|uint32(syscall.ENOSYS) {
			t.Errorf("%s, foreign: %#x %v", c.name, got, err)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 30_000 {
		d := data{nr: r.Uint32N(470), arch: auditArch, args: [6]uint64{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}}
		if got, err := run(prog, &d); err != nil || got == retNotify || got == retTrace {
			t.Fatalf("%+v: %#x %v", d, got, err)
		}
	}
}
