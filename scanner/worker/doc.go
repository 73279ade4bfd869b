// Package worker scans what a queue lends it, one lease at a time.
//
// It takes jobs from a Queue (the server's own, or one over the wire), reads
// the images with package scanner, and gives back reports of what is in them:
// matching with the vulnerability database and judging are the server's. While
// it scans it renews the lease; when the lease is lost it drops the scan, when
// it is told to stop it gives the job back.
//
// It trusts the queue to name images of registries, and still refuses any other
// place: a job must not make it read this machine's files or its Docker. What
// it is lent to sign in to a registry goes to that registry's host alone, stays
// in memory and is never logged.
package worker
