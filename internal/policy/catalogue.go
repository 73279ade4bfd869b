package policy

import "strings"

// entry is what is known about a control beside its fields.
type entry struct {
	id        ControlID
	title     string
	category  Category
	technique string // MITRE ATT&CK for Containers or Linux; "" if none fits
	available bool   // judged and enforced on the first rung of the MicroEnforcer
	needs     []Need
	about     string
}

// Category groups controls in forms and documents.
type Category string

// Categories.
const (
	Executables Category = "executables"
	Processes   Category = "processes"
	Files       Category = "files"
	Network     Category = "network"
	Behaviour   Category = "behaviour"
	Privilege   Category = "privilege"
)

// Need is something that a control costs or depends on.
type Need string

// Needs.
const (
	NeedDigest   Need = "digest"   // the SHA-256 of every program that is run
	NeedManifest Need = "manifest" // the drift manifest that wrapping adds to the image
	NeedReads    Need = "reads"    // every file that is opened must be seen
	NeedRestart  Need = "restart"  // a change holds from the next start of the workload
)

// catalogue holds every control once, in the order in which forms show them
// and in which the verdict engine names one among equals.
var catalogue = []entry{
	{SelfProtection, "Self protection", Privilege, "T1562.001", true, nil,
		"Attempts against the enforcer itself. Always enforced; no policy can change it."},
	{ImageAssurance, "Image assurance", Executables, "T1204.003", true, nil,
		"Images that nobody has signed a passing verdict about: unknown, failed, expired, or signed by another key. Looked at when the workload starts, without a network. In enforce mode it does not start."},
	{DeniedExecutables, "Denied executables", Executables, "T1204", true, nil,
		"Programs that may not be run, by path, name or SHA-256."},
	{AllowedExecutables, "Allowed executables", Executables, "T1204", true, nil,
		"The only programs that may be run, by path, name or SHA-256. Anything else is a violation."},
	{Fileless, "Fileless execution", Executables, "T1620", true, nil,
		"Programs run from memory: memfd, deleted files, /dev/shm."},
	{Drift, "Drift", Executables, "T1105", true, []Need{NeedDigest, NeedManifest},
		"Programs, scripts and shared objects that were not part of the image, or were changed since it was built."},
	{PackageManagers, "Package managers", Executables, "T1072", true, nil,
		"Installing software in a running container: apt, apk, dnf, pip, npm install and others."},
	{Interpreters, "Interpreters and loaders", Executables, "T1059", true, nil,
		"Running one program through another: ld.so, busybox applets, env and timeout, sh script, python -c. Scripts of the image (as its drift manifest lists them) stay allowed."},
	{Preload, "Preloaded libraries", Executables, "T1574.006", true, []Need{NeedManifest},
		"LD_PRELOAD, LD_AUDIT and LD_LIBRARY_PATH with objects that were not part of the image."},
	{SetuidBinaries, "Set-user-ID programs", Executables, "T1548.001", true, nil,
		"Programs with a set-user-ID or set-group-ID bit. They gain nothing under the enforcer; this says who tries."},
	{ProcessLimit, "Process limit", Processes, "T1499.001", true, nil,
		"Most processes and threads at once, and how deep they descend; stops fork bombs. Held at each fork if the policy had it when the workload started (on a busy machine that can make a fork fail that a signal interrupts, as in pipelines of dash); else, or with watch, by looking many times a second."},
	{ExecSessions, "Sessions from outside", Processes, "T1609", true, nil,
		"Processes started from outside: docker exec, ECS Exec, kubectl exec. The image's own health check is always allowed; other probes are allowed by program or user."},
	{FileRead, "Denied reads", Files, "T1005", true, []Need{NeedReads},
		"Files that may not be read, nor given another name. Every open for reading is seen, which has a price; takes effect at the next start of a workload."},
	{FileWrite, "Denied writes", Files, "T1565.001", true, nil,
		"Files that may not be written, created or renamed."},
	{ReadOnlyFiles, "Read-only files", Files, "T1222.002", true, nil,
		"Files and trees that may not be changed in any way, attributes included."},
	{FileIntegrity, "File integrity", Files, "T1565.001", true, nil,
		"Reports of created, changed and deleted files, with the digest before and after. In enforce mode the changes are refused."},
	{Volumes, "Volumes", Files, "T1611", true, nil,
		"Places of the host that must not be mounted. In enforce mode the workload does not start, or is stopped."},
	{Metadata, "Metadata endpoints", Network, "T1552.005", true, nil,
		"The addresses at which a cloud hands out credentials: 169.254.169.254, 169.254.170.2, fd00:ec2::254 and others."},
	{Outbound, "Outbound connections", Network, "T1071", true, nil,
		"Connections that the workload starts, by network, name, port and protocol."},
	{Inbound, "Inbound connections", Network, "T1133", true, nil,
		"TCP connections that others start, by network and port. Takes effect at the next start of a workload."},
	{Bind, "Bind and listen", Network, "T1571", true, nil,
		"Addresses and ports that may be bound."},
	{SocketFamilies, "Socket families", Network, "T1095", true, nil,
		"Kinds of sockets that may be made: packet, alg, vsock, raw and others."},
	{DNS, "Name resolution", Network, "T1071.004", true, nil,
		"Names that may be resolved, name servers that may be asked, data carried in names."},
	{PortScan, "Port scan", Network, "T1046", true, nil,
		"A process that tries many ports or many hosts."},
	{Reputation, "Address reputation", Network, "T1071", true, nil,
		"Connections to addresses and names known for attacks, by lists that the control plane delivers and by what stands in the policy."},
	{ReverseShell, "Reverse shell", Behaviour, "T1059.004", true, nil,
		"A program started with a network connection as its standard input, output or error; with relayed, a shell whose commands others carry from one."},
	{BindShell, "Bind shell", Behaviour, "T1059.004", true, nil,
		"A program started with a connection that the far end opened as its standard input, output or error."},
	{Miners, "Crypto miners", Behaviour, "T1496", true, nil,
		"Mining pools, miner programs and their behaviour."},
	{Honeypots, "Honeypots", Behaviour, "T1083", true, []Need{NeedReads},
		"Files, ports and credentials that nobody has a reason to touch."},
	{Injection, "Process injection", Behaviour, "T1055.008", true, nil,
		"One process changing another: ptrace, process_vm_writev, pidfd_getfd."},
	{AnonymousExecutable, "Anonymous executable memory", Behaviour, "T1055", true, []Need{NeedRestart},
		"Memory that is written and then executed. Just-in-time compilers need an exception."},
	{SystemTampering, "Clock and log tampering", Behaviour, "T1070", true, nil,
		"Changes of the system's clock and of logs."},
	{Namespaces, "Namespaces", Privilege, "T1611", true, nil,
		"New namespaces, or entering others: unshare, setns, clone."},
	{Mounts, "Mounts", Privilege, "T1611", true, nil,
		"mount, umount, pivot_root, chroot and the newer calls of that family."},
	{KernelInterfaces, "Kernel interfaces", Privilege, "T1014", true, nil,
		"bpf, kernel modules, perf events, keyrings, userfaultfd, kexec."},
	{PrivilegeChange, "Privilege change", Privilege, "T1548", true, nil,
		"Changing user, group or capabilities: setuid, setgid, capset families."},
	{Capabilities, "Capabilities", Privilege, "T1548", true, []Need{NeedRestart},
		"Capabilities that are taken from the workload at start."},
	{Users, "Users and groups", Privilege, "T1078.003", true, nil,
		"Users and groups that may or may not run programs; no root."},
	{Syscalls, "System calls", Privilege, "T1106", true, []Need{NeedRestart},
		"Allow and deny lists of system calls. Calls that every program needs to start and to end are left out; a call that is listed costs microseconds each time."},
	{LowPorts, "Low ports", Privilege, "T1571", true, nil,
		"Binding ports below 1024."},
}

