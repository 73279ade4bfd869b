// Package profile generalises what a workload does, so that the next run of
// the same workload, with other process ids, temporary names and dates, looks
// the same.
//
// Path turns a path into a pattern (package glob) in which what changes from
// run to run is a "*"; Sample gives a path that a pattern matches; Networks
// joins addresses into networks. It takes strings that a workload chose and
// trusts none of them: every result that is a pattern matches what it was made
// from, and special characters are escaped. It owns nothing and does no input
// or output.
package profile
