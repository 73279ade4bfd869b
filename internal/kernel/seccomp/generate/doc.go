// Package generate turns the rule table of package seccomp into programs with
// libseccomp. It takes the name of an architecture and gives a program. It is
// linked by the generator and by the test that holds the embedded programs
// against a fresh generation, never by anything that ships; without cgo and
// the tag `generate` (or `kernel`, in tests) it is empty.
package generate
