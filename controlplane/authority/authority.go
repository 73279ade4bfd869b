package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Names in the KeyStore.
const (
	nameCA      = "ca"      // tenant "": PKCS#8 key and certificate, two PEM blocks
	nameBundle  = "bundle"  // per tenant: Ed25519 seed
	nameVerdict = "verdict" // per tenant: Ed25519 seed
)

// Lifetimes of certificates.
const (
	caLifetime       = 10 * 365 * 24 * time.Hour
	ServerLifetime   = 90 * 24 * time.Hour
	GatewayLifetime  = 90 * 24 * time.Hour
	EnforcerLifetime = 24 * time.Hour
	backdate         = 10 * time.Minute // for clocks that are behind
)

// Authority holds the CA's key. It is safe for concurrent use.
type Authority struct {
	store KeyStore
	wrap  Wrapper
	now   func() time.Time
	key   *ecdsa.PrivateKey
	cert  *x509.Certificate
}

// Open loads the CA from the store, or makes it there at first start.
func Open(ctx context.Context, store KeyStore, w Wrapper) (*Authority, error) {
	a := &Authority{store: store, wrap: w, now: time.Now}
	plain, err := a.loadOrMake(ctx, "", nameCA, makeCA)
	if err != nil {
		return nil, fmt.Errorf("cannot open certificate authority: %w", err)
	}
	defer clear(plain)
	keyBlock, rest := pem.Decode(plain)
	certBlock, _ := pem.Decode(rest)
	if keyBlock == nil || certBlock == nil {
		return nil, errors.New("cannot open certificate authority: stored value holds no key and certificate")
	}
	defer clear(keyBlock.Bytes)
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("cannot open certificate authority: %w", err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("cannot open certificate authority: key is a %T", key)
	}
	if a.cert, err = x509.ParseCertificate(certBlock.Bytes); err != nil {
		return nil, fmt.Errorf("cannot open certificate authority: %w", err)
	}
	if !ec.PublicKey.Equal(a.cert.PublicKey) {
		return nil, errors.New("cannot open certificate authority: key and certificate differ")
	}
	a.key = ec
	return a, nil
}

// Certificate is the CA's certificate.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// CAPEM is the CA's certificate as PEM: the pin that enforcers are given.
func (a *Authority) CAPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// BundleKey is the tenant's bundle signing key, made at first use.
func (a *Authority) BundleKey(ctx context.Context, tenant string) (ed25519.PrivateKey, error) {
	return a.signingKey(ctx, tenant, nameBundle)
}

// VerdictKey is the key that signs the tenant's verdicts about images, made at
// first use.
func (a *Authority) VerdictKey(ctx context.Context, tenant string) (ed25519.PrivateKey, error) {
	return a.signingKey(ctx, tenant, nameVerdict)
}

func (a *Authority) signingKey(ctx context.Context, tenant, name string) (ed25519.PrivateKey, error) {
	seed, err := a.loadOrMake(ctx, tenant, name, func(time.Time) ([]byte, error) {
		s := make([]byte, ed25519.SeedSize)
		_, err := rand.Read(s)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot open %s key of tenant %q: %w", name, tenant, err)
	}
	defer clear(seed)
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("cannot open %s key of tenant %q: stored seed has %d bytes", name, tenant, len(seed))
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// Seal encrypts a secret that the caller stores itself under (tenant, name).
func (a *Authority) Seal(ctx context.Context, tenant, name string, plain []byte) ([]byte, error) {
	return seal(ctx, a.wrap, tenant, name, plain)
}

// Open decrypts what Seal gave for the same tenant and name; ErrSealed if it
// cannot. The caller should clear the result after use.
func (a *Authority) Open(ctx context.Context, tenant, name string, sealed []byte) ([]byte, error) {
	return open(ctx, a.wrap, tenant, name, sealed)
}

// loadOrMake gives the stored value, made and stored first if there is none.
func (a *Authority) loadOrMake(ctx context.Context, tenant, name string, produce func(time.Time) ([]byte, error)) ([]byte, error) {
	for range 2 {
		sealed, err := a.store.LoadKey(ctx, tenant, name)
		if err == nil {
			return open(ctx, a.wrap, tenant, name, sealed)
		}
		if !errors.Is(err, ErrNoKey) {
			return nil, err
		}
		plain, err := produce(a.now())
		if err != nil {
			return nil, err
		}
		if sealed, err = seal(ctx, a.wrap, tenant, name, plain); err != nil {
			return nil, err
		}
		err = a.store.SaveKey(ctx, tenant, name, sealed)
		if err == nil {
			return plain, nil
		}
		clear(plain)
		if !errors.Is(err, ErrKeyExists) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("cannot load key %q: store says both that it exists and that it does not", name)
}

// makeCA gives a new CA as two PEM blocks, key first.
func makeCA(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make key: %w", err)
	}
	serial := newSerial()
	tmpl := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"Limpet"}, CommonName: fmt.Sprintf("Limpet CA %x", serial.Bytes()[:4])},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("cannot make certificate: %w", err)
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("cannot encode key: %w", err)
	}
	defer clear(k)
	out := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...), nil
}

// newSerial gives a positive number of 127 random bits whose first byte is not 0.
func newSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}
