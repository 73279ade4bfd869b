// Package content reads what an image's layers hold without extracting them:
// it flattens the layers (whiteouts, opaque folders, hard links, symlinked
// parents) and gives the drift manifest's entries and the list of programs
// that gain privilege when they start.
//
// It takes layers as streams, several at once, and keeps names and digests
// only: memory grows with the number of files, never with their size. Every
// stream is checked against its promised digest, size and diff ID.
//
// It trusts nothing: a name that leaves the root, a link to nowhere, a
// compression bomb, a file below the folder that Limpet keeps for itself are
// typed errors. It writes no file, except into the Spool its caller gave it.
package content