var order = func() map[ControlID]int {
	m := make(map[ControlID]int, len(catalogue))
	for i, e := range catalogue {
		m[e.id] = i
	}
	return m
}()

// Order gives the place of a control in Registry, or -1 if it is unknown.
// Lower comes first when equal verdicts compete for the name of a decision.
func (c ControlID) Order() int {
	if i, ok := order[c]; ok {
		return i
	}
	return -1
}

// Known says that this version knows the control.
func (c ControlID) Known() bool { return c.Order() >= 0 }

// Available says that the MicroEnforcer's first rung judges and enforces the
// control; what a given host can do is for the enforcer's status to say.
func (c ControlID) Available() bool {
	i := c.Order()
	return i >= 0 && catalogue[i].available
}

// Title gives the name of the control for people, or the identifier itself.
func (c ControlID) Title() string {
	if i := c.Order(); i >= 0 {
		return catalogue[i].title
	}
	if c == RevokedImage {
		return "Revoked image"
	}
	return string(c)
}

// Technique gives the MITRE ATT&CK technique of what the control watches, or "".
func (c ControlID) Technique() string {
	if i := c.Order(); i >= 0 {
		return catalogue[i].technique
	}
	if c == RevokedImage {
		return "T1610"
	}
	return ""
}

// ControlIDs gives every control that a policy can set, in the order of
// Registry.
func ControlIDs() []ControlID {
	out := make([]ControlID, 0, len(catalogue))
	for _, e := range catalogue {
		if e.id != SelfProtection {
			out = append(out, e.id)
		}
	}
	return out
}

// Stronger says whether m stops more than n does.
func (m Mode) Stronger(n Mode) bool { return m.rank() > n.rank() }

// Weaker gives the weaker of two modes; "" is no opinion.
func (m Mode) Weaker(n Mode) Mode {
	if m == "" || n != "" && m.Stronger(n) {
		return n
	}
	return m
}

func (m Mode) rank() int {
	switch m {
	case Audit:
		return 1
	case Enforce:
		return 2
	}
	return 0
}

// ControlOfPath gives the control that a path such as
// spec.controls.drift.mode lies in, or "". The control may be unknown.
func ControlOfPath(path string) ControlID {
	rest, ok := strings.CutPrefix(path, "spec.controls.")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, ".["); i >= 0 {
		rest = rest[:i]
	}
	return ControlID(rest)
}
