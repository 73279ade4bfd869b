// Package misconfig finds what is set up dangerously in an image: in its
// configuration and history (image.go), and in its files and their modes
// (files.go).
//
// It takes an inspect.Config or one file, and gives finding.Misconfigurations.
// Each kind is a row of Checks: id, severity, what to do, where it is asked for
// (CIS Docker Benchmark 1.6, section 4, where it is). Ids are never reused.
// It judges what the image says of itself: a container may be started otherwise.
package misconfig
