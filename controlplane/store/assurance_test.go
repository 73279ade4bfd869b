package store_test

import (
	"context"
	"testing"

	"github.com/limpet-security/limpet/controlplane/store"
)

func testAssurancePolicies(t *testing.T, s *store.Store) {
	ctx := t.Context()
	add := func(name string) (a store.AssurancePolicy, err error) {
		err = s.Update(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			a, err = tx.AddAssurancePolicy(ctx, ta, store.AssurancePolicy{Name: name, YAML: "y", Document: "{}", UpdatedBy: "me"})
			return err
		})
		return a, err
	}
	a, err := add("shop")
	if err != nil || a.Version != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	if _, err := add("web"); err != nil {
		t.Fatal(err)
	}
	_, err = add("shop")
	want(t, err, store.ErrExists)
	stale := a
	a.YAML = "z"
	update(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = tx.SetAssurancePolicy(ctx, ta, a)
		return err
	})
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.SetAssurancePolicy(ctx, ta, stale)
		return err
	}), store.ErrVersion)
	got, err := s.AssurancePolicy(ctx, ta, "shop")
	if err != nil || got.YAML != "z" || got.Version != 2 || got.CreatedAt != stale.CreatedAt {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = s.AssurancePolicy(ctx, tb, "shop")
	want(t, err, store.ErrNotFound)
	rows, next, err := s.AssurancePolicies(ctx, ta, store.Page{Limit: 1})
	if err != nil || len(rows) != 1 || rows[0].Name != "shop" || next == "" {
		t.Errorf("%+v, %q, %v", rows, next, err)
	}
	if rows, next, err = s.AssurancePolicies(ctx, ta, store.Page{Limit: 1, Cursor: next}); err != nil || len(rows) != 1 || rows[0].Name != "web" || next != "" {
		t.Errorf("%+v, %q, %v", rows, next, err)
	}
	del := func(v int64) error {
		return s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteAssurancePolicy(ctx, ta, "shop", v) })
	}
	want(t, del(1), store.ErrVersion)
	if err := del(2); err != nil {
		t.Error(err)
	}
	_, err = s.AssurancePolicy(ctx, ta, "shop")
	want(t, err, store.ErrNotFound)
}
