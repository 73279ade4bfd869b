package action

// Session is a program that runs in a process which was started from outside
// the supervised tree: docker exec, kubectl exec, ECS Exec, a health check.
// It is not below the filter: it is found and judged after it started.
type Session struct {
	// The program, as for an exec: Path, File, FD and Args are those of what
	// runs now; Proc is the process itself with its parent's Exe. Nothing else is
	// known: no interpreter, no descriptors.
	Exec
	Root  int  // pid of the process with which the session began
	First bool // the program with which it began: what follows is its own doing
	Probe bool // it is the image's own health check
	// Beyond: the process is of a user that we may not signal, so that it can
	// be reported only.
	Beyond bool
	Ended  bool // it ended by itself before it could be met
}

// Crowd is what a look at the whole tree found: how many tasks there are, or
// how deep the descent is, and the process that made it so.
type Crowd struct {
	Proc  *Process // the newest of them, or the deepest
	Tasks int      // processes and threads of the workload; 0: not counted
	Depth int      // of Proc: 1 for the first process; 0: not measured
}
