// Package cybercenter makes the vulnerability database and brings it to those
// who scan: it fetches feeds into a mirror, compiles the mirror into one file,
// signs it, publishes it with deltas, and pulls it from the first mirror that
// has it.
//
// It takes folders of publishers' files (package feeds reads them) and gives
// files of package vulndb.
//
// It trusts the Ed25519 keys that its caller names. A database that comes over
// a network, or is put together from a delta, is used only if its bytes have
// the digest that such a key has signed; an older one than is held is refused
// unless it was asked for. Feeds are trusted to say what they say, within
// bounds; one that suddenly shrinks is not compiled unless it was asked for.
package cybercenter
