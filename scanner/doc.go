// Package scanner is the door of the scanner: it takes an artefact and gives a
// report of what is in it.
//
// Scan reads a container image (registry, Docker daemon, archive, OCI layout),
// a folder that is a root file system, the running host, or the zips of a
// Lambda function. Inspectors look at the files as they pass. What is known to
// be wrong with the packages is added by package match, which needs a database
// and no artefact.
//
// It trusts nothing it reads, runs nothing and writes nothing but its cache
// and temporary files. A report says how much of the artefact it speaks for
// (finding.Integrity): whoever decides by it looks at that first.
package scanner
