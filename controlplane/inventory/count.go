package inventory

import (
	"context"

	"github.com/limpet-security/limpet/controlplane/store"
)

// CountRunning writes beside the vulnerabilities of every tenant how many
// enforcers run an image that has them. Where nothing changed nothing is written.
func CountRunning(ctx context.Context, s *store.Store) error {
	tenants, err := s.InstallTenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		changes, err := s.RunningChanges(ctx, t)
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			continue
		}
		if err := s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.SetRunning(ctx, t, changes) }); err != nil {
			return err
		}
	}
	return nil
}

// KeepDay counts the inventory of every tenant into the row of today.
func KeepDay(ctx context.Context, s *store.Store) error {
	tenants, err := s.InstallTenants(ctx)
	if err != nil {
		return err
	}
	oldest := store.Now().AddDate(0, 0, -store.KeptDays).Format("2006-01-02")
	for _, t := range tenants {
		day, err := s.InventoryNow(ctx, t)
		if err != nil {
			return err
		}
		if day.Artifacts == 0 && day.Running == 0 {
			continue
		}
		if err := s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.PutInventoryDay(ctx, t, day, oldest) }); err != nil {
			return err
		}
	}
	return nil
}
