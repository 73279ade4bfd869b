// Package tracer is the engine of rung B: where no seccomp listener can be had
// (gVisor, or a runtime that holds one already) but ptrace works, it traces
// every task of the tree from its birth, and the filter stops governed calls
// for it (SECCOMP_RET_TRACE).
//
// It takes a Judge and a command, as package notify does, and gives a supervised
// process tree. Calls are judged by notify's own handlers, which it borrows
// (notify.Lend). It trusts the kernel and the filter, and nothing that lies in a
// tracee's memory. It owns its tracees, the shared page, and every wait for a
// tracee: whoever reaps must leave Owns(pid) to it.
//
// # How a call is judged
//
//	entry   PTRACE_EVENT_SECCOMP. Denied: the call number becomes -1 and the
//	        result an errno. Allowed by its registers: let go, and not seen again.
//	        Allowed on memory: the kernel is made to read a copy (page.go), and
//	        the task stops once more behind the call to get its registers back.
//	exec    judged at the entry, and again at PTRACE_EVENT_EXEC with what was
//	        really mapped; nothing of it has run. Then it is let go or killed.
//	births  PTRACE_EVENT_{FORK,VFORK,CLONE}: a child is a tracee before its first
//	        instruction. CLONE_UNTRACED is taken out of the flags.
//
// # The page
//
// One SysV segment, attached in each process that needs it at a low address,
// for reading only: the kernel lets nobody make it writable (not even through
// /proc/PID/mem), and the filter lets nobody put another mapping in its place
// (seccomp.Traced). Only this package writes to it, through its own mapping. It
// is cut into slots; a call holds one until it has returned.
//
// # Threads
//
// ptrace belongs to a thread, so one goroutine, locked to its thread, does
// everything: waits, judges, resumes. A slow verdict holds up the other tasks'
// governed calls, never what is not governed. Config.Reaped is called from it.
//
// Stops are taken up in rounds: everybody who waits is heard once before anybody
// is heard twice. While one of several threads executes, the stops of the others
// are put aside (process).
//
// # Two orders
//
// Since Linux 4.8 the stop for the filter comes after the stop at the call's
// entry; gVisor still has it before. Which it is shows at the first call that the
// child makes under the filter (calibrate).
//
// # What is not the same as in package notify
//
// A debugger or strace inside the workload does not work: a task has one tracer.
// Every signal stops its receiver for a moment. A raw socket whose sender writes
// the IP header is EPERM, because such a header lies in memory that nobody
// copies. A rule that holds for one protocol only can be raced by a process
// with several threads that swaps a socket of another protocol in: the address
// is judged in any case.
package tracer
