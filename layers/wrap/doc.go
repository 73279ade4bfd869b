// Package wrap puts the MicroEnforcer into a container image, and takes it
// out again.
//
// It takes an image or a multi-platform index from anywhere (package image),
// the enforcer's binary and its identity (Identity), and gives an image with
// exactly one more layer, which holds workload.Dir: the enforcer, its
// configuration, the drift manifest of every program in the image (package
// content), the initial signed bundle, and the source's own manifest and
// configuration, byte for byte. The configuration starts the original
// entrypoint and health check under the enforcer; nothing else of it changes.
//
// The same input gives the same bytes: times are fixed, names sorted, keys of
// JSON objects ordered. Wrapping a wrapped image replaces its layer, or gives
// the same digest back when nothing would change.
//
// It trusts nothing in the source. What it finds in a layer that claims to be
// ours is used only where it agrees with the digests of the image it stands
// in, and the enforcer and the drift manifest are always made anew.
//
// It owns the labels and annotations that begin with dev.limpet.
package wrap
