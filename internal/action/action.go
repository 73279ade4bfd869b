package action

import (
	"net/netip"

	"github.com/limpet-security/limpet/internal/workload"
)

// Process is the task that acts, as the supervisor's /proc shows it at the
// moment of the action. Exe is canonical within the workload's root.
type Process struct {
	PID, TID, PPID int
	UID, GID       uint32 // effective, in the workload's user namespace
	Exe            string // resolved /proc/PID/exe; "" when it could not be read
	Comm           string
	StartTime      uint64 // clock ticks since boot (field 22 of /proc/PID/stat): tells a reused pid apart
	Gone           bool   // it ended, and its call with it, before it could be looked at
}

// File is the identity of a file object: equal values mean the same content.
type File struct {
	Dev, Ino uint64
	Size     int64
	MtimeNs  int64
	CtimeNs  int64
	Mode     uint32 // st_mode, with type, setuid and setgid bits
	UID, GID uint32
	Nlink    uint32
}

// Origin says how a file relates to the drift manifest of the image.
type Origin uint8

// Origins. OriginUnknown means that there is no manifest to ask.
const (
	OriginUnknown    Origin = iota
	OriginImage             // path and digest are in the manifest
	OriginModified          // the path is in the manifest with another digest
	OriginDrifted           // neither path nor digest is in the manifest
	OriginMoved             // the digest is in the manifest under another path
	OriginUnreadable        // the path is in the manifest, but the content could not be read
)

// Exec is one execve or execveat, before it (intercept.Judge.Exec) and again
// at the moment the new image is mapped and nothing of it has run
// (intercept.Judge.ExecStarted).
type Exec struct {
	Proc          *Process
	Caller        Caller   // fills in what Proc lacks; nil: it is whole, and the answer is waited for
	Requested     string   // the path as the caller wrote it
	Path          string   // canonical path of the object; "" if it cannot be named (memfd, deleted)
	Args          []string // at most MaxArgs entries and MaxArgBytes bytes in all
	ArgsTruncated bool
	File          File
	FD            int             // open O_RDONLY on the object, owned by intercept, valid during the call; -1 if it is not or could not be opened
	Opener        Opener          // opens it, where nobody had to yet; nil: FD is all there is
	Digest        workload.Digest // filled in by the judge
	Origin        Origin          // filled in by the judge
	Script        bool            // the object starts with "#!"
	Interpreter   string          // canonical path of the script's interpreter, "" if none
	InterpFile    File
	InterpOrigin  Origin          // filled in by the judge
	InterpDigest  workload.Digest // filled in by the judge, if there is a manifest
	Fileless      bool            // memfd, deleted file, or a tmpfs without the image's mount such as /dev/shm
	SocketFDs     uint8           // bit i set: descriptor i (0..2) is a connected INET or INET6 socket
	AcceptedFDs   uint8           // those of SocketFDs whose connection the far end started
	SocketPeer    netip.AddrPort  // peer of the first of them
	Late          bool            // it has been running for a while: nobody could stop it at its exec
	Unverified    bool            // the object that will really run could not be looked at
	Refs          []Ref           // what arguments and environment name beside it, if the judge wants them
	Decoy         string          // variable whose false credential stands in the arguments; filled in by the judge
	Relay         *Relay          // set when a shell hangs on the network through others, and only for that question
	IDs           *IDs            // who runs it, if the judge wants it; nil: not known
}

// Caller describes the caller of an Exec when somebody asks.
type Caller interface {
	// DescribeCaller fills in Exec.Proc. waits: the caller is still in this very
	// call. One that a signal took back comes again, if at all.
	DescribeCaller() (waits bool)
}

// Opener opens the object of an Exec when it is asked for what it holds.
type Opener interface {
	// OpenObject gives what Exec.FD holds from then on.
	OpenObject() int
}

// Waits says that the answer is still waited for.
func (e *Exec) Waits() bool { return e.Caller == nil || e.Caller.DescribeCaller() }

