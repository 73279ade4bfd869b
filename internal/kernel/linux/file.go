package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Open flags and constants that packages above need by name.
const (
	AtFDCWD       = unix.AT_FDCWD
	AtEmptyPath   = unix.AT_EMPTY_PATH
	AtSymNofollow = unix.AT_SYMLINK_NOFOLLOW
	OPath         = unix.O_PATH
	ProcMagic     = unix.PROC_SUPER_MAGIC
	TmpfsMagic    = unix.TMPFS_MAGIC
	RamfsMagic    = unix.RAMFS_MAGIC
	HugetlbMagic  = unix.HUGETLBFS_MAGIC
)

// Stat is the kernel's stat structure.
type Stat = unix.Stat_t

// OpenAt opens with O_CLOEXEC added.
func OpenAt(dir int, path string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// Close closes a descriptor.
func Close(fd int) { _ = syscall.Close(fd) }

// Fstat reads a descriptor's attributes; O_PATH descriptors too.
func Fstat(fd int, st *Stat) error { return unix.Fstat(fd, st) }

// StatAt reads a path's attributes.
func StatAt(dir int, path string, st *Stat, flags int) error {
	return unix.Fstatat(dir, path, st, flags)
}

// keptTasks is how many tasks of our user's the command leaves to us: all threads
// that we could need.
const keptTasks = 640

// fewTasks is the limit on our user's tasks; root has none.
func fewTasks() (max uint64, limited bool) {
	var l unix.Rlimit
	if unix.Getuid() == 0 || unix.Prlimit(0, unix.RLIMIT_NPROC, nil, &l) != nil {
		return 0, false
	}
	return l.Max, l.Max < unix.RLIM_INFINITY
}

// FewTasks says that we may not have as many threads as we could need.
func FewTasks() bool {
	max, limited := fewTasks()
	return limited && max < 2*keptTasks
}

// KeepTasks has a child of our user end up with fewer tasks than we may have: a
// Go program that cannot make a thread ends.
func KeepTasks(child int) {
	max, limited := fewTasks()
	var l unix.Rlimit
	if !limited || unix.Prlimit(child, unix.RLIMIT_NPROC, nil, &l) != nil {
		return
	}
	l.Max = max - min(keptTasks, max/2)
	l.Cur = min(l.Cur, l.Max)
	_ = unix.Prlimit(child, unix.RLIMIT_NPROC, &l, nil)
	_ = unix.Prlimit(0, unix.RLIMIT_NPROC, &unix.Rlimit{Cur: max, Max: max}, nil)
}

// OpenLimit is the RLIMIT_NOFILE of a process whose ids are ours.
func OpenLimit(pid int) (int64, error) {
	var l unix.Rlimit
	err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &l)
	return int64(min(l.Cur, 1<<62)), err
}

// MadeUp says that the kernel makes up the files of a file system: sysfs, control
// groups, debugging, binfmt_misc.
func MadeUp(magic int64) bool {
	switch magic {
	case unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.BINFMTFS_MAGIC:
		return true
	}
	return false
}

// Device takes a device number apart.
func Device(rdev uint64) (major, minor uint32) { return unix.Major(rdev), unix.Minor(rdev) }

// FsMagic gives the filesystem type of a descriptor.
func FsMagic(fd int) (int64, error) {
	var s unix.Statfs_t
	err := unix.Fstatfs(fd, &s)
	return int64(s.Type), err
}

// ReadlinkAt reads a symbolic link of at most 4096 bytes.
func ReadlinkAt(dir int, path string) (string, error) {
	var b [4097]byte
	n, err := unix.Readlinkat(dir, path, b[:])
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// Pread reads at an offset without moving it.
func Pread(fd int, b []byte, off int64) (int, error) { return unix.Pread(fd, b, off) }

// PreadNow reads the beginning of a file that cannot block, such as one of
// procfs about the whole machine, without telling Go's scheduler: that would
// wake its monitor thread, which costs more than the read. It gives the number
// of bytes, or a value below 1.
func PreadNow(fd int, b []byte) int {
	n, _, e := syscall.RawSyscall6(unix.SYS_PREAD64, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	if e != 0 {
		return -1
	}
	return int(n)
}

// ReadMem reads another process's memory by process_vm_readv.
func ReadMem(tid int, b []byte, addr uintptr) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	l := []unix.Iovec{{Base: &b[0]}}
	l[0].SetLen(len(b))
	r := []unix.RemoteIovec{{Base: addr, Len: len(b)}}
	return unix.ProcessVMReadv(tid, l, r, 0)
}

// Exists says whether dir/path is there.
func Exists(dir int, path string) bool { return unix.Faccessat(dir, path, unix.F_OK, 0) == nil }

// Memfd makes an anonymous file.
func Memfd(name string) (int, error) { return unix.MemfdCreate(name, unix.MFD_CLOEXEC) }

// Resolve flags of OpenAt2.
const (
	ResolveNoMagicLinks = unix.RESOLVE_NO_MAGICLINKS
	ResolveInRoot       = unix.RESOLVE_IN_ROOT
)

const resolveCached = 0x20 // RESOLVE_CACHED, 5.12

// OpenAt2 opens with O_CLOEXEC added and resolve flags. ENOSYS: before 5.6.
// EAGAIN: it is not cached (RESOLVE_CACHED), which stays so.
func OpenAt2(dir int, path string, flags int, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: resolve}
	for {
		fd, err := unix.Openat2(dir, path, &how)
		if err != syscall.EINTR && err != syscall.EAGAIN || resolve&resolveCached != 0 {
			return fd, err
		}
	}
}

// PidfdGetfd duplicates a descriptor of another process.
func PidfdGetfd(pid, fd int) (int, error) {
	p, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, err
	}
	defer Close(p)
	return unix.PidfdGetfd(p, fd, 0)
}
