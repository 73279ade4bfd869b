package controlplane

import (
	"context"
	"time"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// rejudgeEvery is how often stale verdicts are looked for: one small question
// for each tenant.
const rejudgeEvery = 5 * time.Second

// rescanEvery is how often images that policies want scanned again are looked for.
const rescanEvery = 10 * time.Minute

// rejudge keeps the inventory's verdicts as the policies and exceptions of today
// have them.
func (s *server) rejudge(ctx context.Context) {
	s.everyTenant(ctx, rejudgeEvery, func(t tenant.ID) {
		began := time.Now()
		n, err := inventory.Rejudge(ctx, s.store, t, s.Log)
		s.must(ctx, "judge kept reports again", err)
		if n > 0 {
			s.Log.InfoContext(ctx, "kept reports judged again", "tenant", t, "changed", n, "took", time.Since(began).Round(time.Millisecond))
		}
	})
}

// rescan queues what policies want scanned again.
func (s *server) rescan(ctx context.Context) {
	s.everyTenant(ctx, rescanEvery, func(t tenant.ID) {
		n, err := s.scans.RescanDue(ctx, t, store.Now())
		s.must(ctx, "queue images that policies want scanned again", err)
		if n > 0 {
			s.Log.InfoContext(ctx, "images queued that policies want scanned again", "tenant", t, "images", n)
		}
	})
}

// everyTenant does something for each tenant, now and then every so often.
func (s *server) everyTenant(ctx context.Context, every time.Duration, do func(tenant.ID)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		tenants, err := s.store.InstallTenants(ctx)
		s.must(ctx, "list tenants", err)
		for _, t := range tenants {
			do(t)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
