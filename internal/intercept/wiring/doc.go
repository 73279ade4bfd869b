// Package wiring finds out how the standard descriptors of a process hang on
// the network although none of them is a connection: through pipes, named
// pipes, pseudo terminals and pairs of unix sockets, and through processes that
// hold their other ends. That is how a shell is put behind `nc`, `socat
// exec:sh,pty` or python's pty.spawn.
//
// It takes the right to look into processes (As); it gives what one look at
// /proc shows. It trusts the kernel's words in /proc/PID/fd, fdinfo and
// /proc/net and its answer about pairs (sock_diag); names that a process can
// choose (paths of named pipes) are compared with each other only, and the
// object behind them is looked at again. It owns nothing beyond a look, and
// knows no policy.
//
// # What counts
//
// An input hangs on the network if whoever holds the other end for writing has
// a connected INET socket, or if that one's own standard input does, and so on
// for a few steps: nc | tee log | sh. An output likewise, by those who read it
// and their standard output. A holder in the middle counts by its standard
// descriptors only, or every child of a supervisor would hang on all others.
//
// # What is not seen
//
// Unconnected UDP and raw sockets, relays by files or shared memory, relays
// through a unix socket with a name (tmux), ends held by processes that we may
// not look into, pairs of unix sockets where the kernel has no unix_diag.
package wiring
