// Command demo is what `make demo` runs: the main job from end to end on a
// real server image.
//
// It starts a control plane, builds an image from Debian packages (or takes
// the one you name), wraps it, runs it in Docker with default privileges,
// checks that it serves, attacks it in audit mode and again in enforce mode,
// and says what happened. Every address that is attacked lies on an interface
// inside the demo's own network namespace. Where there is no Docker Engine the
// same image runs under `microenforcer run` in namespaces of the demo's own.
//
// It takes bin/limpet (made by `make build`), trusts nothing it downloads
// beyond Debian's signed packages, and removes everything it made.
package main
