// Package seccomp holds the one filter that every supervised task carries.
//
// The filter is built from the table in rules.go and from nothing else: never
// from a policy, because a loaded filter can never be relaxed while policies
// change live. Rare governed calls are notified; the kernel itself answers
// only calls that are never legitimate here. libseccomp turns the table into
// programs for amd64 and arm64 when `go generate` runs (gen, which needs cgo
// and libseccomp-dev); the programs are embedded, so that nothing that ships
// needs either. A test with tag `kernel` holds them against a fresh
// generation, and a plain test interprets them call by call against the table.
//
// It takes the pids to protect and gives a program ready for
// linux.InstallFilter. It trusts the embedded programs.
//
// # Reaching further
//
// Everything that is not named in the table is allowed. From Linux 5.11 the
// kernel caches "always allowed" per call number, so a hot call pays nothing
// for a longer table; a call with argument conditions pays its compares.
package seccomp

//go:generate go run -tags generate ./gen -o .
