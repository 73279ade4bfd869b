package gateway_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/gateway"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// caller is an enforcer by hand: it can do what an uplink never would.
func caller(t testing.TB, s *server, life time.Duration) *wire.GatewayClient {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := s.ca.SignCSR(csr, wire.Identity{Tenant: "default", Kind: wire.KindMicro, ID: "e-9", Group: "web"}, life)
	if err != nil {
		t.Fatal(err)
	}
	hc := stranger(t, s)
	hc.Transport = &wire.SigningTransport{Base: hc.Transport, Signer: func() *wire.Signer { return &wire.Signer{Key: key, Certificate: cert.Raw} }}
	return wire.NewGatewayClient(hc, "https://"+s.addr)
}

func csr(t testing.TB) []byte {
	t.Helper()
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	b, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestExpired: an expired certificate is good for Renew alone. (How long is
// tested in package wire.)
func TestExpired(t *testing.T) {
	ctl := newControl(t)
	s := serve(t, ctl, ctl.ca, gateway.Limits{RenewGrace: time.Hour})
	c := caller(t, s, time.Nanosecond)
	beat := &wirepb.HeartbeatRequest{BootId: "b"}
	if _, err := c.Heartbeat(t.Context(), beat); !errors.Is(err, wire.ErrIdentity) {
		t.Errorf("heartbeat: %v", err)
	}
	a, err := c.Renew(t.Context(), &wirepb.RenewRequest{Csr: csr(t)})
	if err != nil {
		t.Fatalf("renew: %v", err)
	}
	x, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := wire.IdentityOf(x); err != nil || id.ID != "e-9" || id.Group != "web" {
		t.Errorf("renewed as %+v, %v", id, err)
	}
}

// TestFlood: one enforcer is held to its rates, its polls and valid messages.
func TestFlood(t *testing.T) {
	ctl := newControl(t)
	s := serve(t, ctl, ctl.ca, gateway.Limits{RequestRate: 0.001, RequestBurst: 8, EventRate: 0.001, EventBurst: 10, PollsEach: 1})
	c := caller(t, s, 0)
	push := func(n int) error {
		m := &wirepb.PushEventsRequest{BootId: "b"}
		for i := range n {
			m.Events = append(m.Events, &eventpb.Event{Id: "i", Sequence: uint64(i + 1)})
		}
		_, err := c.PushEvents(t.Context(), m)
		return err
	}
	ctx, cancel := context.WithCancel(t.Context())
	polled := make(chan error, 1)
	pull := &wirepb.PullBundleRequest{Nonce: make([]byte, wire.NonceSize), WaitSeconds: 50}
	go func() { _, err := c.PullBundle(ctx, pull); polled <- err }()
	time.Sleep(100 * time.Millisecond)
	if _, err := c.PullBundle(t.Context(), pull); !errors.Is(err, wire.ErrBusy) {
		t.Errorf("second poll: %v", err)
	}
	cancel()
	if err := <-polled; !errors.Is(err, context.Canceled) {
		t.Errorf("first poll: %v", err)
	}
	if err := push(0); !errors.Is(err, wire.ErrInvalid) {
		t.Errorf("no events: %v", err)
	}
	if err := push(10); err != nil {
		t.Errorf("within the rate: %v", err)
	}
	if err := push(5); !errors.Is(err, wire.ErrBusy) || wire.RetryAfter(err) == 0 {
		t.Errorf("beyond the event rate: %v", err)
	}
	var last error
	for range 8 {
		_, last = c.Heartbeat(t.Context(), &wirepb.HeartbeatRequest{BootId: "b"})
	}
	if !errors.Is(last, wire.ErrBusy) || wire.RetryAfter(last) != wire.MaxRetryAfter {
		t.Errorf("beyond the request rate: %v after %v", last, wire.RetryAfter(last))
	}
}

// TestDrain: a gateway that stops lets its long polls go at once, with nothing
// newer.
func TestDrain(t *testing.T) {
	ctl := newControl(t)
	s := serve(t, ctl, ctl.ca, gateway.Limits{})
	c := caller(t, s, 0)
	polled := make(chan error, 1)
	go func() {
		a, err := c.PullBundle(t.Context(), &wirepb.PullBundleRequest{Nonce: make([]byte, wire.NonceSize), WaitSeconds: 50})
		if err == nil && len(a.Bundle) > 0 {
			err = errors.New("a bundle from nowhere")
		}
		polled <- err
	}()
	time.Sleep(100 * time.Millisecond)
	start := time.Now()
	s.stop()
	if err := <-polled; err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

// TestUnready: readyz follows the control plane.
func TestUnready(t *testing.T) {
	ctl := newControl(t)
	s := serve(t, ctl, ctl.ca, gateway.Limits{})
	c, hc := caller(t, s, 0), stranger(t, s)
	beat := func() { _, _ = c.Heartbeat(t.Context(), &wirepb.HeartbeatRequest{BootId: "b"}) }
	ready := func() int { st, _ := do(t, hc, http.MethodGet, "https://"+s.addr+"/readyz", nil, nil); return st }
	beat()
	if st := ready(); st != 200 {
		t.Errorf("with a control plane: %d", st)
	}
	ctl.setFail(func(string) error { return errors.New("database is away") })
	beat()
	if st := ready(); st != 503 {
		t.Errorf("without: %d", st)
	}
	ctl.setFail(nil)
	beat()
	if st := ready(); st != 200 {
		t.Errorf("with it again: %d", st)
	}
}
