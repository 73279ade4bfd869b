package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// LandlockVersion gives the Landlock ABI version, 0 if there is none.
func LandlockVersion() int {
	v, _, e := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return 0
	}
	return int(v)
}

// DenyOwnTCPConnect puts the calling thread and all its later children into a
// Landlock domain in which the kernel refuses every TCP connect(2) of theirs
// (ABI 4, Linux 6.7). Connecting is then possible only for who stands outside
// the domain and holds a duplicate of the socket. no_new_privs must be set.
// ENOSYS: this kernel cannot.
func DenyOwnTCPConnect() error {
	if LandlockVersion() < 4 {
		return syscall.ENOSYS
	}
	attr := struct{ fs, net, scoped uint64 }{net: unix.LANDLOCK_ACCESS_NET_CONNECT_TCP}
	fd, _, e := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), 16, 0)
	if e != 0 {
		return e
	}
	_, _, e = syscall.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
	syscall.RawSyscall(syscall.SYS_CLOSE, fd, 0, 0)
	return errnoErr(e)
}
