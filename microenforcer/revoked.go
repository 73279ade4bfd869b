package microenforcer

import (
	"errors"
	"time"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/policy"
)

// errRevoked says that the image is revoked and its group enforces.
var errRevoked = errors.New("the image is revoked: a signed bundle of its group says that it must not start")

// lateStart is how long after the start a bundle may be issued whose word about
// the image still is one about this start: the control plane is asked while the
// workload runs already, and clocks differ.
const lateStart = time.Minute

// takeRevoked keeps what a bundle that is in force says about this image.
func (p *policies) takeRevoked(b *bundle.Bundle) {
	if p.baggage != nil {
		p.revoked.Store(b.Revokes(p.baggage.Embedded.SourceDigest, p.baggage.Embedded.SourceID))
	}
	p.issued.Store(b.IssuedAt.UnixNano())
}

// startRevoked judges the start of a revoked image; an error means that it may
// not run.
func (m *micro) startRevoked() error {
	if m.cfg.HealthCheck || !m.policies.revoked.Load() {
		return nil
	}
	m.wasRevoked.Store(true)
	if m.loop.Revoked(policy.Mode(m.policies.describe().Mode), false).Kill {
		return errRevoked
	}
	return nil
}

// runsRevoked judges a workload that runs when a bundle says that its image is
// revoked. One that was revoked before it started is ended where the group
// enforces; what was revoked later runs on.
func (m *micro) runsRevoked() {
	now := m.policies.revoked.Load()
	if was := m.wasRevoked.Swap(now); was || !now {
		return
	}
	running := time.Unix(0, m.policies.issued.Load()).After(m.started.Add(lateStart))
	if m.loop.Revoked(policy.Mode(m.policies.describe().Mode), running).Kill {
		m.stopWorkload("its image is revoked")
	}
}
