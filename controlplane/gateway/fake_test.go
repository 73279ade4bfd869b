package gateway_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/authority"
	"github.com/limpet-security/limpet/controlplane/gateway"
	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/uplink"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// memKeys is a KeyStore in memory.
type memKeys struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (k *memKeys) LoadKey(_ context.Context, tenant, name string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, ok := k.m[tenant+"/"+name]
	if !ok {
		return nil, authority.ErrNoKey
	}
	return b, nil
}

func (k *memKeys) SaveKey(_ context.Context, tenant, name string, b []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.m[tenant+"/"+name]; ok {
		return authority.ErrKeyExists
	}
	if k.m == nil {
		k.m = map[string][]byte{}
	}
	k.m[tenant+"/"+name] = b
	return nil
}

// control is a control plane in memory.
type control struct {
	ca  *authority.Authority
	key ed25519.PrivateKey

	mu       sync.Mutex
	tokens   map[string]int // uses left
	revoked  map[string]bool
	enrolled int
	renewed  int
	beats    []*wirepb.HeartbeatRequest
	bundle   []byte
	number   uint64
	changed  chan struct{}
	events   map[string]*eventpb.Event // by enforcer/boot/sequence
	twice    int                       // events that came again
	fail     func(call string) error
}

func newControl(t testing.TB) *control {
	t.Helper()
	ca, err := authority.Open(t.Context(), &memKeys{}, authority.NewMaster([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ca.BundleKey(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	return &control{ca: ca, key: key, tokens: map[string]int{"good-token": 1000}, revoked: map[string]bool{},
		changed: make(chan struct{}), events: map[string]*eventpb.Event{}}
}

func (c *control) failing(call string) error {
	c.mu.Lock()
	f := c.fail
	c.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(call)
}

func (c *control) setFail(f func(string) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = f
}

func (c *control) Enroll(_ context.Context, m *wirepb.ControlEnrollRequest) (*wirepb.EnrollResponse, error) {
	if err := c.failing("enroll"); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	left, ok := c.tokens[m.Request.Token]
	switch {
	case !ok:
		return nil, wire.Errorf(wire.ErrToken, "no such token")
	case left == 0:
		return nil, wire.Errorf(wire.ErrToken, "it expired or was used up")
	}
	c.tokens[m.Request.Token]--
	c.enrolled++
	id := wire.Identity{Tenant: "default", Kind: m.Request.Kind, ID: fmt.Sprintf("e-%d", c.enrolled), Group: "web"}
	cert, err := c.ca.SignCSR(m.Request.Csr, id, 0)
	if err != nil {
		return nil, err
	}
	return &wirepb.EnrollResponse{EnforcerId: id.ID, Certificate: cert.Raw, Ca: c.ca.Certificate().Raw, NotAfterNs: cert.NotAfter.UnixNano(),
		Tenant: id.Tenant, Group: id.Group, BundleKeys: [][]byte{c.key.Public().(ed25519.PublicKey)}}, nil
}

func (c *control) known(i *wirepb.Identity) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.revoked[i.EnforcerId] {
		return wire.Errorf(wire.ErrIdentity, "this enforcer was removed")
	}
	return nil
}

func (c *control) Renew(_ context.Context, m *wirepb.ControlRenewRequest) (*wirepb.RenewResponse, error) {
	if err := errors.Join(c.failing("renew"), c.known(m.Identity)); err != nil {
		return nil, err
	}
	cert, err := c.ca.SignCSR(m.Request.Csr, wire.Identity{Tenant: m.Identity.Tenant, Kind: m.Identity.Kind, ID: m.Identity.EnforcerId, Group: m.Identity.Group}, 0)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renewed++
	return &wirepb.RenewResponse{Certificate: cert.Raw, NotAfterNs: cert.NotAfter.UnixNano()}, nil
}

func (c *control) Heartbeat(_ context.Context, m *wirepb.ControlHeartbeatRequest) (*wirepb.HeartbeatResponse, error) {
	if err := errors.Join(c.failing("heartbeat"), c.known(m.Identity)); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beats = append(c.beats, m.Request)
	return &wirepb.HeartbeatResponse{NewestNumber: c.number, IntervalSeconds: 30}, nil
}

func (c *control) publish(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	c.bundle = b
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *control) PullBundle(ctx context.Context, m *wirepb.ControlPullBundleRequest) (*wirepb.PullBundleResponse, error) {
	if err := errors.Join(c.failing("pull"), c.known(m.Identity)); err != nil {
		return nil, err
	}
	over := time.After(time.Duration(m.Request.WaitSeconds) * time.Second)
	for {
		c.mu.Lock()
		number, data, changed := c.number, c.bundle, c.changed
		c.mu.Unlock()
		if number > m.Request.HaveNumber {
			return &wirepb.PullBundleResponse{Bundle: data, Freshness: bundle.Fresh(m.Request.Nonce, data, c.key)}, nil
		}
		select {
		case <-changed:
		case <-over:
			return &wirepb.PullBundleResponse{}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *control) PushEvents(_ context.Context, m *wirepb.ControlPushEventsRequest) (*wirepb.PushEventsResponse, error) {
	if err := errors.Join(c.failing("push"), c.known(m.Identity)); err != nil {
		return nil, err
	}
	c.mu.Lock()
	for _, e := range m.Request.Events {
		k := fmt.Sprintf("%s/%s/%d", m.Identity.EnforcerId, e.BootId, e.Sequence)
		if _, ok := c.events[k]; ok {
			c.twice++
		}
		c.events[k] = e
	}
	c.mu.Unlock()
	if err := c.failing("pushed"); err != nil { // committed, and the answer is lost
		return nil, err
	}
	return &wirepb.PushEventsResponse{AckedSequence: m.Request.Events[len(m.Request.Events)-1].Sequence}, nil
}

func (c *control) PushProfile(_ context.Context, m *wirepb.ControlPushProfileRequest) (*wirepb.PushProfileResponse, error) {
	if err := errors.Join(c.failing("profile"), c.known(m.Identity)); err != nil {
		return nil, err
	}
	return &wirepb.PushProfileResponse{AckedSequence: m.Request.Sequence}, nil
}

// figures counts what arrived: events that were recorded, and the drops reported.
func (c *control) figures() (got int, dropped uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		if e.Kind == eventpb.Kind_KIND_DROPPED {
			dropped += e.GetDropped().Count
		} else {
			got++
		}
	}
	return got, dropped
}

// server is a gateway on a loopback port that can be stopped and started again.
type server struct {
	t    testing.TB
	ctl  wire.ControlService
	ca   *authority.Authority
	lim  gateway.Limits
	addr string
	gw   *gateway.Gateway
	stop func()
}

func serve(t testing.TB, ctl wire.ControlService, ca *authority.Authority, lim gateway.Limits) *server {
	s := &server{t: t, ctl: ctl, ca: ca, lim: lim, addr: "127.0.0.1:0"}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *server) start() {
	s.t.Helper()
	gw, err := gateway.New(gateway.Config{Control: s.ctl, CA: s.ca.Certificate(), Limits: s.lim, Logger: slog.New(slog.NewTextHandler(s.t.Output(), nil))})
	if err != nil {
		s.t.Fatal(err)
	}
	s.gw = gw
	tc, err := s.ca.ServerTLS("127.0.0.1", "localhost")
	if err != nil {
		s.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- gw.Serve(ctx, ln, tc) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Serve: %v", err)
		}
	})
}

// link runs an uplink until the test ends.
func link(t testing.TB, s *server, change func(*uplink.Config)) *uplink.Uplink {
	t.Helper()
	cfg := uplink.Config{Gateway: s.addr, CAPEM: string(s.ca.CAPEM()), Token: "good-token", Kind: wire.KindMicro, Version: "1.0.0", Hostname: "box",
		Queue:  uplink.Limits{Linger: 10 * time.Millisecond},
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if change != nil {
		change(&cfg)
	}
	u, err := uplink.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Logf("Run: %v", err)
		}
	})
	return u
}

func wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
