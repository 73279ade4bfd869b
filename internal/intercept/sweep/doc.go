// Package sweep looks at all processes of the container many times a second
// and finds what no filter can show: processes that were started from outside
// (docker exec, ECS Exec, kubectl exec), and a crowd of processes or a depth of
// descent beyond a limit.
//
// It takes the supervised tree (Tree) and a Judge; it gives questions to the
// Judge and kills what the Judge denies. It knows no policy. It trusts the
// kernel's word on who descends from whom, and nothing that a process says of
// itself: names and arguments go into events only. It owns a table of the
// processes it has seen.
//
// # Who is from outside
//
// Where the kernel has Landlock's signal scope (6.12), notify.Standings tells
// of every process whether it is below the filter, by a mark that nobody can
// put on himself: one system call for each new process. What does not bear the
// mark and belongs to our container (the same cgroup, or mount namespace) came
// from outside, however it hides: by forking twice so that it becomes our
// child, by a seccomp filter of its own, by a name.
//
// Elsewhere a process is from outside if it has no parent in the namespace
// (that is how the kernel shows one who entered), if its parent is from
// outside, or if it was handed to the reaper of orphans and bears fewer filters
// than the tree must. An orphan from outside that put filters on itself before
// it was seen is not told from one of the tree there; status says so.
//
// Other containers of the same pid namespace (pidMode: task,
// shareProcessNamespace, --pid=container) are left alone: each enforcer minds
// its own.
//
// # When
//
// Every Period the last process id that the kernel has given is read: one
// system call, and nothing more while it stays the same. Whoever was given an id
// and could not be seen yet is asked for until he can. While a session is
// being made (the container runtime is in the namespace already, and has not
// yet become the program), or is being ended, it is looked at every millisecond.
// The runtime is told from a program by its bounding set, which is larger than
// any process of the container can have.
//
// # Goroutines
//
// Run is the only one; nothing is shared but atomic figures for status.
package sweep
