// Package drift knows which executables an image had when it was wrapped.
//
// Write makes a manifest of them (path, SHA-256, kind, mode), Open and Parse
// read one, and a Manifest answers in a few hundred nanoseconds whether a
// program that is about to run is the image's own. Digests hashes open files
// and remembers the result by the identity of the file.
//
// Paths are absolute and canonical within the image: no symbolic link on the
// way, because the enforcer asks by what the kernel says it mapped.
//
// A manifest is trusted as far as the layer it lies in: its checksum finds
// damage, not malice. Every bound of the format is checked when it is read.
// The package opens the file that Open is given and owns nothing else.
package drift
