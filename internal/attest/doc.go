// Package attest signs and verifies statements about artefacts: in-toto
// statements in DSSE envelopes, Ed25519.
//
// It takes a Statement and a key and gives the envelope's bytes; it takes an
// envelope and the keys that the caller trusts and gives the Statement back.
// Nothing of an envelope is believed before its signature is. Sizes are
// bounded. It links little, so that enforcers use it: Demand.Check says whether
// an image may start by the verdicts that are signed about it, in the command
// line, the server and the MicroEnforcer alike.
//
// Formats: https://github.com/secure-systems-lab/dsse (v1.0.2) and
// https://github.com/in-toto/attestation (Statement v1).
package attest
