// Package watcher is the engine of rung C: where neither a seccomp listener nor
// ptrace can be had, it lets the kernel refuse what needs no question, and looks
// many times a second at what runs.
//
// It takes a Judge, a command, and the calls to refuse; it gives a process tree
// that is watched, not held: a program that the Judge forbids has been running
// for up to Period, or longer on a busy machine, when it is killed, and one that
// ends before that is not seen at all. Status must call such controls audit.
//
// What the filter refuses (seccomp.Static) makes no event, and stays refused for
// the life of the workload. Where not even a filter can be installed there is
// none, and Filter says why.
//
// It trusts /proc. Its one goroutine owns the table of what was seen. Whoever
// reaps, reaps the tree as any other children.
package watcher
