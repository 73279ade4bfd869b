package vulndb

import "crypto/sha256"

// Sum is a digest of something that a database says. What is kept of two things
// is the same where their sums are.
type Sum [sha256.Size]byte

// SumRows gives the digest of a package's rows, in their order.
func SumRows(rows []Advisory) (Sum, error) { return sum(encodeRows(rows)) }

// SumDetail gives the digest of what is known of a vulnerability.
func SumDetail(d Detail) (Sum, error) { return sum(encodeDetail(d)) }

func sum(b []byte, err error) (Sum, error) { return sha256.Sum256(b), err }
