package controlplane

import (
	"context"
	"time"

	"github.com/limpet-security/limpet/controlplane/inventory"
)

// rejudgeEvery is how often stale verdicts are looked for: one small question
// for each tenant.
const rejudgeEvery = 5 * time.Second

// rejudge keeps the inventory's verdicts as the policies and exceptions of today
// have them.
func (s *server) rejudge(ctx context.Context) {
	tick := time.NewTicker(rejudgeEvery)
	defer tick.Stop()
	for {
		tenants, err := s.store.InstallTenants(ctx)
		s.must(ctx, "list tenants", err)
		for _, t := range tenants {
			began := time.Now()
			n, err := inventory.Rejudge(ctx, s.store, t, s.Log)
			s.must(ctx, "judge kept reports again", err)
			if n > 0 {
				s.Log.InfoContext(ctx, "kept reports judged again", "tenant", t, "changed", n, "took", time.Since(began).Round(time.Millisecond))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
