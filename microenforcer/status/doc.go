// Package status carries the truth about a running enforcer to whoever asks
// for it on the same machine: `microenforcer status`.
//
// It takes a function that makes a Report; it gives one JSON document to each
// caller, or the signed bundle in force, and reads one byte from it. The channel is an abstract UNIX socket, so
// it needs no writable folder and leaves nothing behind; its name holds the
// pid namespace and the pid, so that containers that share a network namespace
// do not meet. Callers must be root or the enforcer's own user (SO_PEERCRED).
// A process of the application may ask too if it is one of these: it learns
// what is watched, which it could find out by trying, and no secret.
//
// The asking side trusts a name only if the kernel says that the listener is
// the pid in it, and prefers the lowest pid, the one that was there first.
package status
