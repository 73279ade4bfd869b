// Package guard keeps the enforcer's own process closed to the application it
// supervises.
//
// It takes the process as the container runtime started it; it gives the
// secrets that came in the environment and in the arguments, after wiping them
// from where others could read them (/proc/PID/environ, /proc/PID/cmdline). It
// trusts nothing of the application, which is not running yet. It owns the
// dumpable flag: cleared, /proc/PID/mem, environ, fd and ptrace are closed to
// everyone without CAP_SYS_PTRACE, and the application's bounding set has lost
// that capability before its first instruction.
package guard
