package policy

import (
	"reflect"
	"time"
)

// What a runtime policy's document says it is.
const (
	APIVersion  = "limpet.dev/v1"
	KindRuntime = "RuntimePolicy"
)

// RuntimePolicy is one document: what a workload may do at run time.
type RuntimePolicy struct {
	APIVersion string `json:"apiVersion" req:"true" doc:"Version of the document format: limpet.dev/v1."`
	Kind       string `json:"kind" req:"true" doc:"RuntimePolicy."`
	Metadata   Meta   `json:"metadata" req:"true" doc:"Name and description."`
	Spec       Spec   `json:"spec" req:"true" doc:"What the policy says."`
}

// Meta names the policy. (The name Metadata is taken by the control.)
type Meta struct {
	Name        string            `json:"name" req:"true" doc:"Unique name: lower-case letters, digits, dots and hyphens, at most 63."`
	Description string            `json:"description,omitempty" doc:"What the policy is for, for people."`
	Labels      map[string]string `json:"labels,omitempty" doc:"Free labels of the document itself."`
}

// Spec is what the policy says.
type Spec struct {
	Scope            Scope       `json:"scope,omitzero" doc:"Which workloads of an assigned group the policy is for; empty means all."`
	EnforceAfterDays int         `json:"enforceAfterDays,omitempty" min:"0" max:"3650" doc:"Days after assignment during which every control of this policy only audits."`
	Controls         Controls    `json:"controls" req:"true" doc:"The controls, each off, audit or enforce on its own."`
	Exceptions       []Exception `json:"exceptions,omitempty" max:"1000" doc:"What this policy (and no other) does not apply to."`
}

// Scope narrows a policy. Every selector that is set must match.
type Scope struct {
	Images []ImageGlob       `json:"images,omitempty" max:"1000" doc:"Image references, * within a path part and ** across; without a tag or digest any tag or digest matches."`
	Labels map[string]string `json:"labels,omitempty" doc:"Labels that the workload must all carry."`
	Groups []string          `json:"groups,omitempty" max:"1000" doc:"Names of enforcer groups, any of them."`
}

// Exception takes actions out of this policy. Every selector that is set must
// match, and at least one must be set.
type Exception struct {
	Name      string        `json:"name,omitempty" doc:"Name shown in explanations."`
	Controls  []ControlID   `json:"controls,omitempty" max:"100" doc:"Controls the exception is for; empty means every control of this policy."`
	Processes []Glob        `json:"processes,omitempty" max:"1000" doc:"Executable of the process that acts. For an exec that is the caller; the program that is run is matched by paths."`
	Users     []User        `json:"users,omitempty" max:"1000" doc:"User name or number of the process that acts."`
	Paths     []Glob        `json:"paths,omitempty" max:"1000" doc:"Path of what is acted upon: the program of an exec, the file, the UNIX socket."`
	Digests   []Digest      `json:"digests,omitempty" max:"1000" doc:"SHA-256 of the program of an exec."`
	CIDRs     []CIDR        `json:"cidrs,omitempty" max:"1000" doc:"Address of the peer of a connection."`
	Ports     []Ports       `json:"ports,omitempty" max:"1000" doc:"Port of the peer of a connection."`
	DNSNames  []DNSName     `json:"dnsNames,omitempty" max:"1000" doc:"Name that a name server is asked for, *.example.com for everything below. What its answer leads to is covered, too."`
	Syscalls  []SyscallName `json:"syscalls,omitempty" max:"1000" doc:"Name of the system call, for namespaces, mounts, kernelInterfaces, injection and privilegeChange."`
	Reason    string        `json:"reason,omitempty" doc:"Why the exception exists."`
	Expires   *time.Time    `json:"expires,omitempty" doc:"RFC 3339 time or date after which the exception no longer holds."`
}

