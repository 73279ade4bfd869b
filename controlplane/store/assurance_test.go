package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
)

func testAssurancePolicies(t *testing.T, s *store.Store) {
	ctx := t.Context()
	add := func(name string) (a store.Policy, err error) {
		err = s.Update(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			a, err = tx.AddPolicyOf(ctx, ta, store.AssurancePolicies, store.Policy{Name: name, YAML: "y", Document: "{}", UpdatedBy: "me"})
			return err
		})
		return a, err
	}
	a, err := add("shop")
	if err != nil || a.Revision != 1 {
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
		a, err = tx.SetPolicyOf(ctx, ta, store.AssurancePolicies, a)
		return err
	})
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.SetPolicyOf(ctx, ta, store.AssurancePolicies, stale)
		return err
	}), store.ErrVersion)
	got, err := s.PolicyOf(ctx, ta, store.AssurancePolicies, "shop")
	if err != nil || got.YAML != "z" || got.Revision != 2 || got.CreatedAt != stale.CreatedAt {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = s.PolicyOf(ctx, tb, store.AssurancePolicies, "shop")
	want(t, err, store.ErrNotFound)
	// Tests are kept beside a policy, and go with it.
	tests := store.AssuranceTests{Policy: "web", YAML: "y", Reports: []byte{0, 1, 255}, Digest: "d", UpdatedBy: "me"}
	update(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
		tests, err = tx.PutAssuranceTests(ctx, ta, tests)
		return err
	})
	tests.YAML = "z"
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.PutAssuranceTests(ctx, ta, tests)
		return err
	})
	for _, stale := range []store.AssuranceTests{tests, {Policy: "web"}} {
		if err := s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.PutAssuranceTests(ctx, ta, stale)
			return err
		}); err == nil {
			t.Errorf("tests of version %d were written over others", stale.Version)
		}
	}
	if kept, err := s.AssuranceTests(ctx, ta, "web"); err != nil || kept.YAML != "z" || kept.Version != 2 || string(kept.Reports) != "\x00\x01\xff" {
		t.Errorf("%+v, %v", kept, err)
	}
	_, err = s.AssuranceTests(ctx, tb, "web")
	want(t, err, store.ErrNotFound)
	rows, next, err := s.PoliciesOf(ctx, ta, store.AssurancePolicies, store.Page{Limit: 1})
	if err != nil || len(rows) != 1 || rows[0].Name != "shop" || next == "" {
		t.Errorf("%+v, %q, %v", rows, next, err)
	}
	if rows, next, err = s.PoliciesOf(ctx, ta, store.AssurancePolicies, store.Page{Limit: 1, Cursor: next}); err != nil || len(rows) != 1 || rows[0].Name != "web" || next != "" {
		t.Errorf("%+v, %q, %v", rows, next, err)
	}
	del := func(v int64) error {
		return s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
			return tx.DeletePolicyOf(ctx, ta, store.AssurancePolicies, "shop", v)
		})
	}
	want(t, del(1), store.ErrVersion)
	if err := del(2); err != nil {
		t.Error(err)
	}
	_, err = s.PolicyOf(ctx, ta, store.AssurancePolicies, "shop")
	want(t, err, store.ErrNotFound)
}

func testExceptions(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), store.Now()
	day := int64(24 * time.Hour)
	for i, e := range []store.Exception{
		{Name: "a", State: store.ExceptionRequested, ExpiresAt: now.UnixNano() + 30*day, RequestedAs: "alice"},
		{Name: "b", State: store.ExceptionApproved, ExpiresAt: now.UnixNano() + 3*day, Document: `{"ids":["CVE-1"]}`},
		{Name: "c", State: store.ExceptionApproved, ExpiresAt: now.UnixNano() - day},
		{Name: "d", State: store.ExceptionApproved, ExpiresAt: now.UnixNano() + 90*day},
		{Name: "e", State: store.ExceptionRevoked, ExpiresAt: now.UnixNano() + 3*day},
	} {
		e.RequestedAt = int64(i)
		update(t, s, func(ctx context.Context, tx *store.Tx) error { _, err := tx.AddException(ctx, ta, e); return err })
	}
	for f, want := range map[store.ExceptionFilter]string{
		{}: "cbead", {State: store.ExceptionRequested}: "a", {State: store.ExceptionRequested, NotBy: "alice"}: "", {State: store.ExceptionApproved}: "bd",
		{State: store.ExceptionExpired}: "c", {State: store.ExceptionExpiring}: "b", {State: store.ExceptionRevoked}: "e", {Query: "cve-1"}: "b",
	} {
		f.Now, f.Soon = now, 14*24*time.Hour
		got := ""
		for cursor := ""; ; {
			rows, next, err := s.Exceptions(ctx, ta, f, store.Page{Limit: 2, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range rows {
				got += e.Name
			}
			if cursor = next; next == "" {
				break
			}
		}
		if n, err := s.CountExceptions(ctx, ta, f); got != want || n != len(want) || err != nil {
			t.Errorf("%+v: %q and %d, want %q; %v", f, got, n, want, err)
		}
	}
	b, err := s.Exception(ctx, ta, "b")
	if err != nil || b.StateAt(now) != store.ExceptionApproved || b.StateAt(now.AddDate(0, 0, 4)) != store.ExceptionExpired {
		t.Errorf("%+v, %v", b, err)
	}
	_, err = s.Exception(ctx, tb, "b")
	want(t, err, store.ErrNotFound)
	stale := b
	b.State = store.ExceptionRevoked
	update(t, s, func(ctx context.Context, tx *store.Tx) error { b, err = tx.SetException(ctx, ta, b); return err })
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { _, err := tx.SetException(ctx, ta, stale); return err }), store.ErrVersion)
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { _, err := tx.AddException(ctx, ta, b); return err }), store.ErrExists)
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteException(ctx, ta, "b", 1) }), store.ErrVersion)
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteException(ctx, ta, "b", 2) })

	// What makes verdicts stale: an exception that has expired, and a change.
	before, err := s.JudgedBefore(ctx, ta, now)
	if want := store.Time(max(now.UnixNano()-day, now.Truncate(24*time.Hour).UnixNano())); err != nil || !before.Equal(want) {
		t.Errorf("stale before %v, want %v; %v", before, want, err)
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.TouchAssurance(ctx, ta) })
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.TouchAssurance(ctx, ta) })
	if before, err = s.JudgedBefore(ctx, ta, now); err != nil || before.Before(now) {
		t.Errorf("stale before %v; %v", before, err)
	}
	if other, err := s.JudgedBefore(ctx, tb, now); err != nil || !other.Equal(now.Truncate(24*time.Hour)) {
		t.Errorf("another tenant's: %v, %v", other, err)
	}
}
