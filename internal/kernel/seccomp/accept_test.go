package seccomp

import (
	"syscall"
	"testing"
)

// The arm notifies accept and accept4, and nothing else changes.
func TestAcceptsArm(t *testing.T) {
	plain, err := Program(Start{})
	if err != nil {
		t.Fatal(err)
	}
	armed, err := Program(Start{Arms: Arms{Accepts: true}})
	if err != nil {
		t.Fatal(err)
	}
	for nr, want := range map[uint32]uint32{syscall.SYS_ACCEPT: retNotify, syscall.SYS_ACCEPT4: retNotify, syscall.SYS_READ: retAllow, syscall.SYS_CONNECT: retNotify} {
		d := data{nr: nr, arch: auditArch}
		if got, err := run(armed, &d); err != nil || got != want {
			t.Errorf("call %d armed: %#x %v", nr, got, err)
		}
		if want == retNotify && nr != syscall.SYS_CONNECT {
			want = retAllow
		}
		if got, err := run(plain, &d); err != nil || got != want {
			t.Errorf("call %d plain: %#x %v", nr, got, err)
		}
		if d.arch++; true {
			if got, _ := run(armed, &d); got == retNotify || got == retAllow {
				t.Errorf("call %d of a foreign architecture: %#x", nr, got)
			}
		}
	}
}