// Whole has Proc filled in, and gives what Caller.DescribeCaller does.
func (e *Exec) Whole() (waits bool) {
	if e.Caller == nil {
		return true
	}
	waits = e.Caller.DescribeCaller()
	e.Caller = nil
	return waits
}

// Bounds of what is copied out of a caller.
const (
	MaxPath     = 4096
	MaxArgs     = 256
	MaxArgBytes = 64 << 10
)

// Socket is one socket(2) or socketpair(2) call. All values are scalars.
type Socket struct {
	Proc                   *Process
	Domain, Type, Protocol int // Type without SOCK_CLOEXEC and SOCK_NONBLOCK
}

// Transport protocols of Connect.
type Protocol uint8

// Protocols.
const (
	ProtoOther Protocol = iota
	ProtoTCP
	ProtoUDP
	ProtoICMP
	ProtoUnix
)

// Connect is an outbound flow that is about to start: connect(2), or a
// sendto/sendmsg/sendmmsg entry with an address.
type Connect struct {
	Proc     *Process
	Protocol Protocol
	Peer     netip.AddrPort // IPv4-mapped IPv6 is unmapped; zero for ProtoUnix
	Unix     string         // path, or "@name" for an abstract socket
	Real     string         // where the path leads, links resolved, from the caller's root; "" if it is the same or leads nowhere
	Datagram bool
	Foreign  bool     // ProtoUnix, connect: nobody in the tree has bound that name, so who is there can hand over descriptors that nobody judged
	Absent   bool     // ProtoUnix, connect: the path leads nowhere, as where getpwnam asks for nscd; deny rules alone speak of it
	Names    []string // host names that the workload's own name servers gave this address; lower case
	Scan     Scan     // filled in by the judge
	Own      bool     // Peer is an address of this host, and a port of a honeypot; filled in by the judge
	Proxied  bool     // a proxy is asked to connect: Peer has no address if Names is what it was asked for
	Raw      bool     // the sender writes the header with the ports by himself: Peer has the port that stands there, or 0 where it cannot be known
	Resolver bool     // Peer is port 53 of one of the workload's own name servers, as resolv.conf named them before it ran
}

// Fork is one fork, vfork or clone that adds a task.
type Fork struct {
	Proc   *Process
	Thread bool // CLONE_THREAD
	Tasks  int  // tasks of the workload if it is let through
	Flags  uint64
}

// Privilege kinds: one for each family of calls that are governed alike.
type PrivilegeKind uint8

// Privilege kinds.
const (
	PrivNamespace  PrivilegeKind = iota // unshare, setns, clone with CLONE_NEW*
	PrivMount                           // mount, umount2, pivot_root, chroot, move_mount, open_tree, fsopen ...
	PrivKernel                          // bpf, perf_event_open, init_module, keyctl, userfaultfd, kexec ...
	PrivTrace                           // ptrace, process_vm_*, pidfd_getfd, kcmp
	PrivIdentity                        // setuid/setgid/setgroups family
	PrivCapability                      // capset, prctl(PR_CAP_AMBIENT, PR_SET_KEEPCAPS, PR_SET_SECUREBITS)
	PrivClock                           // settimeofday, clock_settime, adjtimex and clock_adjtime that change something
)

// Privilege is a call that asks for more than an application usually needs.
type Privilege struct {
	Proc    *Process
	Kind    PrivilegeKind
	Syscall string // name, e.g. "unshare"
	Detail  string // e.g. "CLONE_NEWUSER|CLONE_NEWNS", "uid 0", "PTRACE_ATTACH pid 12"
	ToUID   int64  // PrivIdentity: the effective uid asked for; -1 if none
	ToGID   int64
}

// Tamper is an attempt against the enforcer itself: always denied.
type Tamper struct {
	Proc    *Process
	Syscall string
	Detail  string
}