// Controls holds every control; nil means that the policy does not set it.
// Keys are ControlIDs.
type Controls struct {
	// Executables.
	AllowedExecutables *ExecutableControl     `json:"allowedExecutables,omitempty"`
	DeniedExecutables  *ExecutableControl     `json:"deniedExecutables,omitempty"`
	Drift              *DriftControl          `json:"drift,omitempty"`
	Fileless           *FilelessControl       `json:"fileless,omitempty"`
	PackageManagers    *PackageManagerControl `json:"packageManagers,omitempty"`
	Interpreters       *InterpreterControl    `json:"interpreters,omitempty"`
	Preload            *PreloadControl        `json:"preload,omitempty"`
	SetuidBinaries     *SetuidControl         `json:"setuidBinaries,omitempty"`
	ImageAssurance     *ImageAssuranceControl `json:"imageAssurance,omitempty"`
	// Processes.
	ProcessLimit *ProcessLimitControl `json:"processLimit,omitempty"`
	ExecSessions *ExecSessionControl  `json:"execSessions,omitempty"`
	// Files.
	FileRead      *FileControl          `json:"fileRead,omitempty"`
	FileWrite     *FileControl          `json:"fileWrite,omitempty"`
	ReadOnlyFiles *FileControl          `json:"readOnlyFiles,omitempty"`
	FileIntegrity *FileIntegrityControl `json:"fileIntegrity,omitempty"`
	Volumes       *VolumeControl        `json:"volumes,omitempty"`
	// Network.
	Outbound          *OutboundControl     `json:"outbound,omitempty"`
	Inbound           *InboundControl      `json:"inbound,omitempty"`
	Bind              *BindControl         `json:"bind,omitempty"`
	MetadataEndpoints *MetadataControl     `json:"metadataEndpoints,omitempty"`
	SocketFamilies    *SocketFamilyControl `json:"socketFamilies,omitempty"`
	DNS               *DNSControl          `json:"dns,omitempty"`
	PortScan          *PortScanControl     `json:"portScan,omitempty"`
	IPReputation      *ReputationControl   `json:"ipReputation,omitempty"`
	// Behaviour.
	ReverseShell        *ShellControl           `json:"reverseShell,omitempty"`
	BindShell           *ShellControl           `json:"bindShell,omitempty"`
	CryptoMiners        *MinerControl           `json:"cryptoMiners,omitempty"`
	Honeypots           *HoneypotControl        `json:"honeypots,omitempty"`
	Injection           *CallControl            `json:"injection,omitempty"`
	AnonymousExecutable *AnonymousMemoryControl `json:"anonymousExecutable,omitempty"`
	SystemTampering     *SystemTamperingControl `json:"systemTampering,omitempty"`
	// Privilege.
	Namespaces       *NamespaceControl       `json:"namespaces,omitempty"`
	Mounts           *CallControl            `json:"mounts,omitempty"`
	KernelInterfaces *CallControl            `json:"kernelInterfaces,omitempty"`
	PrivilegeChange  *PrivilegeChangeControl `json:"privilegeChange,omitempty"`
	Capabilities     *CapabilityControl      `json:"capabilities,omitempty"`
	Users            *UserControl            `json:"users,omitempty"`
	Syscalls         *SyscallControl         `json:"syscalls,omitempty"`
	LowPorts         *LowPortControl         `json:"lowPorts,omitempty"`
}

// Setting is what every control has.
type Setting struct {
	Mode     Mode     `json:"mode" req:"true" doc:"off: not looked at. audit: reported. enforce: stopped and reported."`
	Response Response `json:"response,omitempty" doc:"What enforce does beyond failing the call: deny (default) nothing, killProcess kills the caller, stopContainer stops the workload."`
}

// Empty says that no selector is set.
func (x *Exception) Empty() bool {
	return len(x.Processes) == 0 && len(x.Users) == 0 && len(x.Paths) == 0 && len(x.Digests) == 0 &&
		len(x.CIDRs) == 0 && len(x.Ports) == 0 && len(x.DNSNames) == 0 && len(x.Syscalls) == 0
}

// Setting gives the setting of a control, or false if the policy does not
// set it.
func (c *Controls) Setting(id ControlID) (Setting, bool) {
	v := reflect.ValueOf(c).Elem()
	f, ok := fieldsOf(v.Type()).byName[string(id)]
	if !ok {
		return Setting{}, false
	}
	p := v.FieldByIndex(f.index)
	if p.IsNil() {
		return Setting{}, false
	}
	return p.Elem().FieldByName("Setting").Interface().(Setting), true
}

// SetMode changes the mode of a control that the policy sets; false if it
// does not set it.
func (c *Controls) SetMode(id ControlID, m Mode) bool {
	v := reflect.ValueOf(c).Elem()
	f, ok := fieldsOf(v.Type()).byName[string(id)]
	if !ok {
		return false
	}
	p := v.FieldByIndex(f.index)
	if p.IsNil() {
		return false
	}
	p.Elem().FieldByName("Setting").Addr().Interface().(*Setting).Mode = m
	return true
}
