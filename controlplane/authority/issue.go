package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/wire"
)

// ErrRequest reports a certificate request that is not acceptable.
var ErrRequest = errors.New("certificate request refused")

// SignCSR issues an enforcer's certificate for the key in a PKCS#10 request
// (DER). Every name comes from id; what the request asks for is ignored. The
// key must be Ed25519 or ECDSA P-256 and the request signed with it; if not,
// the error wraps ErrRequest and wire.ErrInvalid. Zero lifetime is EnforcerLifetime.
func (a *Authority) SignCSR(csr []byte, id wire.Identity, lifetime time.Duration) (*x509.Certificate, error) {
	pub, err := requestKey(csr)
	if err != nil {
		return nil, err
	}
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if lifetime <= 0 {
		lifetime = EnforcerLifetime
	}
	name := pkix.Name{CommonName: id.ID, Organization: []string{id.Tenant}}
	if id.Group != "" {
		name.OrganizationalUnit = []string{id.Group}
	}
	return a.issue(pub, &x509.Certificate{
		Subject:     name,
		URIs:        []*url.URL{id.URI()},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, lifetime)
}

// SignGatewayCSR issues a gateway's certificate: server certificate for names,
// and client certificate (spiffe://limpet/gateway/<name>) towards the control plane.
func (a *Authority) SignGatewayCSR(csr []byte, name string, names []string, lifetime time.Duration) (*x509.Certificate, error) {
	pub, err := requestKey(csr)
	if err != nil {
		return nil, err
	}
	uri, err := wire.GatewayURI(name)
	if err != nil {
		return nil, err
	}
	if lifetime <= 0 {
		lifetime = GatewayLifetime
	}
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name, Organization: []string{"Limpet gateway"}},
		URIs:        []*url.URL{uri},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	addNames(t, names)
	return a.issue(pub, t, lifetime)
}

// IssueServer makes a key and a server certificate for host names and IP
// addresses, valid ServerLifetime.
func (a *Authority) IssueServer(names []string) (*tls.Certificate, error) {
	if len(names) == 0 {
		return nil, errors.New("cannot issue a server certificate without a name")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make server key: %w", err)
	}
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: names[0], Organization: []string{"Limpet"}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	addNames(t, names)
	c, err := a.issue(key.Public(), t, ServerLifetime)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{c.Raw, a.cert.Raw}, PrivateKey: key, Leaf: c}, nil
}

// ServerTLS is a TLS configuration for a server under these names. It issues
// its certificate itself and replaces it when a third of its life is left.
func (a *Authority) ServerTLS(names ...string) (*tls.Config, error) {
	first, err := a.IssueServer(names)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	current := first // guarded by mu
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			mu.Lock()
			defer mu.Unlock()
			if a.now().After(current.Leaf.NotAfter.Add(-ServerLifetime / 3)) {
				next, err := a.IssueServer(names)
				if err != nil {
					return current, nil // still valid for weeks
				}
				current = next
			}
			return current, nil
		},
	}, nil
}

// Roots is a pool of the CA alone.
func (a *Authority) Roots() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a *Authority) issue(pub crypto.PublicKey, t *x509.Certificate, lifetime time.Duration) (*x509.Certificate, error) {
	now := a.now()
	t.SerialNumber = newSerial()
	t.NotBefore = now.Add(-backdate)
	t.NotAfter = now.Add(lifetime)
	if t.NotAfter.After(a.cert.NotAfter) {
		t.NotAfter = a.cert.NotAfter
	}
	t.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, pub, a.key)
	if err != nil {
		return nil, fmt.Errorf("cannot issue certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

func addNames(t *x509.Certificate, names []string) {
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
}

// requestKey checks a certificate request and gives its public key.
func requestKey(der []byte) (crypto.PublicKey, error) {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: %w", ErrRequest, wire.Errorf(wire.ErrInvalid, format, args...))
	}
	if len(der) > wire.MaxCSR {
		return nil, refuse("certificate request has %d bytes, at most %d", len(der), wire.MaxCSR)
	}
	req, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, refuse("certificate request cannot be read")
	}
	switch k := req.PublicKey.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, refuse("key is on curve %s, want P-256", k.Curve.Params().Name)
		}
	default:
		return nil, refuse("key is a %T, want Ed25519 or ECDSA P-256", k)
	}
	if err := req.CheckSignature(); err != nil {
		return nil, refuse("certificate request is not signed with its key")
	}
	return req.PublicKey, nil
}

// GatewayPair is a gateway's certificate and key for its files.
type GatewayPair struct {
	CertificatePEM, KeyPEM []byte
}

// IssueGateway makes a key and a gateway's certificate (see SignGatewayCSR).
func (a *Authority) IssueGateway(name string, names []string) (*GatewayPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make gateway key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("cannot make certificate request: %w", err)
	}
	c, err := a.SignGatewayCSR(csr, name, names, 0)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("cannot encode gateway key: %w", err)
	}
	defer clear(der)
	return &GatewayPair{
		CertificatePEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}),
		KeyPEM:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}, nil
}
