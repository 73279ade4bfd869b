// Package vulndb is the vulnerability database as the scanner reads it: one
// file, mapped into memory, compiled by package cybercenter.
//
// It takes the path of a database and gives the advisories for a package of an
// ecosystem and the details of a vulnerability. Opening costs the same for any
// size; nothing is parsed before it is asked for.
//
// It trusts a database whose signature its caller has verified (see Open), and
// still checks bounds: a damaged file gives errors, never a panic.
package vulndb
