// Package action says, in plain data, what a process of a workload is about
// to do: run a program, open a socket, connect, fork, change privilege.
//
// intercept fills these values in, verdict judges them. Strings are copies
// that the watched process cannot change. Nothing here does input or output.
package action
