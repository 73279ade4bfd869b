package cybercenter

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// A release is a folder with what is given out of one database: the signature,
// the database compressed, and deltas from earlier ones. A registry has the
// same files as layers, and a server has them below servePath.
const (
	signatureFile = "signature.json"
	databaseFile  = "database.zst"
	deltaPrefix   = "delta-" // and the first 32 digits of the digest of the file it changes
	deltaSuffix   = ".zst"
)

// maxDeltas bounds the deltas of a release.
const maxDeltas = 30

func deltaFile(from string) string {
	from = strings.TrimPrefix(from, "sha256:")
	return deltaPrefix + from[:min(32, len(from))] + deltaSuffix
}

// Pack makes a release of the signed database at path in folder: the database,
// and a delta from each of previous that is smaller than it. Only what one of
// keys signed is packed.
func Pack(ctx context.Context, path string, previous []string, keys []ed25519.PublicKey, folder string) error {
	if err := pack(ctx, path, previous, keys, folder); err != nil {
		return fmt.Errorf("cannot pack %s: %w", path, err)
	}
	return nil
}

func pack(ctx context.Context, path string, previous []string, keys []ed25519.PublicKey, folder string) error {
	if len(previous) > maxDeltas {
		return fmt.Errorf("at most %d deltas are given out", maxDeltas)
	}
	now, err := VerifyFile(path, keys)
	if err != nil {
		return err
	}
	sig, err := os.ReadFile(path + SignatureExt)
	if err != nil {
		return err
	}
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	whole := filepath.Join(folder, databaseFile)
	if err := compress(whole, func(w io.Writer) error {
		_, err := io.Copy(w, contextReader{ctx, in})
		return err
	}); err != nil {
		return err
	}
	db, err := vulndb.Open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, p := range previous {
		old, err := promise(p)
		if err != nil {
			return err
		}
		if old.File == now.File || old.Schema != now.Schema {
			continue // nothing would change, or everything
		}
		if err := packDelta(db, p, filepath.Join(folder, deltaFile(old.File))); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(folder, signatureFile), sig)
}

func packDelta(db *vulndb.DB, previous, out string) error {
	old, err := vulndb.Open(previous)
	if err != nil {
		return err
	}
	defer old.Close()
	return compress(out, func(w io.Writer) error { return db.Delta(old, w) })
}

// compress writes a zstd file. One goroutine compresses: with several the bytes
// would depend on their number.
func compress(path string, fill func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err == nil {
		err = errors.Join(fill(z), z.Close())
	}
	return errors.Join(err, f.Close())
}

// unpack writes what a zstd stream holds to path, at most size bytes.
func unpack(ctx context.Context, in io.Reader, path string, size int64) error {
	z, err := unzstd(in)
	if err != nil {
		return err
	}
	defer z.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(contextReader{ctx, z}, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("%w: it unpacks to another size than was signed", ErrSignature)
	}
	return errors.Join(err, f.Close())
}

func unzstd(in io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
}

// contextReader stops reading when its context has ended.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func validHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil
}
