package ingest

import (
	"context"
	"errors"
	"testing"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/wire"
)

// TestMisplaced: who claims an image of another registry, or lacks a label, is
// refused where the group enforces, and recorded.
func TestMisplaced(t *testing.T) {
	s, st := newService(t)
	token := store.JoinToken{Tenant: ta, GroupName: "shop", Prefix: "abc"}
	for _, tt := range []struct {
		mode, kind, image string
		labels            map[string]string
		want              string
		refused           bool
	}{
		{"enforce", wire.KindMicro, "registry.example.com/shop/web:1", map[string]string{"team": "a"}, "", false},
		{"enforce", wire.KindMicro, "docker.io/library/nginx:1", map[string]string{"team": "a"}, "registry", true},
		{"enforce", wire.KindMicro, "", nil, "registry", true},
		{"enforce", wire.KindMicro, "registry.example.com/shop/web:1", nil, "label", true},
		{"audit", wire.KindMicro, "docker.io/library/nginx:1", nil, "registry", false},
		{"enforce", wire.KindVM, "", nil, "", false},
	} {
		var why string
		var refused error
		err := st.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			g, err := tx.Group(ctx, ta, "shop")
			if errors.Is(err, store.ErrNotFound) {
				g, err = tx.AddGroup(ctx, ta, store.Group{Name: "shop", Mode: "audit", OnNoPolicy: "audit", Registries: []string{"registry.example.com/**"}, Required: map[string]string{"team": "*"}})
			}
			if err != nil {
				return err
			}
			g.Mode = tt.mode
			if _, err := tx.SetGroup(ctx, ta, g); err != nil {
				return err
			}
			why, refused = misplaced(ctx, tx, token, &store.Enforcer{Kind: tt.kind, Image: tt.image, Labels: tt.labels})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var m *misplacedError
		if why != tt.want || errors.As(refused, &m) != tt.refused || tt.refused && (!errors.Is(refused, wire.ErrToken) || m.rule != tt.want) {
			t.Errorf("%+v: %q, %v", tt, why, refused)
		}
		if m != nil {
			s.tellRefusal(t.Context(), token, m, "192.0.2.1")
		}
	}
	rows, _, err := st.AuditRecords(t.Context(), ta, store.AuditFilter{}, store.Page{})
	if err != nil || len(rows) != 3 || rows[0].Action != "refuse" || rows[0].Actor != "join:abc" {
		t.Errorf("%+v, %v", rows, err)
	}
}
