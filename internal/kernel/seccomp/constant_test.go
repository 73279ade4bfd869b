package seccomp

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// constant follows a program as the kernel does when it loads one, with nothing
// known but number and architecture (seccomp_is_const_allow): a call that is
// allowed so is never put to the filter again.
func constant(prog []linux.SockFilter, nr, arch uint32) bool {
	const and = 0x54
	var a uint32
	for pc := 0; pc < len(prog); pc++ {
		i := &prog[pc]
		jump := func(yes bool) {
			if yes {
				pc += int(i.JT)
			} else {
				pc += int(i.JF)
			}
		}
		switch i.Code {
		case ldAbs:
			switch i.K {
			case offNR:
				a = nr
			case offArch:
				a = arch
			default:
				return false
			}
		case ret:
			return i.K == retAllow
		case jmpJA:
			pc += int(i.K)
		case jmpJEQ:
			jump(a == i.K)
		case jmpJGT:
			jump(a > i.K)
		case 0x35:
			jump(a >= i.K)
		case jmpJSET:
			jump(a&i.K != 0)
		case and:
			a &= i.K
		default:
			return false
		}
	}
	return false
}

// TestHotCallsAreConstant: what programs call most is in the kernel's own table
// of allowed calls, whatever a policy arms, and costs no run of the filter.
func TestHotCallsAreConstant(t *testing.T) {
	hot := []uint32{
		unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_LSEEK,
		unix.SYS_BRK, unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_FUTEX, unix.SYS_WAIT4, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_RT_SIGACTION,
		unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_CTL, unix.SYS_PPOLL, unix.SYS_GETDENTS64, unix.SYS_NANOSLEEP,
		unix.SYS_CLOCK_NANOSLEEP, unix.SYS_PIPE2, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETPPID, unix.SYS_SET_ROBUST_LIST,
		unix.SYS_SET_TID_ADDRESS, unix.SYS_RSEQ, unix.SYS_STATX, unix.SYS_FACCESSAT, unix.SYS_READLINKAT, unix.SYS_GETCWD, unix.SYS_GETRANDOM,
		unix.SYS_SCHED_YIELD, unix.SYS_RECVFROM,
	}
	for what, arms := range map[string]Arms{
		"default.yaml": {ExecMaps: true},
		"nearly all":   {ExecMaps: true, AnonExec: true, Reads: true, Forks: true, Accepts: true},
	} {
		prog, err := Program(Start{Protect: []int{7, 8}, Arms: arms})
		if err != nil {
			t.Fatal(err)
		}
		for _, nr := range hot {
			if !constant(prog, nr, auditArch) {
				t.Errorf("%s: call %d runs the filter", what, nr)
			}
		}
		for _, nr := range []uint32{unix.SYS_EXECVE, unix.SYS_MMAP, unix.SYS_CONNECT} {
			if constant(prog, nr, auditArch) {
				t.Errorf("%s: call %d is never asked about", what, nr)
			}
		}
	}
}
