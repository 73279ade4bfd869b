// Package wire is what an enforcer and a gateway, and a gateway and the
// control plane, say to each other: the messages (wirepb), their limits and
// validation, the signature that stands on every request, and the errors that
// cross the line.
//
// It takes messages and keys, gives checked messages, HTTP clients and
// handlers, trusts nothing that arrives, and owns the limpet.wire.v1 protocol.
// Fields of limpet.wire.v1 are added, never changed or reused; a test compares
// the package with the committed descriptor set of the released protocol.
//
// # The line
//
// Every call is one HTTPS POST of one binary protobuf message (the Connect
// unary protocol, "application/proto"), compressed with gzip when that
// helps. There are no streams, so load balancers that know nothing of HTTP/2
// may stand between. A policy change reaches the enforcer by a long poll of at
// most MaxWait.
//
// # Identity
//
// An enforcer enrols with a join token and a certificate request and gets a
// short-lived certificate whose SPIFFE URI names tenant, kind and identifier
// (Identity). From then on it signs each request with the enrolled key (Signer,
// Verifier): method, path, encoding, body digest, time and a nonce. A
// TLS-terminating load balancer can therefore stand between without being able
// to speak for an enforcer. A TLS client certificate is accepted as well.
package wire
