package image

import "errors"

// Bounds on what is read from outside. Each is far above what real images
// use; an image beyond one is refused with ErrTooLarge.
const (
	MaxManifestBytes = 8 << 20  // a manifest or an index
	MaxConfigBytes   = 16 << 20 // an image configuration
	MaxLayers        = 1024     // layers of one image
	MaxChildren      = 256      // manifests in one index
	MaxArchiveFiles  = 65536    // entries of a docker-archive tarball
	MaxArchiveBytes  = 256 << 30
	MaxDaemonReply   = 4 << 20 // one JSON answer of the Docker daemon
)

// What can be wrong with an image or a place. Match with errors.Is.
var (
	ErrPlace       = errors.New("not an image source or destination")
	ErrTooLarge    = errors.New("too large")
	ErrDigest      = errors.New("digest does not match")
	ErrMalformed   = errors.New("malformed image")
	ErrUnsupported = errors.New("not supported")
	ErrAmbiguous   = errors.New("more than one image")
	ErrNotFound    = errors.New("not found")
)
