// Package handler is the serving side of the enforcers' protocol (package
// wire): what gateway and control plane answer calls with.
//
// It takes a service and gives HTTP handlers, options and errors of the Connect
// library; it trusts nothing that arrives and bounds it, after decompression
// too. It is a package of its own so that enforcers do not carry the library:
// they post messages themselves.
package handler
