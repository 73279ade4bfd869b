package wrap

import "errors"

// Bounds on what a layer that claims to be ours may hold, and on the answer
// of a control plane.
const (
	MaxOwnLayerBytes = 192 << 20 // uncompressed
	MaxOwnFileBytes  = 128 << 20
	MaxEmbedBytes    = 16 << 20
)

// What can be wrong. Match with errors.Is.
var (
	ErrNotWrapped = errors.New("the image was not wrapped by limpet")
	ErrPlatform   = errors.New("no such platform")
	ErrConfig     = errors.New("malformed image configuration")
	ErrForged     = errors.New("the image's Limpet layer does not fit the image")
	ErrIncomplete = errors.New("part of the original image is not at hand")
	ErrRevoked    = errors.New("it must not start (limpet image restore lets it)")
	ErrEmbed      = errors.New("the control plane's answer cannot be used")
)
