package linux

import (
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Flags of calls on files that packages above need.
const (
	AtRemoveDir     = unix.AT_REMOVEDIR
	AtSymFollow     = unix.AT_SYMLINK_FOLLOW
	ODirectory      = unix.O_DIRECTORY
	ONoFollow       = unix.O_NOFOLLOW
	OTmpfile        = unix.O_TMPFILE &^ unix.O_DIRECTORY // the bit itself
	ONoCTTY         = unix.O_NOCTTY
	OLargeFile      = unix.O_LARGEFILE
	RenameNoReplace = unix.RENAME_NOREPLACE
	RenameExchange  = unix.RENAME_EXCHANGE
	RenameWhiteout  = unix.RENAME_WHITEOUT
	UtimeNow        = unix.UTIME_NOW
	UtimeOmit       = unix.UTIME_OMIT
	PipeMagic       = 0x50495045

	ResolveBeneath = unix.RESOLVE_BENEATH
)

// OpenMode is open with O_CLOEXEC added and a mode.
func OpenMode(dir int, path string, flags int, mode uint32) (int, error) {
	return unix.Openat(dir, path, flags|unix.O_CLOEXEC, mode)
}

// OpenHow is struct open_how.
type OpenHow = unix.OpenHow

// OpenHow2 opens by openat2 as how says, with O_CLOEXEC added.
func OpenHow2(dir int, path string, how OpenHow) (int, error) {
	how.Flags |= unix.O_CLOEXEC
	return unix.Openat2(dir, path, &how)
}

// FDPath names a descriptor of ours in /proc: opening it opens the object.
func FDPath(fd int) string {
	var b [32]byte
	return string(strconv.AppendInt(append(b[:0], "/proc/self/fd/"...), int64(fd), 10))
}

// fds is /proc/self/fd, open: a name in it is found faster than through /proc.
var fds = sync.OnceValue(func() int {
	fd, err := OpenAt(AtFDCWD, "/proc/self/fd", OPath|ODirectory)
	if err != nil {
		return -1
	}
	return fd
})

// fdName names a descriptor of ours for calls that take a directory.
func fdName(fd int) (dir int, name string) {
	if d := fds(); d >= 0 {
		return d, strconv.Itoa(fd)
	}
	return AtFDCWD, FDPath(fd)
}

// Reopen opens the object behind a descriptor anew, with O_CLOEXEC added.
func Reopen(fd, flags int, mode uint32) (int, error) {
	dir, name := fdName(fd)
	return unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
}

// Calls on names in an open directory, as the kernel's own.

// RenameAt2 renames.
func RenameAt2(odir int, oname string, ndir int, nname string, flags uint) error {
	if flags == 0 {
		return unix.Renameat(odir, oname, ndir, nname)
	}
	return unix.Renameat2(odir, oname, ndir, nname, flags)
}

// LinkAt links.
func LinkAt(odir int, oname string, ndir int, nname string, flags int) error {
	return unix.Linkat(odir, oname, ndir, nname, flags)
}

// SymlinkAt makes a symbolic link.
func SymlinkAt(target string, dir int, name string) error { return unix.Symlinkat(target, dir, name) }

// UnlinkAt removes a name.
func UnlinkAt(dir int, name string, flags int) error { return unix.Unlinkat(dir, name, flags) }

// MkdirAt makes a directory.
func MkdirAt(dir int, name string, mode uint32) error { return unix.Mkdirat(dir, name, mode) }

// MknodAt makes a file, a device, a socket or a pipe.
func MknodAt(dir int, name string, mode uint32, dev uint64) error {
	return unix.Mknodat(dir, name, mode, int(dev))
}

// ChmodPath changes the mode of what path leads to.
func ChmodPath(path string, mode uint32) error { return unix.Fchmodat(unix.AT_FDCWD, path, mode, 0) }

// ChownAt changes owners.
func ChownAt(dir int, path string, uid, gid, flags int) error {
	return unix.Fchownat(dir, path, uid, gid, flags)
}

// UtimensAt sets times; nil: now. A nil path is the descriptor itself.
func UtimensAt(dir int, path *string, ts *[2]unix.Timespec, flags int) error {
	var p *byte
	if path != nil {
		var err error
		if p, err = unix.BytePtrFromString(*path); err != nil {
			return err
		}
	}
	_, _, e := syscall.Syscall6(unix.SYS_UTIMENSAT, uintptr(dir), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(ts)), uintptr(flags), 0, 0)
	return errnoErr(e)
}

// Timespec is the kernel's.
type Timespec = unix.Timespec

// SetXattr sets an attribute of what path leads to.
func SetXattr(path, name string, value []byte, flags int) error {
	return unix.Setxattr(path, name, value, flags)
}

// RemoveXattr removes one.
func RemoveXattr(path, name string) error { return unix.Removexattr(path, name) }

// GetXattrSize gives an attribute's size.
func GetXattrSize(path, name string) (int, error) { return unix.Getxattr(path, name, nil) }

// Truncate cuts or extends what path leads to.
func Truncate(path string, size int64) error { return unix.Truncate(path, size) }

// SetUmask sets this process's umask and gives the old one.
func SetUmask(mask int) int { return syscall.Umask(mask) }

// ErrnoOf gives the errno of an error of this package, EIO if it has none.
func ErrnoOf(err error) syscall.Errno {
	switch e := err.(type) {
	case nil:
		return 0
	case syscall.Errno:
		return e
	}
	return syscall.EIO
}

// OpenBytes opens the name that lies at path when the kernel looks, with
// O_CLOEXEC added. It may block.
func OpenBytes(path *byte, flags int) (int, syscall.Errno) {
	at := int64(unix.AT_FDCWD)
	fd, _, e := syscall.Syscall6(syscall.SYS_OPENAT, uintptr(at), uintptr(unsafe.Pointer(path)), uintptr(flags|unix.O_CLOEXEC), 0, 0, 0)
	return int(fd), e
}

// ResolveNoSymlinks refuses every symbolic link.
const ResolveNoSymlinks = unix.RESOLVE_NO_SYMLINKS

// FileIoctl makes an ioctl that reads its argument from b.
func FileIoctl(fd int, cmd uint32, b []byte) error {
	_, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), uintptr(cmd), uintptr(unsafe.Pointer(&b[0])))
	return errnoErr(e)
}

// Ftruncate cuts or extends an open file.
func Ftruncate(fd int, size int64) error { return syscall.Ftruncate(fd, size) }

// Fallocate changes the space of an open file.
func Fallocate(fd int, mode uint32, off, n int64) error { return unix.Fallocate(fd, mode, off, n) }

// AccessPath asks for rights by the calling thread's effective ids.
func AccessPath(path string, mode uint32) error {
	return unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS)
}
