package uplink

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// identity is an enrolled key with its certificate. It is never changed;
// renewal makes a new one.
type identity struct {
	key        ed25519.PrivateKey
	cert       *x509.Certificate
	id         string
	tenant     string
	group      string
	bundleKeys []ed25519.PublicKey
}

func (i *identity) enrolled() Enrolled {
	return Enrolled{EnforcerID: i.id, Tenant: i.tenant, Group: i.group, BundleKeys: i.bundleKeys}
}

// halfLife is when i should be renewed.
func (i *identity) halfLife() time.Time {
	return i.cert.NotBefore.Add(i.cert.NotAfter.Sub(i.cert.NotBefore) / 2)
}

// now is this machine's time as the gateway sees it.
func (u *Uplink) now() time.Time { return time.Now().Add(time.Duration(u.clock.Load())) }

func (u *Uplink) signer() *wire.Signer {
	i := u.ident.Load()
	if i == nil {
		return nil
	}
	return &wire.Signer{Key: i.key, Certificate: i.cert.Raw, Now: u.now}
}

// clientCertificate answers a server that asks for one in the TLS handshake.
func (u *Uplink) clientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	i := u.ident.Load()
	if i == nil {
		return &tls.Certificate{}, nil
	}
	return &tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: crypto.Signer(i.key), Leaf: i.cert}, nil
}

const callTimeout = 15 * time.Second

// enrol makes sure that there is an identity. It tries until it has one, ctx
// ends, or the gateway refuses for good.
func (u *Uplink) enrol(ctx context.Context) error {
	if u.ident.Load() != nil {
		return nil
	}
	key, csr, err := newRequest()
	if err != nil {
		return err
	}
	b := backoff{min: time.Second, max: time.Minute}
	for {
		id, err := u.tryEnrol(ctx, key, csr)
		if u.note(err) == nil {
			u.adopt(id)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, wire.ErrToken) || errors.Is(err, wire.ErrInvalid) || errors.Is(err, errNoToken) {
			u.cfg.Logger.Error("enrolment refused, events are not delivered", "error", err)
			return err
		}
		wait := b.next(err)
		u.cfg.Logger.Warn("cannot enrol yet", "error", err, "again", wait.Round(time.Millisecond))
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
}

var errNoToken = fmt.Errorf("%w: none was given", wire.ErrToken)

func (u *Uplink) tryEnrol(ctx context.Context, key ed25519.PrivateKey, csr []byte) (*identity, error) {
	u.mu.Lock()
	token := string(u.token)
	u.mu.Unlock()
	if token == "" {
		return nil, errNoToken
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	a, err := u.gw.Enroll(ctx, &wirepb.EnrollRequest{
		Token: token, Csr: csr, Kind: u.cfg.Kind, Hostname: u.cfg.Hostname, Version: u.cfg.Version,
		Workload: u.cfg.Workload, Arch: u.cfg.Arch, Kernel: u.cfg.Kernel, Rung: u.cfg.Rung,
	})
	if err != nil {
		return nil, err
	}
	if err := wire.ValidateEnrolled(a); err != nil {
		return nil, fmt.Errorf("%w: answer to enrolment: %w", wire.ErrUnavailable, err)
	}
	cert, err := own(a.Certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%w: answer to enrolment: %w", wire.ErrUnavailable, err)
	}
	i := &identity{key: key, cert: cert, id: a.EnforcerId, tenant: a.Tenant, group: a.Group}
	for _, k := range a.BundleKeys {
		if len(k) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%w: answer to enrolment: bundle key has %d bytes", wire.ErrUnavailable, len(k))
		}
		i.bundleKeys = append(i.bundleKeys, ed25519.PublicKey(k))
	}
	return i, nil
}

// adopt uses a new identity from now on.
func (u *Uplink) adopt(i *identity) {
	u.ident.Store(i)
	u.wipeToken()
	if u.state == nil {
		return
	}
	if err := u.state.save(i); err != nil {
		u.cfg.Logger.Warn("identity is kept in memory only", "error", err)
	}
}

func (u *Uplink) wipeToken() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.token)
	u.token = nil
}

func (u *Uplink) hasToken() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.token) > 0
}

// renew gets a new certificate for a new key.
func (u *Uplink) renew(ctx context.Context) error {
	old := u.ident.Load()
	key, csr, err := newRequest()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	a, err := u.gw.Renew(ctx, &wirepb.RenewRequest{Csr: csr})
	if u.note(err) != nil {
		return err
	}
	cert, err := own(a.Certificate, key)
	if err != nil {
		return fmt.Errorf("%w: answer to renewal: %w", wire.ErrUnavailable, err)
	}
	i := *old
	i.key, i.cert = key, cert
	u.adopt(&i)
	return nil
}

// own checks that a certificate is an enforcer's and for this key.
func own(der []byte, key ed25519.PrivateKey) (*x509.Certificate, error) {
	if len(der) > wire.MaxCertificate {
		return nil, fmt.Errorf("certificate has %d bytes", len(der))
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("cannot read certificate: %w", err)
	}
	pub, ok := c.PublicKey.(ed25519.PublicKey)
	if !ok || !bytes.Equal(pub, key.Public().(ed25519.PublicKey)) {
		return nil, errors.New("certificate is for another key")
	}
	if _, err := wire.IdentityOf(c); err != nil {
		return nil, err
	}
	return c, nil
}

// newRequest makes a key and a certificate request for it. The request names
// nothing: the control plane decides who this is.
func newRequest() (ed25519.PrivateKey, []byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make certificate request: %w", err)
	}
	return key, csr, nil
}
