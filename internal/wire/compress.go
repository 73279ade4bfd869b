package wire

import (
	"io"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// zstdName is the HTTP content coding of RFC 8878.
const zstdName = "zstd"

// zstdWindow bounds the memory of both directions. Batches are small, so a
// larger window would buy little.
const zstdWindow = 256 << 10

// zstdDecoder makes a zstd.Decoder fit connect's pool, which resets a
// decompressor after closing it.
type zstdDecoder struct{ *zstd.Decoder }

func (d zstdDecoder) Close() error            { return nil }
func (d zstdDecoder) Reset(r io.Reader) error { return d.Decoder.Reset(r) }

// Both run without goroutines of their own (concurrency 1).
func newZstdDecoder() connect.Decompressor {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(MaxMessage+zstdWindow))
	if err != nil {
		panic("wire: zstd options: " + err.Error()) // constants
	}
	return zstdDecoder{d}
}

func newZstdEncoder() connect.Compressor {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(zstdWindow))
	if err != nil {
		panic("wire: zstd options: " + err.Error()) // constants
	}
	return e
}

// compressMin is the size in bytes from which compression pays.
const compressMin = 1024

func clientOptions() []connect.ClientOption {
	return []connect.ClientOption{
		connect.WithAcceptCompression(zstdName, newZstdDecoder, newZstdEncoder),
		connect.WithSendCompression(zstdName),
		connect.WithCompressMinBytes(compressMin),
		connect.WithReadMaxBytes(MaxMessage),
		connect.WithSendMaxBytes(MaxMessage),
	}
}

// HandlerOptions are what every handler of this protocol needs: compression
// and size bounds, after decompression too.
func HandlerOptions() []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithCompression(zstdName, newZstdDecoder, newZstdEncoder),
		connect.WithCompressMinBytes(compressMin),
		connect.WithSendMaxBytes(MaxMessage),
		connect.WithConditionalHandlerOptions(func(s connect.Spec) []connect.HandlerOption {
			return []connect.HandlerOption{connect.WithReadMaxBytes(MaxBody(s.Procedure))}
		}),
	}
}

// MaxBody is the largest request that a procedure takes, in bytes, before and
// after decompression.
func MaxBody(procedure string) int {
	switch procedure {
	case wirepb.GatewayEnrollProcedure:
		return MaxEnroll
	case wirepb.GatewayRenewProcedure:
		return MaxRenew
	case wirepb.GatewayHeartbeatProcedure:
		return MaxHeartbeat
	case wirepb.GatewayPullBundleProcedure:
		return MaxPull
	case wirepb.GatewayPushEventsProcedure:
		return MaxPush
	case wirepb.GatewayPushProfileProcedure:
		return MaxProfile
	}
	return MaxMessage // Control: a gateway's word, with the identity around it
}
