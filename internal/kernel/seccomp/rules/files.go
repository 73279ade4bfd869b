package rules

// Bits of open flags, the same on every architecture.
const (
	oAccMode = 0o3
	oCreat   = 0o100
	oTrunc   = 0o1000
)

// writing are the alternatives under which an open may change something. Two
// bits of O_ACCMODE are compared as a number: 3 asks for both rights.
func writing(syscall string, arg uint) []Rule {
	out := make([]Rule, 0, 5)
	for _, c := range []Cond{
		{Arg: arg, Op: Masked, Mask: oAccMode, Value: 1},
		{Arg: arg, Op: Masked, Mask: oAccMode, Value: 2},
		{Arg: arg, Op: Masked, Mask: oAccMode, Value: 3},
		{Arg: arg, Op: Masked, Mask: oCreat, Value: oCreat},
		{Arg: arg, Op: Masked, Mask: oTrunc, Value: oTrunc},
	} {
		out = append(out, Rule{Syscall: syscall, Conds: []Cond{c}})
	}
	return out
}

// Files are the calls that change files or names. An open for reading is
// notified only where a start arms it (package seccomp, Arms.Reads).
var Files = func() []Rule {
	out := append(writing("open", 1), writing("openat", 2)...)
	for _, name := range []string{
		"creat", "openat2", "truncate", "umask",
		"rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat",
		"mkdir", "mkdirat", "rmdir", "mknod", "mknodat",
		"chmod", "fchmod", "fchmodat", "chown", "lchown", "fchown", "fchownat",
		"utime", "utimes", "futimesat", "utimensat",
		"setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
	} {
		out = append(out, Rule{Syscall: name})
	}
	// Attributes that only an ioctl changes (chattr, fsverity).
	for _, cmd := range append([]uint64{IoctlSetFlags, IoctlSetXattr, IoctlVersion, IoctlVersionExt4, IoctlFAT, IoctlSubvolume, IoctlVerity, IoctlUserfault, IoctlTyped}, Subvolumes...) {
		out = append(out, Rule{Syscall: "ioctl", Conds: []Cond{{Arg: 1, Op: Equal, Value: cmd, Low: true}}})
	}
	return out
}()

// ioctls that change attributes of files.
const (
	IoctlSetFlags = 0x40086602 // FS_IOC_SETFLAGS
	IoctlSetXattr = 0x401c5820 // FS_IOC_FSSETXATTR
	IoctlVersion  = 0x40087602 // FS_IOC_SETVERSION
	// The same by another number (EXT4_IOC_SETVERSION), and what vfat and btrfs
	// have (FAT_IOCTL_SET_ATTRIBUTES, BTRFS_IOC_SUBVOL_SETFLAGS).
	IoctlVersionExt4 = 0x40086604
	IoctlFAT         = 0x40047211
	IoctlSubvolume   = 0x4008941a
	IoctlVerity      = 0x40806685 // FS_IOC_ENABLE_VERITY
)

// ioctls of devices that do what a call is judged for.
const (
	IoctlUserfault = 0xaa00 // USERFAULTFD_IOC_NEW, of /dev/userfaultfd
	IoctlTyped     = 0x5412 // TIOCSTI: types into a terminal, for whoever reads there
)

// Subvolumes are the ioctls of btrfs that make and remove subvolumes and
// snapshots, by a descriptor that is open for reading: whoever owns one can show
// its whole content under another name, without the right to mount.
var Subvolumes = []uint64{
	0x5000940e, 0x50009418, // BTRFS_IOC_SUBVOL_CREATE, _V2
	0x50009401, 0x50009417, // BTRFS_IOC_SNAP_CREATE, _V2
	0x5000940f, 0x5000943f, // BTRFS_IOC_SNAP_DESTROY, _V2
}

// Later are calls that change attributes or mounts and are younger than the
// libraries and kernels that the tables are made with. They do not exist here:
// a program falls back on the older ones. Their numbers are the same on every
// architecture.
//
// Landlock is among them because what the enforcer carries out for a program it
// does not do in the program's own domain: a program must not take itself for
// confined when it is not.
var Later = []uint32{
	444, // landlock_create_ruleset, 5.13
	452, // fchmodat2, Linux 6.6
	463, // setxattrat, 6.13
	466, // removexattrat, 6.13
	467, // open_tree_attr, 6.15
	469, // file_setattr, 6.17
}

// Youngest is the highest number that somebody has looked at for what it could
// get past this table (Linux 6.17, the same on every architecture). What is
// younger does not exist here either.
const Youngest = 469

// Armed are calls that only a part that a start arms looks at: the tables
// know their numbers.
var Armed = []string{"ftruncate", "fallocate", "fcntl", "pwritev2", "io_setup"}
