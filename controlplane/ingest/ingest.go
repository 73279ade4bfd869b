package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/limpet-security/limpet/controlplane/authority"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/publish"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// Config is what the service stands on. Store, Authority, Publisher and Hub
// are required.
type Config struct {
	Store     *store.Store
	Authority *authority.Authority
	Publisher *publish.Publisher
	Hub       *events.Hub
	Log       *slog.Logger
	Interval  time.Duration // between heartbeats; 0: 30 s
	Lifetime  time.Duration // of certificates; 0: authority.EnforcerLifetime
	Metrics   prometheus.Registerer
}

// Service implements wire.ControlService. Run must be running.
type Service struct {
	Config
	queue   chan *push
	metrics metrics

	mu    sync.Mutex
	beats map[beatKey]store.Enforcer // guarded by mu; newest heartbeat of each enforcer, not yet written
	ended bool                       // guarded by mu
}

var _ wire.ControlService = (*Service)(nil)

// New makes a service.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Interval == 0 {
		c.Interval = 30 * time.Second
	}
	return &Service{Config: c, queue: make(chan *push, queued), beats: map[beatKey]store.Enforcer{}, metrics: newMetrics(c.Metrics)}
}

// Run commits until ctx ends, then writes what has been handed over and
// returns.
func (s *Service) Run(ctx context.Context) error {
	var both sync.WaitGroup
	both.Go(func() { s.commitLoop(ctx) })
	both.Go(func() { s.beatLoop(ctx) })
	both.Wait()
	return nil
}

// who resolves an identity: the enforcer's row, or one made from the
// certificate if the row was removed because the enforcer was silent. A
// person's removal is ErrIdentity.
func (s *Service) who(ctx context.Context, id *wirepb.Identity) (tenant.ID, store.Enforcer, error) {
	t, err := tenant.Parse(id.GetTenant())
	if err != nil || id.GetEnforcerId() == "" {
		return "", store.Enforcer{}, wire.Errorf(wire.ErrIdentity, "the certificate names no enforcer of this install")
	}
	e, err := s.Store.Enforcer(ctx, t, id.EnforcerId)
	if err == nil {
		return t, e, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", store.Enforcer{}, err
	}
	revoked, err := s.Store.EnforcerRevoked(ctx, t, id.EnforcerId)
	if err != nil {
		return "", store.Enforcer{}, err
	}
	if revoked {
		return "", store.Enforcer{}, wire.Errorf(wire.ErrIdentity, "this enforcer has been removed")
	}
	return t, store.Enforcer{
		Tenant: t, ID: id.EnforcerId, GroupName: id.Group, Kind: kindOf(id.Certificate), FirstSeen: time.Now().UnixNano(),
	}, nil
}

// refused wraps an error of the store that an enforcer must not see.
func refused(err error) error {
	var w *wire.Error
	if errors.As(err, &w) || errors.Is(err, wire.ErrInvalid) {
		return err
	}
	return fmt.Errorf("cannot serve enforcer: %w", err)
}
