package controlplane

import (
	"context"
	"time"

	"github.com/limpet-security/limpet/controlplane/inventory"
)

// How often the inventory is counted.
const (
	runningEvery = time.Minute
	dayEvery     = 10 * time.Minute
)

// countInventory keeps what the lists show of running workloads, and the row of
// the day, which the dashboard draws.
func (s *server) countInventory(ctx context.Context) {
	tick := time.NewTicker(runningEvery)
	defer tick.Stop()
	var day time.Time
	for {
		s.must(ctx, "count what runs", inventory.CountRunning(ctx, s.store))
		if now := time.Now(); now.Sub(day) >= dayEvery {
			s.must(ctx, "keep the inventory's day", inventory.KeepDay(ctx, s.store))
			day = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
