// Package cosign verifies signatures that cosign, or who follows its documented
// formats, has attached to an image, by public key: simple signing payloads,
// and DSSE statements that say no more than "signed", bare or in a Sigstore
// bundle. ECDSA P-256, Ed25519 and RSA of at least 2048 bits, with SHA-256.
//
// It takes bytes that anybody may have pushed and a key that the caller trusts,
// and says yes or no. Certificates are not looked at: keyless signatures are not
// verified. An attestation of another kind (a bill of materials, a failed scan)
// is no signature of the image, whoever has signed it. It owns nothing.
//
// Formats: SIGNATURE_SPEC.md of sigstore/cosign, the Sigstore bundle v0.3, and
// DSSE v1.0.2.
package cosign
