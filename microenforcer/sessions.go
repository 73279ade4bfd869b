package microenforcer

import (
	"context"

	"github.com/limpet-security/limpet/internal/enforcer"
	"github.com/limpet-security/limpet/internal/intercept/sweep"
)

// sweep starts to look for what the filter cannot show.
func (m *micro) sweep(ctx context.Context) {
	c := sweep.Config{Judge: m.loop, Tree: m.engine, Logger: m.cfg.Logger}
	if m.baggage != nil {
		c.Probe = m.baggage.Embedded.HealthCheck
	}
	s, err := sweep.New(c)
	if err != nil {
		m.cfg.Logger.Error("processes cannot be looked at", "error", err)
		m.visits.Set(enforcer.Visit{Err: err})
		return
	}
	m.visits.Set(enforcer.Visit{Here: s.InContainer(), Marked: m.engine.Marked(), Kill: m.engine.CanKill()})
	m.tasks.Go(func() { s.Run(ctx) })
}
