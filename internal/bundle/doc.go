// Package bundle makes and reads what the control plane gives an enforcer:
// a signed, numbered set of policies.
//
// Sign turns a Bundle into bytes, Verify turns bytes back and fails unless
// one of the given keys signed them. Fresh and VerifyFresh prove that a
// bundle is the answer to this request and not an old one played again.
// Keeper holds the last good bundle, in memory and in a file, and refuses
// what is older, for somebody else, or past its time.
//
// Nothing in the bytes is trusted before the signature is checked. Signatures
// are Ed25519 over a text that names their purpose, so that one made for a
// bundle can never pass for anything else. The package owns the one file that
// a Keeper is given.
package bundle
