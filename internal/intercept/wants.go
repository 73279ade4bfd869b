package intercept

// Wants is what a Judge's policy looks at beyond what every question holds. A
// mechanism asks before each exec, so that a policy can change meanwhile.
type Wants struct {
	Refs bool // Exec.Refs from the arguments
	Env  bool // also those from the environment
	IDs  bool // Exec.IDs
	// Lenient: nothing is enforced, so a call whose caller cannot be looked at
	// is left to the kernel instead of being refused.
	Lenient bool
	// Thin: Exec.Proc may lack Comm, PPID and StartTime, until Exec.Caller is
	// asked for them.
	Thin bool
	// Linker: at the exec stop Exec.Refs holds the dynamic loader too, unless
	// MapKnown knows it.
	Linker bool
	// Interpreter names programs that take a script and code in arguments,
	// beyond the built-in ones. nil: none.
	Interpreter func(name string) bool
}
