// Package eventpb is the generated code of event.proto: the event as it is sent
// and stored. `make generate` makes it again.
package eventpb
