// Package payload carries the enforcer binaries that limpet puts into
// artefacts, one a processor architecture.
//
// It takes what `make build` left in bin/ at compile time, gives the bytes,
// and trusts the build. A clean clone compiles without them; asking for one
// then says how to get it.
package payload
