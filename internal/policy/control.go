package policy

// ControlID names one control. The value is also its key under spec.controls
// and what events, status and the console show.
type ControlID string

// Mode says what a control does when it matches.
type Mode string

// Modes, weakest first.
const (
	Off     Mode = "off"
	Audit   Mode = "audit"
	Enforce Mode = "enforce"
)

// RuleID names one rule inside a control, e.g. "deny-paths[2]" or the name
// that the author gave it.
type RuleID string

// Controls, by family.
const (
	// Executables.
	AllowedExecutables ControlID = "allowedExecutables" // allow list: anything else is a violation
	DeniedExecutables  ControlID = "deniedExecutables"  // deny list by path glob, name, digest
	Drift              ControlID = "drift"              // not in the image manifest, or overwritten
	Fileless           ControlID = "fileless"           // memfd, deleted, /dev/shm
	PackageManagers    ControlID = "packageManagers"
	Interpreters       ControlID = "interpreters" // ld.so, sh script, wrappers, applets
	Preload            ControlID = "preload"      // LD_PRELOAD, LD_AUDIT of drifted objects
	SetuidBinaries     ControlID = "setuidBinaries"
	// Processes.
	ProcessLimit ControlID = "processLimit"
	ExecSessions ControlID = "execSessions" // sessions from outside: docker exec, ECS Exec
	// Files.
	FileRead      ControlID = "fileRead"
	FileWrite     ControlID = "fileWrite"
	ReadOnlyFiles ControlID = "readOnlyFiles"
	FileIntegrity ControlID = "fileIntegrity"
	Volumes       ControlID = "volumes"
	// Network.
	Outbound       ControlID = "outbound" // CIDR, port, protocol rules
	Inbound        ControlID = "inbound"
	Bind           ControlID = "bind"
	Metadata       ControlID = "metadataEndpoints" // 169.254.169.254, 169.254.170.2, fd00:ec2::254
	SocketFamilies ControlID = "socketFamilies"
	DNS            ControlID = "dns"
	PortScan       ControlID = "portScan"
	Reputation     ControlID = "ipReputation"
	// Behaviour.
	ReverseShell        ControlID = "reverseShell"
	BindShell           ControlID = "bindShell"
	Miners              ControlID = "cryptoMiners"
	Honeypots           ControlID = "honeypots"
	Injection           ControlID = "injection" // ptrace, process_vm_writev, /proc/PID/mem
	AnonymousExecutable ControlID = "anonymousExecutable"
	SystemTampering     ControlID = "systemTampering" // clock, logs
	// Privilege.
	Namespaces       ControlID = "namespaces"
	Mounts           ControlID = "mounts"
	KernelInterfaces ControlID = "kernelInterfaces" // bpf, modules, perf, keyctl, userfaultfd, kexec
	PrivilegeChange  ControlID = "privilegeChange"  // setuid, setgid, capset families
	Capabilities     ControlID = "capabilities"
	Users            ControlID = "users" // allow, deny users and groups; no root
	Syscalls         ControlID = "syscalls"
	LowPorts         ControlID = "lowPorts"
	// Image.
	ImageAssurance ControlID = "imageAssurance" // signed verdict about the source image
	// SelfProtection is not configurable: it is always enforced. Events of
	// attempts against the enforcer carry it.
	SelfProtection ControlID = "selfProtection"
	// RevokedImage stands in events of workloads whose image is revoked. No
	// policy speaks of it.
	RevokedImage ControlID = "revokedImage"
)
