package policy

// NamespaceControl stops new or other namespaces.
type NamespaceControl struct {
	Setting
	Allowed          []Namespace   `json:"allowed,omitempty" max:"10" doc:"Kinds of namespaces that stay open."`
	AllowedProcesses []Glob        `json:"allowedProcesses,omitempty" max:"1000" doc:"Executables that may use namespaces, such as a browser's sandbox."`
	AllowedUsers     []User        `json:"allowedUsers,omitempty" max:"1000" doc:"Users that may use namespaces."`
	AllowedSyscalls  []SyscallName `json:"allowedSyscalls,omitempty" max:"100" doc:"Calls that stay open: unshare, setns, clone."`
}

// PrivilegeChangeControl governs calls that change user, group or capabilities.
type PrivilegeChangeControl struct {
	Setting
	Changes          ChangeKind    `json:"changes,omitempty" doc:"raise (default): a process that is not root asks for another user or group. any: every change, also root giving up privilege."`
	AllowedTargets   []User        `json:"allowedTargets,omitempty" max:"1000" doc:"Users that may be changed to."`
	Capabilities     bool          `json:"capabilities,omitempty" doc:"Also capset, ambient capabilities and keepcaps, by the same rule."`
	AllowedProcesses []Glob        `json:"allowedProcesses,omitempty" max:"1000" doc:"Executables that may change."`
	AllowedUsers     []User        `json:"allowedUsers,omitempty" max:"1000" doc:"Users that may change."`
	AllowedSyscalls  []SyscallName `json:"allowedSyscalls,omitempty" max:"100" doc:"Calls that stay open, by name."`
}

// CapabilityControl takes capabilities from the workload at start.
type CapabilityControl struct {
	Setting
	Drop []Capability `json:"drop,omitempty" max:"64" doc:"Capabilities to take away; ALL for every one."`
	Keep []Capability `json:"keep,omitempty" max:"64" doc:"Capabilities to keep when drop is ALL."`
}

// UserControl says who may run programs.
type UserControl struct {
	Setting
	Allow       []User `json:"allow,omitempty" max:"1000" doc:"If not empty: the only users."`
	Deny        []User `json:"deny,omitempty" max:"1000" doc:"Users that may not run anything."`
	AllowGroups []User `json:"allowGroups,omitempty" max:"1000" doc:"If not empty: the only groups."`
	DenyGroups  []User `json:"denyGroups,omitempty" max:"1000" doc:"Groups that may not run anything."`
	NoRoot      bool   `json:"noRoot,omitempty" doc:"Nothing runs as user 0."`
}

// SyscallControl is an allow or deny list of system calls.
type SyscallControl struct {
	Setting
	Allow []SyscallName `json:"allow,omitempty" max:"600" doc:"If not empty: the only calls."`
	Deny  []SyscallName `json:"deny,omitempty" max:"600" doc:"Calls that fail."`
}

// LowPortControl keeps ports below a bound from being bound.
type LowPortControl struct {
	Setting
	Below            int    `json:"below,omitempty" min:"1" max:"65535" doc:"First port that is free for all; default 1024."`
	AllowedProcesses []Glob `json:"allowedProcesses,omitempty" max:"1000" doc:"Executables that may bind them."`
}
