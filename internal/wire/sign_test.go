package wire

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// ca is a certificate authority for tests.
type ca struct {
	key  ed25519.PrivateKey
	cert *x509.Certificate
}

func newCA(t testing.TB) *ca {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: epoch.Add(-time.Hour), NotAfter: epoch.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &ca{key, c}
}

func (c *ca) issue(t testing.TB, key crypto.Signer, change func(*x509.Certificate)) *Signer {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "e"}, NotBefore: epoch.Add(-time.Hour), NotAfter: epoch.Add(time.Hour),
		URIs:     []*url.URL{Identity{Tenant: "default", Kind: KindMicro, ID: "e-1"}.URI()},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true}
	if change != nil {
		change(tmpl)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, c.cert, key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	return &Signer{Key: key, Certificate: der, Now: func() time.Time { return epoch }}
}

func (c *ca) verifier() *Verifier {
	v := &Verifier{Roots: x509.NewCertPool(), Grace: 24 * time.Hour, Now: func() time.Time { return epoch }}
	v.Roots.AddCert(c.cert)
	return v
}

func edKey(t testing.TB) crypto.Signer {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const callPath = "/limpet.wire.v1.Gateway/Heartbeat"

// request is what goes over the line.
type request struct {
	h            http.Header
	method, path string
	body         []byte
	tls          *tls.ConnectionState
}

func signed(t testing.TB, s *Signer) request {
	t.Helper()
	r := request{h: http.Header{"Content-Type": {"application/proto"}, "Content-Encoding": {"zstd"}}, method: "POST", path: callPath, body: []byte("body")}
	if err := s.Sign(r.h, r.method, r.path, r.body); err != nil {
		t.Fatal(err)
	}
	return r
}

func check(v *Verifier, r request, expired bool) error {
	p, err := v.Present(r.h, r.tls, expired)
	if err != nil {
		return err
	}
	return v.Verify(p, r.h, r.method, r.path, r.body)
}

func TestVerify(t *testing.T) {
	c, other := newCA(t), newCA(t)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := edKey(t)
	late := func(d time.Duration) func(*x509.Certificate) {
		return func(x *x509.Certificate) { x.NotAfter = epoch.Add(-d) }
	}
	at := func(s *Signer, d time.Duration) *Signer {
		s.Now = func() time.Time { return epoch.Add(d) }
		return s
	}
	swap := func(r request, name string, f func(string) string) request {
		r.h.Set(name, f(r.h.Get(name)))
		return r
	}
	for name, tt := range map[string]struct {
		r       request
		expired bool
		want    error
	}{
		"ed25519":              {r: signed(t, c.issue(t, key, nil))},
		"ecdsa":                {r: signed(t, c.issue(t, ec, nil))},
		"prefix taken away":    {r: func() request { r := signed(t, c.issue(t, key, nil)); r.path = "/limpet" + r.path; return r }()},
		"skew within":          {r: signed(t, at(c.issue(t, key, nil), -MaxSkew+time.Second))},
		"late":                 {r: signed(t, at(c.issue(t, key, nil), -MaxSkew-time.Second)), want: ErrClock},
		"early":                {r: signed(t, at(c.issue(t, key, nil), MaxSkew+time.Second)), want: ErrClock},
		"unsigned":             {r: request{h: http.Header{}}, want: ErrIdentity},
		"other CA":             {r: signed(t, other.issue(t, key, nil)), want: ErrIdentity},
		"expired":              {r: signed(t, c.issue(t, key, late(time.Minute))), want: ErrIdentity},
		"expired, renew":       {r: signed(t, c.issue(t, key, late(time.Minute))), expired: true},
		"expired beyond grace": {r: signed(t, c.issue(t, key, func(x *x509.Certificate) { x.NotBefore, x.NotAfter = epoch.AddDate(0, 0, -9), epoch.AddDate(0, 0, -2) })), expired: true, want: ErrIdentity},
		"not yet valid":        {r: signed(t, c.issue(t, key, func(x *x509.Certificate) { x.NotBefore = epoch.Add(time.Minute) })), want: ErrClock},
		"no URI":               {r: signed(t, c.issue(t, key, func(x *x509.Certificate) { x.URIs = nil })), want: ErrIdentity},
		"gateway's":            {r: signed(t, c.issue(t, key, func(x *x509.Certificate) { u, _ := GatewayURI("g"); x.URIs = []*url.URL{u} })), want: ErrIdentity},
		"other trust domain":   {r: signed(t, c.issue(t, key, func(x *x509.Certificate) { x.URIs[0].Host = "evil" })), want: ErrIdentity},
		"server certificate":   {r: signed(t, c.issue(t, key, func(x *x509.Certificate) { x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })), want: ErrIdentity},
		"another's key":        {r: signed(t, &Signer{Key: edKey(t), Certificate: c.issue(t, key, nil).Certificate, Now: func() time.Time { return epoch }}), want: ErrSignature},
		"body changed":         {r: func() request { r := signed(t, c.issue(t, key, nil)); r.body = []byte("bodz"); return r }(), want: ErrSignature},
		"path changed": {r: func() request {
			r := signed(t, c.issue(t, key, nil))
			r.path = "/limpet.wire.v1.Gateway/Renew"
			return r
		}(), want: ErrSignature},
		"method changed":   {r: func() request { r := signed(t, c.issue(t, key, nil)); r.method = "PUT"; return r }(), want: ErrSignature},
		"encoding changed": {r: func() request { r := signed(t, c.issue(t, key, nil)); r.h.Del("Content-Encoding"); return r }(), want: ErrSignature},
		"type changed": {r: func() request {
			r := signed(t, c.issue(t, key, nil))
			r.h.Set("Content-Type", "application/json")
			return r
		}(), want: ErrSignature},
		"time changed": {r: swap(signed(t, c.issue(t, key, nil)), HeaderSignature, func(s string) string { return strings.Replace(s, "ts=17", "ts=18", 1) }), want: ErrClock},
		"two signatures": {r: func() request {
			r := signed(t, c.issue(t, key, nil))
			r.h.Add(HeaderSignature, r.h.Get(HeaderSignature))
			return r
		}(), want: ErrSignature},
		"no certificate":      {r: func() request { r := signed(t, c.issue(t, key, nil)); r.h.Del(HeaderCertificate); return r }(), want: ErrSignature},
		"garbage certificate": {r: swap(signed(t, c.issue(t, key, nil)), HeaderCertificate, func(string) string { return "AAAA" }), want: ErrIdentity},
		"huge certificate":    {r: swap(signed(t, c.issue(t, key, nil)), HeaderCertificate, func(string) string { return strings.Repeat("A", 1<<20) }), want: ErrSignature},
		"garbage signature":   {r: swap(signed(t, c.issue(t, key, nil)), HeaderSignature, func(string) string { return "v=1,ts=,nonce=,sig=" }), want: ErrSignature},
		"version 2":           {r: swap(signed(t, c.issue(t, key, nil)), HeaderSignature, func(s string) string { return "v=2" + s[3:] }), want: ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			if err := check(c.verifier(), tt.r, tt.expired); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestVerifyClientCertificate(t *testing.T) {
	c, other := newCA(t), newCA(t)
	leaf := func(s *Signer) *tls.ConnectionState {
		x, err := x509.ParseCertificate(s.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{x}}
	}
	mine := c.issue(t, edKey(t), nil)
	renewed := c.issue(t, edKey(t), nil)
	stranger := c.issue(t, edKey(t), func(x *x509.Certificate) { x.URIs[0].Path = "/tenant/default/enforcer/micro/e-2" })
	v := c.verifier()
	if err := check(v, request{h: http.Header{}, tls: leaf(mine)}, false); err != nil {
		t.Errorf("TLS certificate alone: %v", err)
	}
	if err := check(v, request{h: http.Header{}, tls: leaf(other.issue(t, edKey(t), nil))}, false); !errors.Is(err, ErrIdentity) {
		t.Errorf("TLS certificate of another CA: %v", err)
	}
	r := signed(t, renewed)
	r.tls = leaf(mine)
	if err := check(v, r, false); err != nil {
		t.Errorf("signature with a renewed certificate on an old connection: %v", err)
	}
	r = signed(t, mine)
	r.tls = leaf(stranger)
	if err := check(v, r, false); !errors.Is(err, ErrIdentity) {
		t.Errorf("signature of one and TLS certificate of another: %v", err)
	}
}

func TestReplay(t *testing.T) {
	c := newCA(t)
	v := c.verifier()
	now := epoch
	v.Now = func() time.Time { return now }
	s := c.issue(t, edKey(t), nil)
	r := signed(t, s)
	if err := check(v, r, false); err != nil {
		t.Fatal(err)
	}
	// For as long as its time is acceptable it must be recognized, across generations.
	for now = epoch; now.Sub(epoch) <= MaxSkew; now = now.Add(10 * time.Second) {
		if err := check(v, r, false); !errors.Is(err, ErrSignature) {
			t.Fatalf("after %v: %v", now.Sub(epoch), err)
		}
	}
	now = epoch.Add(-MaxSkew)
	early := signed(t, s) // from a clock that is ahead
	for ; now.Sub(epoch) < MaxSkew; now = now.Add(time.Minute) {
		err := check(v, early, false)
		if now.Equal(epoch.Add(-MaxSkew)) {
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !errors.Is(err, ErrSignature) {
			t.Fatalf("%v after it was sent: %v", now.Sub(epoch.Add(-MaxSkew)), err)
		}
	}
}

func TestNoncesAreBounded(t *testing.T) {
	n := nonces{maxForTests: 10}
	for i := range 10 {
		if err := n.use(epoch, "e", []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.use(epoch, "e", []byte{99}); !errors.Is(err, ErrBusy) || RetryAfter(err) == 0 {
		t.Errorf("when full: %v", err)
	}
	if err := n.use(epoch, "e", []byte{3}); !errors.Is(err, ErrSignature) {
		t.Errorf("replay when full: %v", err)
	}
	if err := n.use(epoch.Add(nonceLife), "e", []byte{99}); err != nil {
		t.Errorf("after a generation: %v", err)
	}
	if err := n.use(epoch.Add(nonceLife), "e", []byte{3}); !errors.Is(err, ErrSignature) {
		t.Errorf("replay after a generation: %v", err)
	}
	if err := n.use(epoch.Add(5*nonceLife), "e", []byte{3}); err != nil {
		t.Errorf("long after: %v", err)
	}
}

// TestAdmit: what is refused for its rate is not remembered.
func TestAdmit(t *testing.T) {
	c := newCA(t)
	v := c.verifier()
	busy := true
	v.Admit = func(id Identity) error {
		if id.ID != "e-1" {
			t.Errorf("Admit was asked about %v", id)
		}
		if busy {
			return Errorf(ErrBusy, "")
		}
		return nil
	}
	r := signed(t, c.issue(t, edKey(t), nil))
	if err := check(v, r, false); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
	busy = false
	if err := check(v, r, false); err != nil {
		t.Fatal(err)
	}
}

func FuzzVerify(f *testing.F) {
	c := newCA(f)
	v := c.verifier()
	good := signed(f, c.issue(f, edKey(f), nil))
	cert, sig := good.h.Get(HeaderCertificate), good.h.Get(HeaderSignature)
	f.Add(cert, sig, good.body)
	f.Add(cert, "v=1,ts=1,nonce=AAAAAAAAAAAAAAAAAAAAAA==,sig=AA==", []byte{})
	f.Add("", sig, []byte{0})
	f.Add(strings.Repeat("A", 8000), ",,,", []byte("x"))
	f.Fuzz(func(t *testing.T, cert2, sig2 string, body []byte) {
		r := good
		r.h = http.Header{"Content-Type": {"application/proto"}, "Content-Encoding": {"zstd"}, HeaderCertificate: {cert2}, HeaderSignature: {sig2}}
		r.body = body
		if err := check(v, r, true); err == nil {
			der, _ := base64.StdEncoding.DecodeString(cert2)
			want, _ := base64.StdEncoding.DecodeString(cert)
			if sig2 != sig || !bytes.Equal(body, good.body) || !bytes.Equal(der, want) {
				t.Fatalf("accepted what nobody signed")
			}
		}
	})
}
