// Package volume holds the words that readers of file systems share: an FS is
// asked by inode numbers, and a File is read through its extents.
//
// It owns nothing and trusts nothing: what a reader builds of a hostile disk
// is bounded by the reader, and a File never reads outside of its Device.
package volume
