// Package notify is the engine of rungs A1 to A3: calls that the seccomp
// filter stops arrive at a listener, are read from the caller, asked of a
// Judge, and answered.
//
// It takes a Judge and a command; it gives a supervised process tree. It
// trusts the kernel and the embedded filter, and nothing that lies in the
// caller's memory. It owns the listener, its worker threads and every
// descriptor in the task table.
//
// # Words
//
// A Call is one stopped system call. A handler turns a Call into a Response.
// A family is the table of handlers of one file: exec.go, identity.go, fork.go,
// namespace.go, ..., and net_*.go for the network.
//
// # Writing a handler
//
//	func netFamily() []entry { return []entry{{"connect", handleConnect}} }
//	func handleConnect(s *Supervisor, c *Call) Response
//
// Register the family in dispatch.go. In a handler:
//
//   - c.Args, c.TID(): scalars, safe as they are.
//   - c.Read, c.ReadString, c.Write: the caller's memory. After reading, before
//     acting, call c.Valid(): only a true answer proves that the bytes came
//     from this caller. Memory can change the moment after: never answer
//     cont() on a verdict about memory.
//   - c.Process(): who calls (cached; do not change it). c.Privileged runs a
//     function with the right to look into /proc of the caller.
//   - c.Slow(): call it before anything that may block or take more than some
//     microseconds. It hands the listener to another thread, so that other
//     calls go on. It is idempotent and costs one futex wake.
//   - c.Brief(): before what is quick unless a disk is slow; c.Attend(): before
//     what this thread stays with, such as an exec (brief.go). Both keep the
//     lead until others have waited for it.
//   - answer cont() (let the kernel do it: scalar verdicts only), fail(errno),
//     value(v), or later() and then c.Answer(...) exactly once from any
//     goroutine. After later() the Call is yours.
//   - answerOf(Judge's Answer) turns a verdict into a Response; ok is false
//     when the call is allowed and you have to carry it out.
//   - a family's state belongs in a struct of its own, one field of Supervisor.
//   - InstallFD answers the call itself: return done() after it.
//
// A panic in a handler is reported through Config.Fault and answered EPERM.
//
// # Threads
//
// Workers are goroutines locked to their thread, because ptrace belongs to a
// thread and because SYNC_WAKE_UP wants one thread that sleeps in RECV. One
// worker leads: it holds the listener, receives, and answers quick calls at
// once. Slow gives the lead away. The others sleep in a futex; after a burst
// those beyond a few end. No goroutine waits for a channel between RECV and
// SEND of a quick call.
//
// # An exec
//
//	exec.go       path and argv copied, object found as the caller would
//	              (resolve.go, shebang.go), Judge.Exec, SEIZE, CONTINUE, INTERRUPT
//	execstop.go   one stop follows: the exec stop (the mapped object compared
//	              with the judged one, Judge.ExecStarted, DETACH or SIGKILL), or,
//	              the exec having failed, a stop at the return (DETACH)
//	known.go      where names of programs led a moment ago
//	newstack.go   arguments, environment and loader from the new stack, one read
//
// A task that somebody else traces cannot be seized: it is judged once more
// as Unverified.
//
// # A file
//
//	file_open.go     opens; file_create.go those that make a file; file_names.go,
//	              file_attr.go, file_size.go the rest
//	file_resolve.go  a name to an O_PATH descriptor by the kernel, as the caller
//	file_walk.go     part by part, where the kernel would take us for the caller
//	file_who.go      the thread takes the caller's credentials and gives them back
//	file_block.go    opens that wait; reissue.go calls that come twice
//	brief.go         the lead is taken from a call that a slow disk holds up
//
// # A change of ids
//
// Without CAP_SYS_PTRACE the kernel closes a process that changes its ids to a
// root supervisor. identity.go keeps it open, power.go looks into it as a
// thread that took its ids.
//
// Who changes its effective user back and forth gets a keeper: a thread of ours
// that stays its tracer while its ids differ (keeper.go, keeper_exec.go, mixed.go,
// wards.go).
//
// # Borrowed callers
//
// borrow.go makes a caller execute calls of ours in its own name, carrier.go a
// thread of its process with a descriptor table of its own: for calls that can
// neither be carried out here nor left to the kernel as they are.
//
// # Locks
//
// lead (the listener) before power.opening before tasks.mu; taskCount.mu,
// knownNames.mu and beginners.mu are leaves; for the network's own see sock_table.go. Handlers hold none of them
// while they ask the Judge. Slow work is done without lead.
//
// # Waiting
//
// Do not wait for the supervised child with os.Process.Wait or exec.Cmd: it
// would swallow the exec stops. Reap as microenforcer/supervise does; statuses
// that a tracer thread had to take are handed to Config.Reaped.
//
// # What is not seen
//
// A script, and what else arguments and environment name (refs.go), is judged
// as the file that was found under its name at the exec stop; the program
// opens the name again later. Calls that change limits or
// scheduling of one of our threads by its thread id (prlimit64, sched_*) are
// refused for our process ids only.
package notify
