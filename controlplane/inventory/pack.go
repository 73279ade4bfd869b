package inventory

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxReport bounds a kept report's JSON form, in bytes.
const maxReport = 256 << 20

// Both are made once: each has buffers of megabytes, and is safe for concurrent
// use of EncodeAll and DecodeAll.
var (
	encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(0), zstd.WithLowerEncoderMem(true))
	})
	decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxReport))
	})
)

func pack(data []byte) ([]byte, error) {
	w, err := encoder()
	if err != nil {
		return nil, fmt.Errorf("cannot keep report: %w", err)
	}
	return w.EncodeAll(data, nil), nil
}

func unpack(packed []byte) ([]byte, error) {
	d, err := decoder()
	if err != nil {
		return nil, fmt.Errorf("cannot read report: %w", err)
	}
	data, err := d.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot read report: %w", err)
	}
	return data, nil
}
