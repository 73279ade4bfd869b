// Package e2e drives the built programs as a person would: the console in a
// real browser, the demo from start to end, long load (TestSoak). It has tests
// only, behind the build tags browser, docker and kernel, and needs
// `make build` first.
package e2e
