package handler

import (
	"io"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/internal/wire"
)

// name is the HTTP content coding of RFC 8878.
const zstdName = "zstd"

// window bounds the memory of both directions. Batches are small, so a
// larger window would buy little.
const window = 256 << 10

// decoder makes a zstd.Decoder fit connect's pool, which resets a
// decompressor after closing it.
type decoder struct{ *zstd.Decoder }

func (d decoder) Close() error            { return nil }
func (d decoder) Reset(r io.Reader) error { return d.Decoder.Reset(r) }

// Both run without goroutines of their own (concurrency 1).
func newDecoder() connect.Decompressor {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(wire.MaxMessage+window))
	if err != nil {
		panic("wire/handler: options of zstd: " + err.Error()) // constants
	}
	return decoder{d}
}

func newEncoder() connect.Compressor {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window))
	if err != nil {
		panic("wire/handler: options of zstd: " + err.Error()) // constants
	}
	return e
}
