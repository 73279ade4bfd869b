package content

import "errors"

// Bounds on one image's content. Real images stay far below.
const (
	MaxEntries    = 2_000_000 // tar entries in all layers
	MaxNameBytes  = 512 << 20 // names and link targets in all layers, together
	MaxPath       = 4095      // bytes of one path (Linux PATH_MAX, without its NUL)
	MaxDepth      = 512       // folders above one file
	MaxLayerBytes = 64 << 30  // one layer, uncompressed
	MaxImageBytes = 256 << 30 // all layers, uncompressed
	MaxLinks      = 40        // symlinks followed for one path (Linux MAXSYMLINKS)

	// A layer that grew more than MaxRatio times, past MinBombBytes, is a
	// compression bomb. DEFLATE cannot do better than 1032.
	MaxRatio     = 400
	MinBombBytes = 1 << 30
	MaxHoles     = 1 << 30 // bytes of holes in one layer's sparse programs
)

// What can be wrong with a layer. Match with errors.Is.
var (
	ErrTooLarge  = errors.New("too large")
	ErrBomb      = errors.New("compression bomb")
	ErrTraversal = errors.New("path leaves the image")
	ErrLink      = errors.New("hard link to nothing")
	ErrReserved  = errors.New("the image already has a /.limpet folder that Limpet did not make")
	ErrDiffID    = errors.New("layer content does not match its diff ID")
	ErrTar       = errors.New("malformed layer")
	ErrWhiteout  = errors.New("malformed whiteout")
)
