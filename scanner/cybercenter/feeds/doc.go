// Package feeds reads what publishers of advisories write, one file per format,
// and lists the publishers (table.go).
//
// A reader takes one file of a feed as a stream and gives rows of package
// vulndb to an Out. Ecosystems and package names come out in one spelling,
// statuses in one vocabulary.
//
// It trusts nothing it reads: sizes and depths are bounded, a record that
// cannot be read is counted and named and the next one is read, a panic of a
// decoder is such a fault. What was counted as bad makes a feed partial; it is
// never passed over in silence.
package feeds
