package policy

// FileControl is a list of files that may not be read (fileRead), written
// (fileWrite) or changed in any way (readOnlyFiles).
type FileControl struct {
	Setting
	Paths  []Glob     `json:"paths,omitempty" max:"5000" doc:"Files and trees, * within a path part and ** across."`
	Except []Glob     `json:"except,omitempty" max:"5000" doc:"Paths below those that stay open."`
	Rules  []FileRule `json:"rules,omitempty" max:"1000" doc:"Named rules for some processes or users only."`
}

// FileRule lists files for some processes or users.
type FileRule struct {
	Name      string `json:"name,omitempty" doc:"Name shown in events."`
	Paths     []Glob `json:"paths" req:"true" max:"5000" doc:"Files and trees."`
	Except    []Glob `json:"except,omitempty" max:"5000" doc:"Paths below those that stay open."`
	Processes []Glob `json:"processes,omitempty" max:"1000" doc:"Executables the rule is for; empty means all."`
	Users     []User `json:"users,omitempty" max:"1000" doc:"Users the rule is for; empty means all."`
}

// FileIntegrityControl reports changes of files.
type FileIntegrityControl struct {
	Setting
	Paths            []Glob          `json:"paths" req:"true" max:"5000" doc:"Files and trees to watch."`
	Except           []Glob          `json:"except,omitempty" max:"5000" doc:"Paths below those that are not watched."`
	Operations       []FileOperation `json:"operations,omitempty" max:"5" doc:"What to report: create, modify, delete, attributes, read; empty means all but read."`
	IgnoredProcesses []Glob          `json:"ignoredProcesses,omitempty" max:"1000" doc:"Executables whose changes are not reported."`
	IgnoredUsers     []User          `json:"ignoredUsers,omitempty" max:"1000" doc:"Users whose changes are not reported."`
}

// VolumeControl lists places that must not be mounted from outside.
type VolumeControl struct {
	Setting
	Paths []Glob `json:"paths" req:"true" max:"1000" doc:"Mount points, or sources on the host such as /var/run/docker.sock."`
}
