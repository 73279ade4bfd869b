// Package spec is what is said of a registry: its type, address, how to sign
// in, what of it to scan and when. The command line reads it from documents,
// the server from requests, both by the same rules.
//
// It takes documents, gives checked Specs with the secrets apart, trusts
// nothing and owns the table of types: which fields and secrets each has.
package spec
