// Package vulndb is the vulnerability database as the scanner reads it: one
// file, mapped into memory, compiled by package cybercenter.
//
// It takes the path of a database and gives the advisories for a package of an
// ecosystem and the details of a vulnerability. Opening costs the same for any
// size; nothing is parsed before it is asked for. Writer makes such a file: the
// same rows give the same bytes, whatever order they come in.
//
// The file is a bbolt database. A bucket "eco/NAME" per ecosystem holds, per
// package, all its rows in one value (codec.go); "details" and "aliases" go by
// id, "blobs" by file, "jars" by SHA-1,
// "releases" by distribution and version, and "meta" says
// what there is.
//
// It trusts a database whose signature was verified when it came. Values are
// still decoded within bounds, and pages that lead out of the file give errors.
package vulndb
