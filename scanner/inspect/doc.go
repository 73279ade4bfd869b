// Package inspect is the seam between reading an artefact and judging what its
// files hold. Package extract streams the files; packages sensitive, malware,
// licences and misconfig each give Inspectors that look at them as they pass,
// once, while the layers are read.
//
// An Inspector takes one file at a time with as much of its content as it
// asked for, and gives what it found in that file alone: the answers are kept
// per layer and reused, so they may depend on nothing but the file and the
// inspector's own rules (its Version).
//
// Files are hostile. An Inspector must be bounded in time and memory for any
// content, and safe to call from several goroutines.
package inspect
