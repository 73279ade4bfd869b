// Package image reads and writes container images wherever they live: a
// registry, a Docker daemon, a docker-archive tarball, an OCI layout.
//
// It takes a Place (parsed from what the user typed), gives an Image or an
// Index whose bytes are exactly those of the source, and writes such values
// somewhere else. A registry reference is resolved to a digest once, at the
// door; from there on everything is fetched by digest.
//
// It trusts nothing it reads. Manifests, indexes and configurations are
// bounded and their digests checked before they are parsed; layer bytes are
// checked by whoever streams them (package content, or the writer here).
// Nothing is ever extracted to the file system.
//
// It owns the temporary files behind a Source (see Source.Close) and the
// promise that a failed write leaves no partial output: files are made beside
// their destination and renamed, a registry's tag is written last.
package image
