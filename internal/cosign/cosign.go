package cosign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/limpet-security/limpet/internal/attest"
)

// What is read of what is attached.
const (
	SimpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json" // media type of a payload
	Bundle        = "application/vnd.dev.sigstore.bundle.v0.3+json"    // media type, and kind of a referrer
	SignatureKind = "application/vnd.dev.cosign.artifact.sig.v1+json"  // kind of a referrer
	Annotation    = "dev.cosignproject.cosign/signature"               // of a payload's layer: the signature, base64
	SignPredicate = "https://sigstore.dev/cosign/sign/v1"              // of a statement that says "signed"

	MaxPayload = 256 << 10
	minRSABits = 2048
	simpleType = "cosign container image signature"
)

// ErrKey reports text that is no public key, or of a kind that is not supported.
var ErrKey = errors.New("not a public key for signatures: ECDSA P-256, Ed25519 or RSA of 2048 bits and more, in PEM")

// Key is a public key that is trusted.
type Key struct {
	ID     string // sha256:... of its SubjectPublicKeyInfo
	public crypto.PublicKey
}

// ParseKey reads a key in PEM, or the base64 between the PEM's lines.
func ParseKey(text string) (*Key, error) {
	var der []byte
	if block, _ := pem.Decode([]byte(strings.TrimSpace(text))); block != nil && block.Type == "PUBLIC KEY" {
		der = block.Bytes
	} else if b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err == nil {
		der = b
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, ErrKey
	}
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("curve %s: %w", k.Params().Name, ErrKey)
		}
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return nil, fmt.Errorf("RSA of %d bits: %w", k.N.BitLen(), ErrKey)
		}
	case ed25519.PublicKey:
	default:
		return nil, ErrKey
	}
	sum := sha256.Sum256(der)
	return &Key{ID: "sha256:" + hex.EncodeToString(sum[:]), public: public}, nil
}

// Signed says that a document which is attached to an image is the key's
// signature of the image with that digest. annotation is the layer's signature,
// where the document is a simple signing payload.
func (k *Key) Signed(digest, mediaType string, document []byte, annotation string) bool {
	if digest == "" || len(document) > MaxPayload || len(annotation) > MaxPayload {
		return false
	}
	switch mediaType {
	case SimpleSigning:
		return k.simple(digest, document, annotation)
	case attest.EnvelopeType:
		return k.envelope(digest, document)
	case Bundle:
		var b struct {
			Envelope json.RawMessage `json:"dsseEnvelope"`
		}
		return json.Unmarshal(document, &b) == nil && k.envelope(digest, b.Envelope)
	}
	return false
}

func (k *Key) simple(digest string, payload []byte, annotation string) bool {
	sig, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(annotation), ""))
	if err != nil || !k.verify(payload, sig) {
		return false
	}
	var p struct {
		Critical struct {
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			} `json:"image"`
			Type string `json:"type"`
		} `json:"critical"`
	}
	return json.Unmarshal(payload, &p) == nil && p.Critical.Type == simpleType && p.Critical.Image.Digest == digest
}

func (k *Key) envelope(digest string, data []byte) bool {
	s, err := attest.VerifyWith(data, k.verify)
	return err == nil && s.PredicateType == SignPredicate && s.About(digest)
}

func (k *Key) verify(message, sig []byte) bool {
	sum := sha256.Sum256(message)
	switch p := k.public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(p, sum[:], sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(p, crypto.SHA256, sum[:], sig) == nil || rsa.VerifyPSS(p, crypto.SHA256, sum[:], sig, nil) == nil
	case ed25519.PublicKey:
		return len(p) == ed25519.PublicKeySize && ed25519.Verify(p, message, sig)
	}
	return false
}
