// Package workload names what is protected: an image by digest, a running
// copy of it by the identity its enforcer was given.
//
// It takes and gives plain data, trusts nothing, and owns the layout of the
// folder that wrapping adds to an image (Dir).
package workload
