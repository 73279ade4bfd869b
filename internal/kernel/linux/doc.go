// Package linux is the thin layer over the kernel's calls that Limpet needs
// and golang.org/x/sys/unix does not have in the wanted form: the seccomp
// listener's ioctls, ptrace on a locked thread, raw credential switches of
// one thread, reaping beside a tracer.
//
// It takes numbers and file descriptors and gives errnos. It trusts its
// caller to hold the thread where a function says so (Threads below), and it
// owns nothing: every descriptor belongs to who asked for it. It is the only
// package of the module that imports x/sys/unix for kernel mechanisms.
//
// # Threads
//
// Ptrace calls and the credential switches (SetThreadIDs) act on the calling
// thread: call runtime.LockOSThread first. Go's own syscall.Setuid changes
// all threads; the functions here do not.
//
// # Waiting
//
// Linux lets any thread of a process wait for the tracees of any other, so a
// wait4(-1) in a reaper would swallow the ptrace stops that a tracer thread
// is waiting for. The rule of this module: tracers wait with
// WaitTracee and WaitTracees, which look only at what they trace, and everybody else peeks
// first (waitid with WNOWAIT, as Reap and microenforcer/supervise do) and never
// consumes a stop. Do not use
// os.Process.Wait or exec.Cmd.Wait on a process that a tracer may touch.
package linux
