package seccomp

import (
	"syscall"
	"testing"
)

// The arm notifies what tells of a sender, and nothing else changes.
func TestReceivesArm(t *testing.T) {
	plain, err := Program(Start{})
	if err != nil {
		t.Fatal(err)
	}
	armed, err := Program(Start{Arms: Arms{Receives: true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		d    data
		want uint32 // with the arm
	}{
		{"recv", data{nr: syscall.SYS_RECVFROM, arch: auditArch}, retAllow},
		{"recvfrom", data{nr: syscall.SYS_RECVFROM, arch: auditArch, args: [6]uint64{4: 0x7fff0000}}, retNotify},
		{"recvfrom, upper half", data{nr: syscall.SYS_RECVFROM, arch: auditArch, args: [6]uint64{4: 1 << 40}}, retNotify},
		{"recvmsg", data{nr: syscall.SYS_RECVMSG, arch: auditArch}, retNotify},
		{"getpeername", data{nr: syscall.SYS_GETPEERNAME, arch: auditArch}, retNotify},
	} {
		for _, p := range []struct {
			name string
			want uint32
		}{{"plain", retAllow}, {"armed", tt.want}} {
			prog := plain
			if p.name == "armed" {
				prog = armed
			}
			if got, err := run(prog, &tt.d); err != nil || got != p.want {
				t.Errorf("%s, %s: %#x %v, want %#x", tt.name, p.name, got, err, p.want)
			}
		}
		tt.d.arch++
		if got, _ := run(armed, &tt.d); got == retNotify || got == retAllow {
			t.Errorf("%s of a foreign architecture: %#x", tt.name, got)
		}
	}
	for nr := range uint32(500) {
		d := data{nr: nr, arch: auditArch}
		a, _ := run(plain, &d)
		b, _ := run(armed, &d)
		if a != b && nr != syscall.SYS_RECVMSG && nr != syscall.SYS_GETPEERNAME {
			t.Errorf("call %d: %#x without the arm, %#x with it", nr, a, b)
		}
	}
}
