package sample

import (
	_ "embed"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

//go:embed sample.db.zst
var packed []byte

// maxSize bounds the unpacked database, in bytes.
const maxSize = 16 << 20

// Open opens the sample. The caller closes it.
func Open() (*vulndb.DB, error) {
	data, err := Data()
	if err != nil {
		return nil, err
	}
	return vulndb.OpenBytes(data)
}

// Data gives the sample as the file that it is.
func Data() ([]byte, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSize))
	if err != nil {
		return nil, fmt.Errorf("cannot open the sample database: %w", err)
	}
	defer z.Close()
	data, err := z.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot open the sample database: %w", err)
	}
	return data, nil
}
