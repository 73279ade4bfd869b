// Package landlock confines the signals of the supervised tree where the
// kernel can (Landlock ABI 6, Linux 6.12).
//
// It takes nothing and changes the calling thread; it trusts the kernel's
// answer about its ABI and owns nothing.
package landlock

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"
)

// Numbers, the same on every architecture.
const (
	sysCreateRuleset = 444
	sysRestrictSelf  = 446
)

// SignalABI is the first Landlock ABI that can confine signals.
const SignalABI = 6

const (
	createVersion = 1
	scopeSignal   = 1 << 1
)

type ruleset struct{ fs, net, scoped uint64 }

// ABI gives the kernel's Landlock ABI. ENOSYS, EOPNOTSUPP: none.
func ABI() (int, error) {
	v, _, e := syscall.RawSyscall(sysCreateRuleset, 0, 0, createVersion)
	if e != 0 {
		return 0, fmt.Errorf("cannot ask for the landlock version: %w", e)
	}
	return int(v), nil
}

// ScopeSignals forbids the calling thread, and what it forks and executes, to
// signal (or, being confined, to trace) any process outside. It needs
// no_new_privs. EOPNOTSUPP: the kernel is older than ABI 6.
func ScopeSignals() error {
	v, err := ABI()
	if err != nil {
		return err
	}
	if v < SignalABI {
		return fmt.Errorf("cannot confine signals: landlock ABI %d: %w", v, syscall.EOPNOTSUPP)
	}
	r := ruleset{scoped: scopeSignal}
	fd, _, e := syscall.RawSyscall(sysCreateRuleset, uintptr(unsafe.Pointer(&r)), unsafe.Sizeof(r), 0)
	runtime.KeepAlive(&r)
	if e != 0 {
		return fmt.Errorf("cannot make a landlock ruleset: %w", e)
	}
	_, _, e = syscall.RawSyscall(sysRestrictSelf, fd, 0, 0)
	_ = syscall.Close(int(fd))
	if e != 0 {
		return fmt.Errorf("cannot enter a landlock domain: %w", e)
	}
	return nil
}
