// Package wirepbconnect is what Connect's generator makes of the services in
// internal/wire/wire.proto. Servers link it (package wire/handler); enforcers
// must not, because the Connect library comes with it.
package wirepbconnect
