// Package rules is the table behind the filter of package seccomp: plain data
// that the generator, the shipped code and the tests all read.
package rules

import (
	"slices"
	"syscall"
)

// Action is what the filter does with a call.
type Action uint8

// Actions. The default, for calls without a matching rule, is to allow.
const (
	Notify Action = iota // stop the caller and ask the supervisor
	Refuse               // answer with Rule.Errno
)

// Op compares an argument.
type Op uint8

// Comparisons of Cond.
const (
	Equal    Op = iota // argument == Value
	NotEqual           // argument != Value
	Masked             // argument & Mask == Value
)

// Cond is a condition on one argument (0..5). Comparisons are on 64 bits
// unless Low is set: then on the low 32, for arguments that the kernel takes
// as int, whose upper half a caller may fill with anything.
type Cond struct {
	Arg   uint
	Op    Op
	Value uint64
	Mask  uint64
	Low   bool
}

// Rule is one row of the filter's table. All conditions must hold. Rows for
// the same call are alternatives.
type Rule struct {
	Syscall string
	Action  Action
	Errno   syscall.Errno
	Conds   []Cond
}

// ForeignErrno is what calls of another ABI (i386, x32) get.
const ForeignErrno = syscall.ENOSYS

// prctl options that are governed.
const (
	PrSetDumpable   = 4
	PrSetKeepCaps   = 8
	PrSetSecurebits = 28
	PrSetMM         = 35
	PrCapAmbient    = 47
)

// What setpriority and ioprio_set take their second argument for: a process, a
// process group, a user.
const (
	PrioUser    = 2
	PrioGroup   = 1
	IoprioUser  = 3
	IoprioGroup = 2
)

// Levels of setsockopt.
const (
	solIP   = 0
	solIPv6 = 41
	solRaw  = 255
	solSCTP = 132
)

func sockopt(level, opt uint64) []Cond {
	return []Cond{{Arg: 1, Op: Equal, Value: level, Low: true}, {Arg: 2, Op: Equal, Value: opt, Low: true}}
}

func option(v uint64) []Cond { return []Cond{{Arg: 0, Op: Equal, Value: v, Low: true}} }

// Rules is the filter. A call that one architecture lacks is left out there.
var Rules = slices.Concat(general, Files, Maps)

