package authority

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// ErrSealed reports a sealed value that cannot be opened: it is damaged, was
// sealed for another name, or under another master key.
var ErrSealed = errors.New("cannot open sealed value")

// Wrapper encrypts small data keys under a master key that may live elsewhere.
type Wrapper interface {
	// KeyID names the master key that Wrap uses now; at most 255 bytes.
	KeyID() string
	// Wrap encrypts a 32-byte data key. The result has at most 4096 bytes.
	Wrap(ctx context.Context, dataKey []byte) ([]byte, error)
	// Unwrap decrypts what Wrap gave when KeyID was keyID.
	Unwrap(ctx context.Context, keyID string, wrapped []byte) ([]byte, error)
}

// Envelope: version 1 | len(keyID) 1 | keyID | len(wrapped) 2 | wrapped | nonce 12 | ciphertext and tag.
const (
	envelopeVersion = 1
	maxWrapped      = 4096
	// MaxSealed bounds a sealed value that Open reads.
	MaxSealed = 1 << 20
)

// seal encrypts plain for (tenant, name).
func seal(ctx context.Context, w Wrapper, tenant, name string, plain []byte) ([]byte, error) {
	dek := make([]byte, 32)
	rand.Read(dek)
	defer clear(dek)
	wrapped, err := w.Wrap(ctx, dek)
	if err != nil {
		return nil, fmt.Errorf("cannot wrap data key: %w", err)
	}
	id := w.KeyID()
	if len(id) > 255 || len(wrapped) > maxWrapped {
		return nil, fmt.Errorf("cannot seal %s: wrapper's key identifier or result is too long", name)
	}
	out := []byte{envelopeVersion, byte(len(id))}
	out = append(out, id...)
	out = append(out, byte(len(wrapped)>>8), byte(len(wrapped)))
	out = append(out, wrapped...)
	head := len(out)
	nonce := make([]byte, 12)
	rand.Read(nonce)
	out = append(out, nonce...)
	return gcm(dek).Seal(out, nonce, plain, aad(out[:head], tenant, name)), nil
}

// open decrypts what seal gave for the same (tenant, name).
func open(ctx context.Context, w Wrapper, tenant, name string, sealed []byte) ([]byte, error) {
	b := sealed
	take := func(n int) []byte {
		if n > len(b) {
			b = nil
			return nil
		}
		v := b[:n]
		b = b[n:]
		return v
	}
	if len(sealed) > MaxSealed {
		return nil, fmt.Errorf("%w %q: %d bytes", ErrSealed, name, len(sealed))
	}
	v := take(2)
	if v == nil || v[0] != envelopeVersion {
		return nil, fmt.Errorf("%w %q: not an envelope of version %d", ErrSealed, name, envelopeVersion)
	}
	id := take(int(v[1]))
	n := take(2)
	if id == nil || n == nil {
		return nil, fmt.Errorf("%w %q: cut short", ErrSealed, name)
	}
	wrapped := take(int(n[0])<<8 | int(n[1]))
	head := len(sealed) - len(b)
	nonce := take(12)
	if wrapped == nil || nonce == nil {
		return nil, fmt.Errorf("%w %q: cut short", ErrSealed, name)
	}
	dek, err := w.Unwrap(ctx, string(id), wrapped)
	if err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrSealed, name, err)
	}
	defer clear(dek)
	if len(dek) != 32 {
		return nil, fmt.Errorf("%w %q: wrapper gave a data key of %d bytes", ErrSealed, name, len(dek))
	}
	plain, err := gcm(dek).Open(nil, nonce, b, aad(sealed[:head], tenant, name))
	if err != nil {
		return nil, fmt.Errorf("%w %q: damaged, or sealed for another name", ErrSealed, name)
	}
	return plain, nil
}

// aad binds the envelope's head, tenant and name to the ciphertext. Lengths
// stand before the parts, so that no two pairs give the same bytes.
func aad(head []byte, tenant, name string) []byte {
	a := fmt.Appendf(nil, "limpet sealed value\x00%d:%s%d:%s", len(tenant), tenant, len(name), name)
	return append(a, head...)
}

func gcm(key []byte) cipher.AEAD {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic("authority: data key has a wrong length") // the callers have checked it
	}
	g, err := cipher.NewGCM(b)
	if err != nil {
		panic("authority: AES-GCM is not available")
	}
	return g
}
