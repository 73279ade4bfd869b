package seed

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// registries adds two registries and waits until each was looked through: the
// one on loopback, of which shop's tags are chosen, and one at whose address
// nobody answers.
func (s *seeder) registries(ctx context.Context) error {
	plain := map[string]any{"insecure": true}
	for _, r := range []map[string]any{
		{"name": "harbour", "description": "Images of the shop", "spec": map[string]any{
			"type": "generic", "address": "http://" + s.registry, "tls": plain, "schedule": map[string]any{"daily": "03:30", "timeZone": "Asia/Tokyo"},
			"select":  map[string]any{"repositories": map[string]any{"include": []string{"shop/**"}}, "newest": 5},
			"webhook": map[string]any{"sender": "distribution"},
		}},
		{"name": "old-harbor", "description": "Until the move is done", "spec": map[string]any{
			"type": "harbor", "address": "http://127.0.0.1:1", "tls": plain, "schedule": map[string]any{"every": "7d"},
		}},
	} {
		if err := s.looked(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// looked adds a registry and waits until it was looked through once.
func (s *seeder) looked(ctx context.Context, body map[string]any) error {
	var r struct {
		ID, State string
		Syncing   bool
	}
	if _, err := s.api.Do(ctx, http.MethodPost, "/registries", "", body, &r); err != nil {
		return fmt.Errorf("cannot add registry: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for r.State == "new" || r.Syncing {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("registry %v was not looked through: %w", body["name"], ctx.Err())
		}
		if _, err := s.api.Do(ctx, http.MethodGet, "/registries/"+r.ID, "", nil, &r); err != nil {
			return fmt.Errorf("cannot read registry: %w", err)
		}
	}
	return nil
}
