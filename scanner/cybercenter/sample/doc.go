// Package sample holds a small real vulnerability database, for demonstrations
// and tests. It says of itself that it is a sample: what it does not find may
// still be there.
//
// It gives an open database. feeds/ has the publishers' records that it is made
// of (feeds/README.md: sources, dates, licences); sample.db.zst is compiled from
// them, and a test compares the bytes.
package sample
