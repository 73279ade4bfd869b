package uplink

import (
	"context"
	"net/url"

	"crypto/x509"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// Uplink is one enforcer's link. Make it with New, run it with Run.
type Uplink struct {
	cfg  Config
	url  *url.URL
	pool *x509.CertPool
}

// New checks the configuration. It opens no connection.
func New(cfg Config) (*Uplink, error) {
	u, pool, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	return &Uplink{cfg: cfg, url: u, pool: pool}, nil
}

// Record queues an event; it takes the event over. It never blocks. It sets
// boot_id and sequence, and cuts and cleans text (wire.CleanEvent).
func (u *Uplink) Record(*eventpb.Event) {}

// Run keeps the link until ctx ends, then returns nil. It returns an error
// only if going on is useless: wire.ErrToken (the join token is unknown,
// expired or used up) or wire.ErrIdentity (removed by a person). The enforcer
// goes on without it; Record keeps counting.
func (u *Uplink) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Flush sends all that is queued and a last heartbeat that says stopping, while
// Run is running. It returns when all is acknowledged, or with an error that
// says how much is left when ctx ends. What is left stays in the spool if
// there is one.
func (u *Uplink) Flush(ctx context.Context) error { return nil }

// Stats is the present state.
func (u *Uplink) Stats() Stats { return Stats{} }
