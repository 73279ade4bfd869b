package policy

// ExecutableControl is an allow list (allowedExecutables) or a deny list
// (deniedExecutables) of programs. A program is on the list if any of paths,
// names, digests or rules says so.
type ExecutableControl struct {
	Setting
	Paths   []Glob           `json:"paths,omitempty" max:"5000" doc:"Canonical paths, * within a path part and ** across."`
	Names   []Name           `json:"names,omitempty" max:"5000" doc:"Last part of the path, or applet of a multi-call program such as busybox; * and ? allowed."`
	Digests []Digest         `json:"digests,omitempty" max:"5000" doc:"SHA-256 of the file, as sha256:<64 hexadecimal digits>."`
	Rules   []ExecutableRule `json:"rules,omitempty" max:"1000" doc:"Named rules that hold for some users or callers only."`
}

// ExecutableRule lists programs for some users or callers. One of paths,
// names and digests must match, and users and parents if they are set.
type ExecutableRule struct {
	Name    string   `json:"name,omitempty" doc:"Name shown in events."`
	Paths   []Glob   `json:"paths,omitempty" max:"5000" doc:"Canonical paths of the program."`
	Names   []Name   `json:"names,omitempty" max:"5000" doc:"Last part of the path, or applet of a multi-call program."`
	Digests []Digest `json:"digests,omitempty" max:"5000" doc:"SHA-256 of the file."`
	Users   []User   `json:"users,omitempty" max:"1000" doc:"Users the rule is for; empty means all."`
	Parents []Glob   `json:"parents,omitempty" max:"1000" doc:"Executables of the calling process the rule is for; empty means all."`
}

// DriftControl stops programs that were not part of the image.
type DriftControl struct {
	Setting
	AllowedPaths   []Glob `json:"allowedPaths,omitempty" max:"1000" doc:"Programs that may be added or changed."`
	AllowedScripts []Glob `json:"allowedScripts,omitempty" max:"1000" doc:"Scripts (files that start with #!) that may be added or changed; compiled programs there are still stopped."`
	AllowScripts   bool   `json:"allowScripts,omitempty" doc:"Look at compiled programs only."`
	AllowMoved     bool   `json:"allowMoved,omitempty" doc:"Allow a copy of a program of the image under another path."`
	AllowLoader    bool   `json:"allowLoader,omitempty" doc:"Allow running the dynamic loader as a program (ld.so FILE), which can run any file."`
	AllowLibraries bool   `json:"allowLibraries,omitempty" doc:"Look at programs and scripts only, not at shared objects that processes load."`

	LibraryProcesses []Glob `json:"libraryProcesses,omitempty" max:"1000" doc:"Executables that may load shared objects that were added or changed, such as a Java machine that unpacks its own."`
}

// FilelessControl stops programs that are in no file system of the image.
type FilelessControl struct {
	Setting
	AllowedPaths []Glob `json:"allowedPaths,omitempty" max:"1000" doc:"Programs on memory file systems such as /dev/shm that may run."`
}

// PackageManagerControl stops programs that install software.
type PackageManagerControl struct {
	Setting
	Names   []Name `json:"names,omitempty" max:"1000" doc:"Programs to count as package managers, beyond the built-in list (apt, apk, dnf, pip, npm install, ...)."`
	Allowed []Name `json:"allowed,omitempty" max:"1000" doc:"Programs of the built-in list that may run."`
}

// InterpreterControl governs running one program through another.
type InterpreterControl struct {
	Setting
	Deny           []Indirection `json:"deny,omitempty" max:"10" doc:"Ways of running one program through another to stop: loader, applet, wrapper, script, inlineCode."`
	Names          []Name        `json:"names,omitempty" max:"1000" doc:"Interpreters beyond the built-in list."`
	AllowedScripts []Glob        `json:"allowedScripts,omitempty" max:"1000" doc:"Scripts that interpreters may be given."`
}

// PreloadControl governs LD_PRELOAD, LD_AUDIT and LD_LIBRARY_PATH.
type PreloadControl struct {
	Setting
	AllowedLibraries []Glob `json:"allowedLibraries,omitempty" max:"1000" doc:"Libraries that may be preloaded."`
}

// SetuidControl governs programs with a set-user-ID or set-group-ID bit,
// which never gain privilege under the enforcer (no_new_privs).
type SetuidControl struct {
	Setting
	AllowedPaths []Glob `json:"allowedPaths,omitempty" max:"1000" doc:"Programs that may be run although the bit has no effect."`
	IgnoreSetgid bool   `json:"ignoreSetgid,omitempty" doc:"Look at the set-user-ID bit only."`
}

// ProcessLimitControl bounds how many tasks a workload has at once.
type ProcessLimitControl struct {
	Setting
	MaxTasks int  `json:"maxTasks" req:"true" min:"1" max:"4194304" doc:"Processes and threads that may exist at once in the workload."`
	MaxDepth int  `json:"maxDepth,omitempty" min:"1" max:"10000" doc:"Longest chain of descendants of the first process."`
	Watch    bool `json:"watch,omitempty" doc:"Count by looking many times a second instead of at each fork: nothing is slowed, no fork can be interrupted, and it holds without a restart; a limit that is passed is met some 100 ms later by ending the newest processes."`
}

// ExecSessionControl governs processes that come from outside, such as
// docker exec and ECS Exec.
type ExecSessionControl struct {
	Setting
	AllowedProcesses []Glob `json:"allowedProcesses,omitempty" max:"1000" doc:"Programs that may be started from outside, such as health probes."`
	AllowedUsers     []User `json:"allowedUsers,omitempty" max:"1000" doc:"Users that may start programs from outside."`
}
