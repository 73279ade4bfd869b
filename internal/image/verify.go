package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// verifier passes bytes through and, at their end, refuses them when size or
// digest is not what was promised. It never gives more than size bytes.
type verifier struct {
	rc   io.ReadCloser
	h    hash.Hash
	want v1.Hash
	left int64
	done bool
}

// Verify wraps rc: io.EOF is only seen after exactly size bytes of the wanted
// digest; everything else ends in ErrDigest.
func Verify(rc io.ReadCloser, want v1.Hash, size int64) io.ReadCloser {
	return &verifier{rc: rc, h: sha256.New(), want: want, left: size}
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.left == 0 {
		return 0, v.end()
	}
	if int64(len(p)) > v.left {
		p = p[:v.left]
	}
	n, err := v.rc.Read(p)
	v.h.Write(p[:n])
	v.left -= int64(n)
	if err == io.EOF && v.left > 0 {
		return n, fmt.Errorf("%s ends %d bytes early: %w", v.want, v.left, ErrDigest)
	}
	if err == io.EOF {
		err = nil // end() decides at the next read
	}
	return n, err
}

func (v *verifier) end() error {
	if v.done {
		return io.EOF
	}
	var one [1]byte
	for {
		n, err := v.rc.Read(one[:])
		if n > 0 {
			return fmt.Errorf("%s has more bytes than promised: %w", v.want, ErrDigest)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(v.h.Sum(nil)); got != v.want.Hex {
		return fmt.Errorf("content is sha256:%s, promised %s: %w", got, v.want, ErrDigest)
	}
	v.done = true
	return io.EOF
}

func (v *verifier) Close() error { return v.rc.Close() }
