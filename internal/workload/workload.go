package workload

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Digest is the SHA-256 of a file or of an image manifest. The zero value
// means "not known".
type Digest [32]byte

// ErrDigest reports text that is not "sha256:" and 64 hexadecimal digits.
var ErrDigest = errors.New("not a sha256 digest")

// ParseDigest reads "sha256:<64 hex digits>"; the prefix may be left out.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	h := strings.TrimPrefix(s, "sha256:")
	if len(h) != 2*len(d) {
		return Digest{}, fmt.Errorf("cannot read digest %.80q: %w", s, ErrDigest)
	}
	if _, err := hex.Decode(d[:], []byte(h)); err != nil {
		return Digest{}, fmt.Errorf("cannot read digest %.80q: %w", s, ErrDigest)
	}
	return d, nil
}

// IsZero says that the digest is not known.
func (d Digest) IsZero() bool { return d == Digest{} }

// String gives "sha256:<hex>", or "" for the zero value.
func (d Digest) String() string {
	if d.IsZero() {
		return ""
	}
	return "sha256:" + hex.EncodeToString(d[:])
}

// MarshalText and UnmarshalText make a Digest a JSON and YAML string.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote; empty text is the zero value.
func (d *Digest) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Digest{}
		return nil
	}
	v, err := ParseDigest(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
