package policy

// ShellControl stops a program that is started with a network connection as
// its standard input, output or error.
type ShellControl struct {
	Setting
	AllowedProcesses []Glob `json:"allowedProcesses,omitempty" max:"1000" doc:"Programs that may be started so, such as the services of an inetd."`
	AllowedParents   []Glob `json:"allowedParents,omitempty" max:"1000" doc:"Programs that may start others so, such as inetd itself, or carry their commands, such as sshd."`
	AllowedPeers     []CIDR `json:"allowedPeers,omitempty" max:"1000" doc:"Far ends of the connection that are trusted."`
	AllowLoopback    bool   `json:"allowLoopback,omitempty" doc:"Do not count connections to 127.0.0.0/8 and ::1."`
	Relayed          bool   `json:"relayed,omitempty" doc:"Also a shell that reads its commands from a pipe, a terminal or a pair of sockets whose other end a process with a connection holds, as nc and socat do; never one with -c or a script. Terminals in a browser and SSH servers look the same: name them in allowedParents."`
}

// MinerControl notices crypto miners.
type MinerControl struct {
	Setting
	Pools      []DNSName `json:"pools,omitempty" max:"5000" doc:"Pools beyond the built-in list."`
	Names      []Name    `json:"names,omitempty" max:"1000" doc:"Names of miner programs beyond the built-in list."`
	Ports      []Ports   `json:"ports,omitempty" max:"100" doc:"Ports that count as a pool's."`
	Lists      []string  `json:"lists,omitempty" max:"100" doc:"Names of reputation lists (kind ReputationList) whose addresses and names are pools."`
	Heuristics bool      `json:"heuristics,omitempty" doc:"Judge by behaviour too: algorithms and options of miners in arguments; threads that never rest, together with huge pages, affinity, code made at run time and memory of RandomX. What works so is ended where the response is killProcess or stopWorkload, and else reported. Databases that bind threads to processors and use huge pages need an entry in except."`
	Except     []Glob    `json:"except,omitempty" max:"1000" doc:"Executables that are never miners."`
}

// HoneypotControl names things that nobody has a reason to touch.
type HoneypotControl struct {
	Setting
	Paths   []Glob   `json:"paths,omitempty" max:"1000" doc:"Files to place and watch."`
	Ports   []Ports  `json:"ports,omitempty" max:"100" doc:"Local TCP ports, at most 64, on which the enforcer listens and sends everybody away: who connects, from within or from outside, or takes the port, is reported. Choose ports that the application does not use."`
	EnvKeys []string `json:"envKeys,omitempty" max:"100" doc:"Environment variables to place with a false credential, which nobody has a reason to hand to a program. Choose names that the application does not read; one that it has already is left as it is."`
}

// CallControl stops a family of system calls (injection, mounts,
// kernelInterfaces) but for those that are allowed.
type CallControl struct {
	Setting
	AllowedProcesses []Glob        `json:"allowedProcesses,omitempty" max:"1000" doc:"Executables that may use the calls."`
	AllowedUsers     []User        `json:"allowedUsers,omitempty" max:"1000" doc:"Users that may use the calls."`
	AllowedSyscalls  []SyscallName `json:"allowedSyscalls,omitempty" max:"100" doc:"Calls of the family that stay open, by name."`
}

// AnonymousMemoryControl stops memory that is both written and executed.
type AnonymousMemoryControl struct {
	Setting
	AllowedProcesses []Glob `json:"allowedProcesses,omitempty" max:"1000" doc:"Executables with a just-in-time compiler."`
}

// SystemTamperingControl stops changes of the clock and of logs.
type SystemTamperingControl struct {
	Setting
	IgnoreClock      bool   `json:"ignoreClock,omitempty" doc:"Leave the clock out."`
	LogPaths         []Glob `json:"logPaths,omitempty" max:"1000" doc:"Logs that may only grow."`
	AllowedProcesses []Glob `json:"allowedProcesses,omitempty" max:"1000" doc:"Executables that may change them, such as a log rotator."`
}
