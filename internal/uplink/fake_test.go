package uplink

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a gateway without a network.
type fake struct {
	profiles []*wirepb.PushProfileRequest
	t        testing.TB
	key      ed25519.PrivateKey // CA and bundle key
	ca       *x509.Certificate
	life     time.Duration // of certificates

	mu       sync.Mutex
	fail     func(call string) error // before anything happens
	lose     func() bool             // the answer to a push that was committed
	part     func() bool             // commit half of a push
	poison   func(*eventpb.Event) bool
	refuse   error // of every signed call
	tokens   map[string]bool
	enrolled int
	renewed  int
	beats    []*wirepb.HeartbeatRequest
	events   map[string]*eventpb.Event // by boot/sequence
	pushes   int
	bundle   []byte
	number   uint64
	changed  chan struct{}
	interval uint32
	forged   bool // freshness is signed for another nonce
}

func newFake(t testing.TB) *fake {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(100, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &fake{t: t, key: key, ca: ca, life: 24 * time.Hour, tokens: map[string]bool{"token": true}, events: map[string]*eventpb.Event{}, changed: make(chan struct{})}
}

// uplink is one that talks to f.
func (f *fake) uplink(change func(*Config)) *Uplink {
	f.t.Helper()
	cfg := Config{Gateway: "gw.test", Token: "token", Kind: wire.KindMicro,
		CAPEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.ca.Raw}))}
	if change != nil {
		change(&cfg)
	}
	u, err := New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	u.gw = f
	return u
}

// start runs u; stop ends it and gives Run's error.
func start(u *Uplink) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	return sync.OnceValue(func() error { cancel(); return <-done })
}

func (f *fake) certificate(csr []byte) ([]byte, error) {
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "e"}, NotBefore: time.Now(), NotAfter: time.Now().Add(f.life),
		URIs: []*url.URL{wire.Identity{Tenant: "default", Kind: wire.KindMicro, ID: "e-1"}.URI()}}
	return x509.CreateCertificate(rand.Reader, tmpl, f.ca, req.PublicKey, f.key)
}

func (f *fake) before(call string) error {
	if f.fail != nil {
		if err := f.fail(call); err != nil {
			return err
		}
	}
	if call != "enroll" {
		return f.refuse
	}
	return nil
}

func (f *fake) Enroll(_ context.Context, m *wirepb.EnrollRequest) (*wirepb.EnrollResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.before("enroll"); err != nil {
		return nil, err
	}
	if !f.tokens[m.Token] {
		return nil, wire.Errorf(wire.ErrToken, "it expired")
	}
	f.enrolled++
	c, err := f.certificate(m.Csr)
	if err != nil {
		return nil, err
	}
	return &wirepb.EnrollResponse{EnforcerId: "e-1", Tenant: "default", Group: "web", Certificate: c, BundleKeys: [][]byte{f.key.Public().(ed25519.PublicKey)}}, nil
}

func (f *fake) Renew(_ context.Context, m *wirepb.RenewRequest) (*wirepb.RenewResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.before("renew"); err != nil {
		return nil, err
	}
	f.renewed++
	c, err := f.certificate(m.Csr)
	return &wirepb.RenewResponse{Certificate: c}, err
}

func (f *fake) Heartbeat(_ context.Context, m *wirepb.HeartbeatRequest) (*wirepb.HeartbeatResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.before("heartbeat"); err != nil {
		return nil, err
	}
	f.beats = append(f.beats, m)
	return &wirepb.HeartbeatResponse{IntervalSeconds: f.interval}, nil
}

func (f *fake) PushProfile(_ context.Context, m *wirepb.PushProfileRequest) (*wirepb.PushProfileResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.before("profile"); err != nil {
		return nil, err
	}
	f.profiles = append(f.profiles, m)
	return &wirepb.PushProfileResponse{AckedSequence: m.Sequence}, nil
}

func (f *fake) publish(b string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bundle = []byte(b)
	f.number++
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fake) PullBundle(ctx context.Context, m *wirepb.PullBundleRequest) (*wirepb.PullBundleResponse, error) {
	over := time.NewTimer(time.Duration(m.WaitSeconds) * time.Second)
	defer over.Stop()
	for {
		f.mu.Lock()
		err, number, data, changed, nonce := f.before("pull"), f.number, f.bundle, f.changed, m.Nonce
		if f.forged {
			nonce = make([]byte, wire.NonceSize)
		}
		f.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if number > m.HaveNumber {
			return &wirepb.PullBundleResponse{Bundle: data, Freshness: bundle.Fresh(nonce, data, f.key)}, nil
		}
		select {
		case <-changed:
		case <-over.C:
			return &wirepb.PullBundleResponse{}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (f *fake) PushEvents(_ context.Context, m *wirepb.PushEventsRequest) (*wirepb.PushEventsResponse, error) {
	b, err := proto.Marshal(m) // the events are in bytes that m does not know
	if err != nil {
		return nil, err
	}
	var got wirepb.PushEventsRequest
	if err := proto.Unmarshal(b, &got); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.before("push"); err != nil {
		return nil, err
	}
	if err := wire.ValidatePush(&got); err != nil {
		f.t.Errorf("a batch is not valid: %v", err)
		return nil, err
	}
	if len(b) > wire.MaxPush {
		f.t.Errorf("a batch has %d bytes", len(b))
	}
	f.pushes++
	events := got.Events
	if f.poison != nil {
		for _, e := range events {
			if f.poison(e) {
				return nil, wire.Errorf(wire.ErrInvalid, "event %d", e.Sequence)
			}
		}
	}
	if len(events) > 1 && f.part != nil && f.part() {
		events = events[:len(events)/2]
	}
	for _, e := range events {
		f.events[fmt.Sprintf("%s/%d", got.BootId, e.Sequence)] = e
	}
	if f.lose != nil && f.lose() {
		return nil, wire.ErrUnavailable
	}
	return &wirepb.PushEventsResponse{AckedSequence: events[len(events)-1].Sequence}, nil
}

// set changes f while it is used.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// figures counts what arrived, and checks that each boot's sequence has no gap.
func (f *fake) figures(t testing.TB) (got, dropped uint64) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	boots := map[string]uint64{}
	for _, e := range f.events {
		boots[e.BootId] = max(boots[e.BootId], e.Sequence)
		if e.Kind == eventpb.Kind_KIND_DROPPED {
			dropped += e.GetDropped().Count
			sum := uint64(0)
			for _, n := range e.GetDropped().ByControl {
				sum += n
			}
			if sum != e.GetDropped().Count {
				t.Errorf("a report says %d and by control %d", e.GetDropped().Count, sum)
			}
		} else {
			got++
		}
	}
	for b, last := range boots {
		for i := uint64(1); i <= last; i++ {
			if f.events[fmt.Sprintf("%s/%d", b, i)] == nil {
				t.Errorf("sequence %d of %d is missing", i, last)
				return got, dropped
			}
		}
	}
	return got, dropped
}
