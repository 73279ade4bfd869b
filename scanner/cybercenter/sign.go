package cybercenter

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// Errors that callers may tell apart.
var (
	ErrSignature = errors.New("the database is not signed by a trusted key")
	ErrDowngrade = errors.New("the database is older than the one held")
	ErrMalformed = errors.New("the signature cannot be read")
)

const (
	purpose      = "limpet vulndb v1\x00" // stands in front of what is signed
	maxSignature = 64 << 10
	maxDatabase  = 16 << 30 // bytes of a database, unpacked
)

// SignatureExt is what the name of a database's signature ends in, behind its own.
const SignatureExt = ".sig"

// Promise is what a signature says of a database.
type Promise struct {
	File   string    `json:"file"` // sha256:... of its bytes
	Size   int64     `json:"size"`
	Digest string    `json:"digest"` // of its content, as reports name it
	Built  time.Time `json:"built"`
	Schema int       `json:"schema"`
	// KeyID names the key that signed it, where that was verified.
	KeyID string `json:"-"`
}

type envelope struct {
	KeyID     string `json:"keyId"`
	Payload   []byte `json:"payload"`
	Signature []byte `json:"signature"`
}

// Sign signs the database at path and leaves the signature beside it.
func Sign(path string, key ed25519.PrivateKey) (Promise, error) {
	p, err := promise(path)
	if err != nil {
		return Promise{}, fmt.Errorf("cannot sign %s: %w", path, err)
	}
	payload, err := json.Marshal(p)
	if err != nil {
		return Promise{}, fmt.Errorf("cannot sign %s: %w", path, err)
	}
	e := envelope{KeyID: bundle.KeyID(key.Public().(ed25519.PublicKey)), Payload: payload, Signature: ed25519.Sign(key, append([]byte(purpose), payload...))}
	b, err := json.Marshal(e)
	if err == nil {
		err = writeFile(path+SignatureExt, b)
	}
	if err != nil {
		return Promise{}, fmt.Errorf("cannot sign %s: %w", path, err)
	}
	return p, nil
}

func promise(path string) (Promise, error) {
	db, err := vulndb.Open(path)
	if err != nil {
		return Promise{}, err
	}
	m := db.Meta()
	if err := db.Close(); err != nil {
		return Promise{}, err
	}
	digest, size, err := fileDigest(path)
	return Promise{File: digest, Size: size, Digest: m.Digest, Built: m.Built, Schema: m.Schema}, err
}

func fileDigest(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), n, err
}

// verify reads a signature that one of keys has made.
func verify(b []byte, keys []ed25519.PublicKey) (Promise, error) {
	var e envelope
	if len(b) > maxSignature {
		return Promise{}, fmt.Errorf("%w: it has more than %d bytes", ErrMalformed, maxSignature)
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return Promise{}, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	text := append([]byte(purpose), e.Payload...)
	for _, k := range keys {
		if len(k) == ed25519.PublicKeySize && bundle.KeyID(k) == e.KeyID && ed25519.Verify(k, text, e.Signature) {
			var p Promise
			if err := json.Unmarshal(e.Payload, &p); err != nil {
				return Promise{}, fmt.Errorf("%w: %v", ErrMalformed, err)
			}
			if p.Size <= 0 || p.Size > maxDatabase || len(p.File) != len("sha256:")+64 {
				return Promise{}, fmt.Errorf("%w: its sizes make no sense", ErrMalformed)
			}
			p.KeyID = e.KeyID
			return p, nil
		}
	}
	return Promise{}, ErrSignature
}

// VerifyFile says whether the database at path is the one that its signature
// beside it promises, signed by one of keys. It reads all of it.
func VerifyFile(path string, keys []ed25519.PublicKey) (Promise, error) {
	b, err := os.ReadFile(path + SignatureExt)
	if err != nil {
		return Promise{}, fmt.Errorf("cannot verify %s: %w", path, err)
	}
	p, err := verify(b, keys)
	if err == nil {
		err = p.holds(path)
	}
	if err != nil {
		return Promise{}, fmt.Errorf("cannot verify %s: %w", path, err)
	}
	return p, nil
}

func (p Promise) holds(path string) error {
	digest, size, err := fileDigest(path)
	if err != nil {
		return err
	}
	if digest != p.File || size != p.Size {
		return fmt.Errorf("%w: its bytes are not those that were signed", ErrSignature)
	}
	return nil
}

// NewKey makes a key for signing: the private half in PKCS #8, the public one
// in PKIX form, both PEM.
func NewKey() (private, public []byte, err error) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, err
	}
	a, err1 := x509.MarshalPKCS8PrivateKey(key)
	b, err2 := x509.MarshalPKIXPublicKey(pub)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: a}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b}), errors.Join(err1, err2)
}

// ReadPrivateKey reads an Ed25519 key of a PEM file.
func ReadPrivateKey(path string) (ed25519.PrivateKey, error) {
	block, err := readPEM(path, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	k, err := x509.ParsePKCS8PrivateKey(block)
	key, ok := k.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("cannot read key %s: it is no Ed25519 key", path)
	}
	return key, nil
}

// ReadPublicKey reads an Ed25519 public key of a PEM file.
func ReadPublicKey(path string) (ed25519.PublicKey, error) {
	block, err := readPEM(path, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	k, err := x509.ParsePKIXPublicKey(block)
	key, ok := k.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("cannot read key %s: it is no Ed25519 key", path)
	}
	return key, nil
}

func readPEM(path, kind string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read key: %w", err)
	}
	block, _ := pem.Decode(bytes.TrimSpace(b))
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("cannot read key %s: it is no %s in PEM", path, kind)
	}
	return block.Bytes, nil
}
