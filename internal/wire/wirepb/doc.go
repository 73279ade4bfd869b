// Package wirepb is the generated code of wire.proto: the messages and services
// of limpet.wire.v1. `make generate` makes it again.
package wirepb
