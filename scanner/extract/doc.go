// Package extract reads an artefact once and says what is in it: the packages,
// the operating system, and what inspectors find in its files.
//
// It takes an image (package image), a folder, or the zips of a function. Each
// layer is streamed once, several at a time: decompressed, hashed both ways
// and walked as a tar in one pass. What a layer holds becomes a Layer, a plain
// value that depends on nothing but the layer's bytes and our rules, so it is
// kept on disk under its diff ID (Cache) and a second scan reads no layer.
// Merging then puts the layers over one another as a container runtime does:
// whiteouts, opaque folders, files that replace folders, links.
//
// It trusts nothing it reads. Names are cleaned and never used as paths of the
// machine; every size, count and depth has a limit (Limits), and whatever was
// cut or odd becomes an anomaly with its effect on the verdict: a digest that
// does not match makes the report untrusted, something that was left out makes
// it partial, and an archive that is broken where its digest says it should
// be whole cannot be scanned (ErrUnreadable). A panic of an extractor or an
// inspector is an anomaly of the file.
//
// It owns the temporary files that large files are kept in while they are read
// (removed before the file's turn ends), and the files of a Cache.
package extract
