package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// PullBundle answers with a newer bundle at once, or as soon as there is one,
// or with nothing when the wait is over. Either answer is signed over the
// caller's nonce.
func (s *Service) PullBundle(ctx context.Context, m *wirepb.ControlPullBundleRequest) (*wirepb.PullBundleResponse, error) {
	t, e, err := s.who(ctx, m.GetIdentity())
	if err != nil {
		return nil, refused(err)
	}
	r := m.GetRequest()
	if err := s.Publisher.Prepare(ctx, t); err != nil {
		return nil, refused(err)
	}
	key, err := s.Publisher.Key(t)
	if err != nil {
		return nil, refused(err)
	}
	wait, cancel := context.WithTimeout(ctx, min(time.Duration(r.GetWaitSeconds())*time.Second, wire.MaxWait))
	defer cancel()
	s.metrics.polls.Inc()
	defer s.metrics.polls.Dec()
	b, err := s.Publisher.Next(wait, t, e.GroupName, r.GetHaveEpoch(), r.GetHaveNumber())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, refused(err)
	}
	if err == nil && m.Identity != nil {
		// The enforcer may have been removed while it waited.
		if _, _, err := s.who(context.WithoutCancel(ctx), m.Identity); err != nil {
			return nil, refused(err)
		}
	}
	return &wirepb.PullBundleResponse{Bundle: b.Data, Freshness: bundle.Fresh(r.GetNonce(), b.Data, key)}, nil
}
