package probe

import (
	"runtime"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// Governed lists the calls that a container's own seccomp profile often
// refuses, and that the engine wants to see.
var Governed = []string{
	"execve", "execveat", "connect", "sendto", "sendmsg", "socket", "clone", "setuid", "setresuid",
	"unshare", "setns", "mount", "umount2", "pivot_root", "move_mount", "fsopen", "open_tree",
	"bpf", "perf_event_open", "init_module", "finit_module", "keyctl", "userfaultfd", "kexec_load",
	"ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd",
}

// hidden finds the governed calls that never reach our listener, because an
// older filter answers them with an errno, which outranks a notification.
// Each call is made with arguments that do nothing, by a thread that makes a
// second call right after it: what is received first tells. The calls are not
// executed.
func hidden() (map[string]syscall.Errno, error) {
	var numbers []uint32
	var names []string
	for _, n := range Governed {
		if nr, ok := seccomp.Number(n); ok {
			numbers, names = append(numbers, uint32(nr)), append(names, n)
		}
	}
	ask := make(chan uint32)
	answers := make(chan syscall.Errno, 1)
	ready := make(chan error, 1)
	var listener int
	go func() {
		runtime.LockOSThread()
		if err := linux.SetNoNewPrivs(); err != nil {
			ready <- err
			return
		}
		fd, err := linux.InstallFilter(notifyAll(numbers), linux.FilterListener)
		listener = fd
		ready <- err
		if err != nil {
			return
		}
		const bad = ^uintptr(0)
		for nr := range ask {
			_, _, e := syscall.RawSyscall6(uintptr(nr), bad, 0, bad, 0, 0, 0)
			getppid()
			answers <- e
		}
	}()
	if err := <-ready; err != nil {
		return nil, err
	}
	out := map[string]syscall.Errno{}
	for i, nr := range numbers {
		ask <- nr
		var n linux.Notification
		seen := false
		for { // the call's notification, if any, then getppid's; a signal repeats either
			if e := linux.Recv(listener, &n); e == syscall.EINTR {
				continue
			} else if e != 0 {
				return nil, e
			}
			seen = seen || uint32(n.NR) == nr
			e := linux.Send(listener, &linux.Reply{ID: n.ID, Error: -int32(syscall.EPERM)})
			if e != 0 && e != syscall.ENOENT {
				return nil, e
			}
			if e == 0 && uint32(n.NR) == syscall.SYS_GETPPID {
				break
			}
			n = linux.Notification{}
		}
		if e := <-answers; !seen {
			out[names[i]] = e
		}
	}
	return out, nil
}

// notifyAll is a filter that notifies the numbers and getppid.
func notifyAll(numbers []uint32) []linux.SockFilter {
	const load, jumpEqual, ret = 0x20, 0x15, 0x06
	f := []linux.SockFilter{{Code: load, K: 0}}
	all := append([]uint32{syscall.SYS_GETPPID}, numbers...)
	for i, nr := range all {
		f = append(f, linux.SockFilter{Code: jumpEqual, JT: uint8(len(all) - i), JF: 0, K: nr})
	}
	return append(f,
		linux.SockFilter{Code: ret, K: 0x7fff0000}, // allow
		linux.SockFilter{Code: ret, K: 0x7fc00000}) // notify
}
