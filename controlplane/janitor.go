package controlplane

import (
	"context"
	"time"

	"github.com/limpet-security/limpet/controlplane/authority"
	"github.com/limpet-security/limpet/controlplane/store"
)

// How often the janitor works.
const (
	janitorEvery = time.Minute
	refreshEvery = 15 * time.Minute
)

// janitor removes what has had its time: ghosts, expired sessions and tokens,
// old events; and makes bundles anew that need it.
func (s *server) janitor(ctx context.Context) {
	tick := time.NewTicker(janitorEvery)
	defer tick.Stop()
	refreshed := time.Now()
	for {
		now := time.Now()
		s.must(ctx, "remove ghosts", s.removeGhosts(ctx, now))
		s.must(ctx, "remove old events", s.retain(ctx, now))
		if now.Sub(refreshed) > refreshEvery {
			s.must(ctx, "refresh bundles", s.publisher.Refresh(ctx, now))
			refreshed = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *server) must(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "cannot "+what, "error", err)
	}
}

func (s *server) removeGhosts(ctx context.Context, now time.Time) error {
	return s.store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.DeleteGhostsAnyTenant(ctx, now.Add(-s.EnforcerTTL), now.Add(-s.StoppedTTL),
			now.Add(-authority.EnforcerLifetime-renewGrace))
		if err != nil {
			return err
		}
		if n > 0 {
			s.Log.InfoContext(ctx, "enforcers forgotten", "count", n)
		}
		_, err = tx.DeleteExpiredAnyTenant(ctx, now.Add(-keepExpired))
		return err
	})
}

const (
	// renewGrace is how long after its certificate's end an enforcer may still
	// renew, with room to spare: a removal is remembered for longer.
	renewGrace = 30 * 24 * time.Hour
	// keepBoots is how long parts of a profile are told apart from ones that
	// were sent before: longer than any enforcer holds one back.
	keepBoots = 30 * 24 * time.Hour
	// keepExpired is how long expired tokens stay visible.
	keepExpired = 7 * 24 * time.Hour
)

// retain removes events that are too old, then the oldest beyond the size.
func (s *server) retain(ctx context.Context, now time.Time) error {
	var removed int64
	batch := func(f func(context.Context, *store.Tx) (int64, error)) (n int64, err error) {
		err = s.store.Update(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			n, err = f(ctx, tx)
			return err
		})
		removed += n
		return n, err
	}
	for s.RetentionAge > 0 {
		n, err := batch(func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteEventsBeforeAnyTenant(ctx, now.Add(-s.RetentionAge))
		})
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	for s.RetentionSize > 0 {
		size, err := s.store.InstallEventBytes(ctx, s.store.Dialect())
		if err != nil {
			return err
		}
		if size <= s.RetentionSize {
			break
		}
		n, err := batch(func(ctx context.Context, tx *store.Tx) (int64, error) { return tx.DeleteOldestEventsAnyTenant(ctx) })
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if err := s.store.GiveBackSpace(ctx); err != nil {
			return err
		}
	}
	err := s.store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.OpenFindingsAnyTenant(ctx, now); err != nil {
			return err
		}
		return tx.DeleteProfileBootsAnyTenant(ctx, now.Add(-keepBoots))
	})
	if err != nil {
		return err
	}
	var before time.Time
	if s.RetentionAge > 0 {
		before = now.Add(-s.RetentionAge)
	}
	for n := int64(1); n > 0; {
		err := s.store.Update(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			n, err = tx.DeleteFindingsAnyTenant(ctx, before)
			return err
		})
		if err != nil {
			return err
		}
	}
	if removed > 0 {
		s.Log.InfoContext(ctx, "old events removed", "count", removed)
	}
	return nil
}
