package store_test

import (
	"context"
	"testing"

	"github.com/limpet-security/limpet/controlplane/store"
)

func testReputationLists(t *testing.T, s *store.Store) {
	ctx := t.Context()
	add := func(name string) (l store.ReputationList) {
		update(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
			l, err = tx.AddReputationList(ctx, ta, store.ReputationList{Name: name, Format: "text", Content: "192.0.2.1\n", Packed: []byte{1, 0, 255}, Digest: "d", Entries: 1})
			return err
		})
		return l
	}
	l := add("bad")
	add("worse")
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AddReputationList(ctx, ta, store.ReputationList{Name: "bad", Packed: []byte{1}})
		return err
	}), store.ErrExists)
	stale := l
	l.Content, l.Packed, l.Description = "192.0.2.2\n", []byte{1, 2}, "of today"
	update(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
		l, err = tx.SetReputationList(ctx, ta, l)
		return err
	})
	got, err := s.ReputationList(ctx, ta, "bad")
	if err != nil || got.Version != 2 || got.Content != "192.0.2.2\n" || got.Packed != nil || got.CreatedAt != stale.CreatedAt || got.Description != "of today" {
		t.Errorf("%+v, %v", got, err)
	}
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.SetReputationList(ctx, ta, stale)
		return err
	}), store.ErrVersion)
	rows, next, err := s.ReputationLists(ctx, ta, store.Page{Limit: 1})
	if err != nil || len(rows) != 1 || rows[0].Name != "bad" || rows[0].Content != "" || next == "" {
		t.Errorf("%+v, %q, %v", rows, next, err)
	}
	rows, next, err = s.ReputationLists(ctx, ta, store.Page{Limit: 1, Cursor: next})
	if err != nil || len(rows) != 1 || rows[0].Name != "worse" || next != "" {
		t.Errorf("%+v, %q, %v", rows, next, err)
	}
	packed, err := s.PackedLists(ctx, ta, []string{"worse", "gone", "bad"})
	if err != nil || len(packed) != 2 || packed[0].Name != "bad" || string(packed[0].Packed) != "\x01\x02" {
		t.Errorf("%+v, %v", packed, err)
	}
	if none, err := s.PackedLists(ctx, tb, []string{"worse", "bad"}); err != nil || len(none) != 0 {
		t.Errorf("another tenant is given %+v, %v", none, err)
	}
	_, err = s.ReputationList(ctx, tb, "bad")
	want(t, err, store.ErrNotFound)
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		for name, doc := range map[string]string{"one": `{"lists":["bad"]}`, "two": `{"lists":["bad-hosts"]}`, "three": `{"a":"b"}`} {
			if _, err := tx.AddPolicy(ctx, ta, store.Policy{Name: name, Document: doc}); err != nil {
				return err
			}
		}
		return nil
	})
	naming, err := s.PoliciesNaming(ctx, ta, "bad")
	if err != nil || len(naming) != 1 || naming[0].Name != "one" {
		t.Errorf("%+v, %v", naming, err)
	}
	del := func(v int64) error {
		return s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteReputationList(ctx, ta, "bad", v) })
	}
	want(t, del(1), store.ErrVersion)
	if err := del(2); err != nil {
		t.Error(err)
	}
	_, err = s.ReputationList(ctx, ta, "bad")
	want(t, err, store.ErrNotFound)
}
