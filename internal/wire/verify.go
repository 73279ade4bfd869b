package wire

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Verifier finds out who sent a request. Its fields are set before first use;
// its methods may be called from several goroutines.
type Verifier struct {
	Roots *x509.CertPool
	// Grace is how long after its certificate's expiry an enforcer may still
	// be heard where the caller of Present allows it (Renew).
	Grace time.Duration
	Now   func() time.Time // nil: time.Now
	// Admit, if set, is asked after a signature has been found good and before
	// its nonce is remembered: the place for a rate limit by enforcer.
	Admit func(Identity) error

	nonces nonces

	mu    sync.Mutex
	known map[[32]byte]known // certificates that chain to Roots, by digest; guarded by mu
}

type known struct {
	cert *x509.Certificate
	id   Identity
}

// maxKnown bounds the certificates that are remembered as good.
const maxKnown = 1 << 16

// Presented is a caller that has shown a good certificate and, if signed is
// not nil, has yet to prove with Verify that it has the key.
type Presented struct {
	Identity    Identity
	Certificate *x509.Certificate
	signed      *signature
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

// Present looks at a request's headers and TLS client certificate, before the
// body is read. The certificate must come from Roots, be an enforcer's and be
// in time; with expired it may have run out not longer than Grace ago. Errors
// wrap ErrIdentity, ErrSignature or ErrClock.
func (v *Verifier) Present(h http.Header, conn *tls.ConnectionState, expired bool) (*Presented, error) {
	var peer *x509.Certificate
	if conn != nil && len(conn.PeerCertificates) > 0 {
		peer = conn.PeerCertificates[0] // the handshake has proven its key, nothing more
	}
	text, sigText := h.Values(HeaderCertificate), h.Values(HeaderSignature)
	if len(text) == 0 && len(sigText) == 0 {
		if peer == nil {
			return nil, Errorf(ErrIdentity, "the request is not signed")
		}
		k, err := v.certificate(peer.Raw, expired)
		if err != nil {
			return nil, err
		}
		return &Presented{Identity: k.id, Certificate: k.cert}, nil
	}
	if len(text) != 1 || len(sigText) != 1 {
		return nil, Errorf(ErrSignature, "want one %s and one %s header", HeaderCertificate, HeaderSignature)
	}
	if len(text[0]) > base64.StdEncoding.EncodedLen(MaxCertificate) {
		return nil, Errorf(ErrSignature, "certificate exceeds %d bytes", MaxCertificate)
	}
	der, err := base64.StdEncoding.DecodeString(text[0])
	if err != nil {
		return nil, Errorf(ErrSignature, "header %s cannot be read", HeaderCertificate)
	}
	sig, err := parseSignature(sigText[0])
	if err != nil {
		return nil, err
	}
	now := v.now()
	if d := now.Sub(sig.time()); d > MaxSkew || d < -MaxSkew {
		return nil, &Error{Kind: ErrClock, Message: "the request's time is more than " + MaxSkew.String() + " off", ServerTime: now}
	}
	k, err := v.certificate(der, expired)
	if err != nil {
		return nil, err
	}
	if peer != nil {
		// The connection may carry an older certificate of the same enforcer.
		if id, err := IdentityOf(peer); err != nil || id.URI().String() != k.id.URI().String() {
			return nil, Errorf(ErrIdentity, "TLS certificate and signature name different callers")
		}
	}
	return &Presented{Identity: k.id, Certificate: k.cert, signed: &sig}, nil
}

// Verify checks the signature over the body as it arrived (before
// decompression) and remembers the nonce. Errors wrap ErrSignature or ErrBusy,
// or are Admit's.
func (v *Verifier) Verify(p *Presented, h http.Header, method, path string, body []byte) error {
	if p.signed != nil {
		msg := p.signed.message(h, method, path, body, p.Certificate.Raw)
		ok := false
		switch k := p.Certificate.PublicKey.(type) {
		case ed25519.PublicKey:
			ok = ed25519.Verify(k, msg, p.signed.value)
		case *ecdsa.PublicKey:
			d := sha256.Sum256(msg)
			ok = ecdsa.VerifyASN1(k, d[:], p.signed.value)
		}
		if !ok {
			return Errorf(ErrSignature, "it does not fit the request")
		}
	}
	if v.Admit != nil {
		if err := v.Admit(p.Identity); err != nil {
			return err
		}
	}
	if p.signed == nil {
		return nil
	}
	return v.nonces.use(v.now(), p.Identity.ID, p.signed.nonce)
}

// certificate verifies an enforcer's certificate, or finds that it was verified before.
func (v *Verifier) certificate(der []byte, expired bool) (known, error) {
	sum := sha256.Sum256(der)
	v.mu.Lock()
	k, ok := v.known[sum]
	v.mu.Unlock()
	now := v.now()
	if !ok {
		var err error
		if k, err = v.chain(der, now); err != nil {
			return known{}, err
		}
		v.mu.Lock()
		if v.known == nil || len(v.known) >= maxKnown {
			v.known = map[[32]byte]known{}
		}
		v.known[sum] = k
		v.mu.Unlock()
	}
	if now.Before(k.cert.NotBefore) {
		return known{}, &Error{Kind: ErrClock, Message: "the certificate is not valid yet", ServerTime: now}
	}
	if late := now.Sub(k.cert.NotAfter); late > 0 && (!expired || late > v.Grace) {
		return known{}, Errorf(ErrIdentity, "the certificate expired at %s", k.cert.NotAfter.UTC().Format(time.RFC3339))
	}
	return k, nil
}

// chain verifies everything about a certificate but its time.
func (v *Verifier) chain(der []byte, now time.Time) (known, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return known{}, Errorf(ErrIdentity, "the certificate cannot be read")
	}
	at := now // time is the caller's business: look at a moment when it was valid
	if at.After(c.NotAfter) {
		at = c.NotAfter
	} else if at.Before(c.NotBefore) {
		at = c.NotBefore
	}
	_, err = c.Verify(x509.VerifyOptions{Roots: v.Roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if errors.As(err, new(x509.UnknownAuthorityError)) {
		return known{}, Errorf(ErrIdentity, "the certificate comes from another install's CA")
	}
	if err != nil || c.IsCA {
		return known{}, Errorf(ErrIdentity, "the certificate is not good for this")
	}
	id, err := IdentityOf(c)
	if err != nil {
		return known{}, Errorf(ErrIdentity, "the certificate does not name an enforcer")
	}
	return known{cert: c, id: id}, nil
}