var general = []Rule{
	// Executables: the pointer arguments are judged, then looked at again at
	// the exec stop.
	{Syscall: "execve"},
	{Syscall: "execveat"},

	// Network. Arguments of socket are scalars; the others are executed on
	// the supervisor's copy. A sendto without an address has nothing to judge.
	{Syscall: "socket"},
	{Syscall: "connect"},
	{Syscall: "sendto", Conds: []Cond{{Arg: 4, Op: NotEqual, Value: 0}}},
	{Syscall: "sendmsg"},
	{Syscall: "sendmmsg"},
	{Syscall: "socketpair"},
	// Scalars that the owner of socket duplicates must see: a duplicate is let
	// go at listen, and may be what keeps a port busy at bind.
	{Syscall: "listen"},
	{Syscall: "bind"},
	// A raw socket whose sender writes the header goes where the header says.
	{Syscall: "setsockopt", Conds: sockopt(solIP, 3)},    // IP_HDRINCL
	{Syscall: "setsockopt", Conds: sockopt(solIPv6, 36)}, // IPV6_HDRINCL
	{Syscall: "setsockopt", Conds: sockopt(solRaw, 36)},  // the same to a raw socket of IPv6
	// Source routes send a packet elsewhere than to its address.
	{Syscall: "setsockopt", Conds: sockopt(solIP, 4), Action: Refuse, Errno: syscall.EPERM},    // IP_OPTIONS
	{Syscall: "setsockopt", Conds: sockopt(solIPv6, 5), Action: Refuse, Errno: syscall.EPERM},  // IPV6_2292RTHDR
	{Syscall: "setsockopt", Conds: sockopt(solIPv6, 6), Action: Refuse, Errno: syscall.EPERM},  // IPV6_2292PKTOPTIONS
	{Syscall: "setsockopt", Conds: sockopt(solIPv6, 57), Action: Refuse, Errno: syscall.EPERM}, // IPV6_RTHDR
	// A flow label is leased with options, a source route among them.
	{Syscall: "setsockopt", Conds: sockopt(solIPv6, 32), Action: Refuse, Errno: syscall.EPERM}, // IPV6_FLOWLABEL_MGR
	// An IPv6 socket that becomes one of IPv4 reads addresses otherwise than they were judged.
	{Syscall: "setsockopt", Conds: sockopt(solIPv6, 1), Action: Refuse, Errno: syscall.EPERM}, // IPV6_ADDRFORM
	// The kernel would choose a port that bind denies.
	{Syscall: "setsockopt", Conds: sockopt(solIP, 51), Action: Refuse, Errno: syscall.EPERM}, // IP_LOCAL_PORT_RANGE
	// SCTP can connect by an option.
	{Syscall: "setsockopt", Conds: sockopt(solSCTP, 107), Action: Refuse, Errno: syscall.EPERM},
	{Syscall: "setsockopt", Conds: sockopt(solSCTP, 110), Action: Refuse, Errno: syscall.EPERM},
	{Syscall: "getsockopt", Conds: sockopt(solSCTP, 111), Action: Refuse, Errno: syscall.EPERM}, // SCTP_SOCKOPT_CONNECTX3

	// Tasks. clone3 hides its flags behind a pointer; libraries fall back.
	{Syscall: "clone3", Action: Refuse, Errno: syscall.ENOSYS},
	{Syscall: "clone"},
	{Syscall: "fork"},
	{Syscall: "vfork"},

	// Identity and capabilities.
	{Syscall: "setuid"},
	{Syscall: "setgid"},
	{Syscall: "setreuid"},
	{Syscall: "setregid"},
	{Syscall: "setresuid"},
	{Syscall: "setresgid"},
	{Syscall: "setfsuid"},
	{Syscall: "setfsgid"},
	{Syscall: "setgroups"},
	{Syscall: "capset"},
	{Syscall: "prctl", Conds: option(PrCapAmbient)},
	{Syscall: "prctl", Conds: option(PrSetKeepCaps)},
	{Syscall: "prctl", Conds: option(PrSetSecurebits)},
	{Syscall: "prctl", Conds: []Cond{{Arg: 0, Op: Equal, Value: PrSetDumpable, Low: true}, {Arg: 1, Op: Equal, Value: 0}}},
	// It could give /proc/PID/exe another name. Checkpointing tools only.
	{Syscall: "prctl", Conds: option(PrSetMM), Action: Refuse, Errno: syscall.EPERM},

	// Namespaces.
	{Syscall: "unshare"},
	{Syscall: "setns"},

	// Mounts and roots.
	{Syscall: "mount"},
	{Syscall: "umount2"},
	{Syscall: "pivot_root"},
	{Syscall: "chroot"},
	{Syscall: "move_mount"},
	{Syscall: "open_tree"},
	{Syscall: "fsopen"},
	{Syscall: "fsconfig"},
	{Syscall: "fsmount"},
	{Syscall: "fspick"},
	{Syscall: "mount_setattr"},

	// Kernel interfaces.
	{Syscall: "bpf"},
	{Syscall: "perf_event_open"},
	{Syscall: "init_module"},
	{Syscall: "finit_module"},
	{Syscall: "delete_module"},
	{Syscall: "keyctl"},
	{Syscall: "add_key"},
	{Syscall: "request_key"},
	{Syscall: "userfaultfd"},
	{Syscall: "kexec_load"},
	{Syscall: "kexec_file_load"},
	{Syscall: "open_by_handle_at"},
	{Syscall: "iopl"},
	{Syscall: "ioperm"},
	{Syscall: "reboot"},
	{Syscall: "swapon"},
	{Syscall: "swapoff"},
	{Syscall: "uselib", Action: Refuse, Errno: syscall.ENOSYS}, // maps a library of a.out's days, executable, without mmap; nothing uses it
	{Syscall: "acct"},          // the kernel writes into a file of the caller's choice
	{Syscall: "fanotify_init"}, // its events hand over descriptors, or hold up everybody's opens

	// Reaching into other processes.
	{Syscall: "ptrace"},
	{Syscall: "process_vm_readv"},
	{Syscall: "process_vm_writev"},
	{Syscall: "process_madvise"},
	{Syscall: "pidfd_getfd"},
	{Syscall: "kcmp"},

	// Signals whose target cannot be told from the pids known at the start:
	// a thread id, or a descriptor. The rest are in TargetRules.
	{Syscall: "tkill"},
	{Syscall: "pidfd_send_signal"},

	// Every process of a user or a group at once, ours among them.
	{Syscall: "setpriority", Conds: option(PrioGroup)},
	{Syscall: "setpriority", Conds: option(PrioUser)},
	{Syscall: "ioprio_set", Conds: option(IoprioGroup)},
	{Syscall: "ioprio_set", Conds: option(IoprioUser)},

	// io_uring makes calls that no filter sees.
	{Syscall: "io_uring_setup", Action: Refuse, Errno: syscall.ENOSYS},
	{Syscall: "io_uring_enter", Action: Refuse, Errno: syscall.ENOSYS},
	{Syscall: "io_uring_register", Action: Refuse, Errno: syscall.ENOSYS},
}

// TargetRules are the calls whose argument Arg names a process: they are
// notified when it is one of the supervisor's pids, and allowed otherwise. Those
// with Any also take thread ids, which are not known when the filter is loaded:
// they are notified whenever they do not name the caller by 0.
var TargetRules = []struct {
	Syscall string
	Arg     uint
	Any     bool
}{
	{"kill", 0, false},
	{"tgkill", 0, false},
	{"rt_sigqueueinfo", 0, false},
	{"rt_tgsigqueueinfo", 0, false},
	{"prlimit64", 0, true},
	{"pidfd_open", 0, false},
	{"setpriority", 1, true},
	{"ioprio_set", 1, true},
	{"sched_setaffinity", 0, true},
	{"sched_setscheduler", 0, true},
	{"sched_setparam", 0, true},
	{"sched_setattr", 0, true},
	{"migrate_pages", 0, true},
	{"move_pages", 0, true},
	{"setpgid", 0, false},
}
