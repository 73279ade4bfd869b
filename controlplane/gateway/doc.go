// Package gateway is the tier that enforcers reach: the only part of a
// distributed install that an attacker inside a workload can talk to.
//
// It takes HTTPS requests of limpet.wire.v1.Gateway and gives them, checked, to
// a wire.ControlService: the control plane in the same process (`limpet
// server`) or behind mutual TLS (`limpet-gateway --upstream`). It trusts
// nothing that arrives, and the control plane's answers. It owns the verdict on
// who is calling, the bounds on size, rate, time and connections, and the
// received_at of every message. It keeps nothing: it links no database and no
// secret store, and losing one loses no event that was acknowledged.
//
// # What a request passes, in this order
//
// Cheap checks come first, and nothing of the body is read or kept before the
// caller has shown a certificate of this install.
//
//	front.go   path, method, content type -> certificate and clock (headers only)
//	           -> slot for a body -> body within its bound -> signature, rate of
//	           this enforcer, nonce
//	calls.go   decode, wire.Validate*, control plane, answer
//
// Enroll has no certificate; it is limited by remote address instead, and the
// control plane judges its token.
//
// # Goroutines
//
// net/http's, one for each request, and one in Serve that ends long polls when
// the gateway stops. limiter and polls have a mutex each; neither calls out
// while it holds it.
package gateway
