// Package misconfig finds what is set up dangerously: in an image's
// configuration and history (image.go), in its files and their modes
// (files.go), and in the files that people write to build and run images:
// Dockerfiles (docker.go), Compose files (compose.go) and Kubernetes manifests
// (kube.go), which Scan looks for in a folder (tree.go).
//
// It takes an inspect.Config, one file, or a folder, and gives
// finding.Misconfigurations. Each kind is a row of Checks: id, severity, what
// comes of it, what to do, where it is asked for (CIS benchmarks, Pod Security
// Standards). Ids are never reused. It judges what is written: a container may
// be started otherwise, templates and variables are not carried out, and a
// manifest's pods are not seen as admission changes them.
//
// It trusts nothing it reads: files, entries, values and findings are bounded,
// links are not followed, and what could not be read makes the report partial.
package misconfig
