package seccomp

import (
	"testing"

	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// Opens that may change something are always notified, opens for reading when
// armed; what takes a file's end away through a descriptor when logs are.
func TestFilesAreAskedAboutWhenArmed(t *testing.T) {
	for _, arms := range []Arms{{}, {Reads: true}, {Logs: true}, {Reads: true, Logs: true, Forks: true}} {
		p, err := Program(Start{Protect: []int{1}, Arms: arms})
		if err != nil {
			t.Fatal(err)
		}
		armed := func(on bool) uint32 {
			if on {
				return retNotify
			}
			return retAllow
		}
		gone := func(errno uint32) uint32 {
			if arms.Logs {
				return retErrno | errno
			}
			return retAllow
		}
		const high = 1 << 40 // the kernel takes flags as int
		for _, tt := range []struct {
			call string
			args [6]uint64
			want uint32
		}{
			{"openat", [6]uint64{0, 0, 0}, armed(arms.Reads)},
			{"openat", [6]uint64{0, 0, 0o2000000 | 0o200000}, armed(arms.Reads)},
			{"openat", [6]uint64{0, 0, 1}, retNotify},
			{"openat", [6]uint64{0, 0, 2 | high}, retNotify},
			{"openat", [6]uint64{0, 0, 3}, retNotify},
			{"openat", [6]uint64{0, 0, 0o100}, retNotify},
			{"openat", [6]uint64{0, 0, 0o1000 | high}, retNotify},
			{"openat", [6]uint64{0, 0, 0o20200000 | 2}, retNotify}, // O_TMPFILE
			{"open", [6]uint64{0, 0, 0}, armed(arms.Reads)},
			{"open", [6]uint64{0, 1, 0}, retNotify},
			{"open", [6]uint64{0, 0o1000, 0}, retNotify},
			{"openat2", [6]uint64{}, retNotify},
			{"creat", [6]uint64{}, retNotify},
			{"unlinkat", [6]uint64{}, retNotify},
			{"fchmod", [6]uint64{}, retNotify},
			{"ioctl", [6]uint64{3, 0x5401}, retAllow},
			{"ioctl", [6]uint64{3, rules.IoctlSetFlags}, retNotify},
			{"ioctl", [6]uint64{3, rules.IoctlSetXattr | high}, retNotify},
			{"ioctl", [6]uint64{3, rules.IoctlVersion}, retNotify},
			{"ioctl", [6]uint64{3, 0x40305829}, gone(25)},
			{"ioctl", [6]uint64{3, 0x4030582b | high}, gone(25)},
			{"ioctl", [6]uint64{3, 0x40305839}, gone(25)},
			{"pwritev2", [6]uint64{3}, retAllow},
			{"pwritev2", [6]uint64{3, 0, 0, 0, 0, 0x12}, retAllow},
			{"pwritev2", [6]uint64{3, 0, 0, 0, 0, 0x22}, gone(95)},
			{"io_setup", [6]uint64{1}, gone(38)},
			{"ftruncate", [6]uint64{3, 0}, armed(arms.Logs)},
			{"fallocate", [6]uint64{3, 0}, retAllow},
			{"fallocate", [6]uint64{3, 3}, armed(arms.Logs)},
			{"fcntl", [6]uint64{3, 4, 0}, armed(arms.Logs)},
			{"fcntl", [6]uint64{3, 4, 0x800}, armed(arms.Logs)},
			{"fcntl", [6]uint64{3, 4, 0x400}, retAllow},
			{"fcntl", [6]uint64{3, 3, 0}, retAllow},
		} {
			nr, ok := Number(tt.call)
			if !ok {
				continue
			}
			d := data{nr: uint32(nr), arch: auditArch, args: tt.args}
			if got, err := run(p, &d); err != nil || got != tt.want {
				t.Errorf("%+v: %s%#x: %#x, %v, want %#x", arms, tt.call, tt.args, got, err, tt.want)
			}
			d.arch = 0
			if got, _ := run(p, &d); got == retAllow {
				t.Errorf("%+v: a foreign %s is allowed", arms, tt.call)
			}
		}
		for _, nr := range append([]uint32{rules.Youngest + 1, 1023, 0x3fffffff}, rules.Later...) {
			if got, err := run(p, &data{nr: nr, arch: auditArch}); err != nil || got != retErrno|38 {
				t.Errorf("%+v: call %d: %#x, %v", arms, nr, got, err)
			}
		}
	}
}
