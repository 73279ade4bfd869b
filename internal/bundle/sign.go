package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// envelope is what travels.
type envelope struct {
	Format    int    `json:"format"`
	KeyID     string `json:"keyId"`
	Payload   []byte `json:"payload"`
	Signature []byte `json:"signature"`
}

// What a signature is for stands in front of what is signed.
const (
	purposeBundle = "limpet bundle v1\x00"
	purposeFresh  = "limpet bundle freshness v1\x00"
)

// MaxNonce is the longest nonce that Fresh takes, in bytes.
const MaxNonce = 64

// KeyID names a public key: the first 16 hexadecimal digits of its SHA-256.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// Sign checks a bundle and signs it. Unknown is not carried over.
func Sign(b *Bundle, key ed25519.PrivateKey) ([]byte, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("cannot sign bundle: the key has %d bytes", len(key))
	}
	p, err := b.encode()
	if err != nil {
		return nil, fmt.Errorf("cannot sign bundle: %w", err)
	}
	e := envelope{Format: Format, KeyID: KeyID(key.Public().(ed25519.PublicKey)), Payload: p}
	e.Signature = ed25519.Sign(key, signed(e.Format, p))
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("cannot sign bundle: %w", err)
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("cannot sign bundle: %d bytes are more than %d", len(data), MaxBytes)
	}
	return data, nil
}

// signed gives the text that is signed: purpose, format, payload.
func signed(format int, payload []byte) []byte {
	b := make([]byte, 0, len(purposeBundle)+4+len(payload))
	b = append(b, purposeBundle...)
	b = binary.BigEndian.AppendUint32(b, uint32(format))
	return append(b, payload...)
}

// Verify reads a bundle that one of keys has signed. It says nothing about
// age or audience: that is Keeper's part.
func Verify(data []byte, keys []ed25519.PublicKey) (*Bundle, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("cannot verify bundle: %w: more than %d bytes", ErrMalformed, MaxBytes)
	}
	var e envelope
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&e); err != nil {
		return nil, fmt.Errorf("cannot verify bundle: %w: %v", ErrMalformed, err)
	}
	if dec.More() {
		return nil, fmt.Errorf("cannot verify bundle: %w: something follows it", ErrMalformed)
	}
	if e.Format > Format {
		return nil, fmt.Errorf("cannot verify bundle: %w: %d, this version reads %d", ErrFormat, e.Format, Format)
	}
	if e.Format < 1 {
		return nil, fmt.Errorf("cannot verify bundle: %w: format %d", ErrMalformed, e.Format)
	}
	text := signed(e.Format, e.Payload)
	for _, key := range keys {
		if len(key) == ed25519.PublicKeySize && KeyID(key) == e.KeyID && ed25519.Verify(key, text, e.Signature) {
			b, err := decode(e.Payload)
			if err != nil {
				return nil, fmt.Errorf("cannot read bundle: %w", err)
			}
			return b, nil
		}
	}
	return nil, fmt.Errorf("cannot verify bundle: %w", ErrSignature)
}

// Fresh signs that bundle is the answer to the request that carried nonce. An
// empty bundle stands for "nothing newer".
func Fresh(nonce, bundle []byte, key ed25519.PrivateKey) []byte {
	return ed25519.Sign(key, freshText(nonce, bundle))
}

// VerifyFresh checks what Fresh made.
func VerifyFresh(nonce, bundle, signature []byte, keys []ed25519.PublicKey) error {
	if len(nonce) < 16 || len(nonce) > MaxNonce {
		return fmt.Errorf("cannot verify answer: %w: a nonce has 16 to %d bytes", ErrNotFresh, MaxNonce)
	}
	text := freshText(nonce, bundle)
	for _, key := range keys {
		if len(key) == ed25519.PublicKeySize && ed25519.Verify(key, text, signature) {
			return nil
		}
	}
	return fmt.Errorf("cannot verify answer: %w", ErrNotFresh)
}

func freshText(nonce, bundle []byte) []byte {
	sum := sha256.Sum256(bundle)
	b := append([]byte(purposeFresh), byte(len(nonce)))
	b = append(b, nonce...)
	return append(b, sum[:]...)
}
