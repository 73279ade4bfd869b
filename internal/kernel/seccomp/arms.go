package seccomp

// Arms are the classes of calls that are dear to notify. A start arms those
// that its policy needs; a loaded filter stays, so a policy that needs another
// one later waits for the next start of the workload (package enforcer says
// "restart required").
type Arms struct {
	// Forks notifies every fork and vfork, and clones that make a process.
	// Otherwise the kernel carries plain ones out unasked. A notified fork can
	// fail with EINTR, which a plain one cannot: when a signal whose handler
	// does not restart calls arrives before the notification was taken (dash,
	// on a busy machine, at the second part of a pipeline).
	Forks bool
	// Reads notifies every open, also for reading only. Otherwise only opens
	// that may change something are.
	Reads bool
	// Logs notifies what takes a file's end away through a descriptor:
	// ftruncate, fallocate with a mode, and clearing O_APPEND. What else writes
	// ahead of the end does not exist then.
	Logs bool
	// Receives notifies recvmsg, getpeername, and recvfrom with room for an
	// address, so that an answer that package resolve gives can show the
	// address that was asked.
	Receives bool
	// ExecMaps notifies files that are mapped executable, and memory that
	// becomes executable later.
	ExecMaps bool
	// AnonExec notifies anonymous executable memory too; it needs ExecMaps.
	AnonExec bool
	// Calls are those that the policy lists by itself.
	Calls CallSet
	// Accepts notifies accept and accept4, so that an inbound connection is
	// judged before the application knows of it.
	Accepts bool
}
