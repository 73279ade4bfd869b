package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

func testProfiles(t *testing.T, s *store.Store) {
	item := func(key, n, starts, first, last int64) store.ProfileItem {
		return store.ProfileItem{ItemKey: key, Kind: "exec", Body: `{"kind":"exec"}`, N: n, Starts: starts, FirstSeen: first, LastSeen: last}
	}
	delta := func(enforcer, boot string, sequence int64, items ...store.ProfileItem) store.ProfileDelta {
		d := store.ProfileDelta{EnforcerID: enforcer, BootID: boot, Sequence: sequence, Items: items}
		d.GroupName, d.Workload, d.Image, d.FirstSeen, d.LastSeen, d.ObservedNs, d.Dropped, d.MaxTasks = "web", "sha256:a", "nginx", 10*sequence, 10*sequence+9, 9, 1, sequence
		return d
	}
	push := func(d store.ProfileDelta, want bool) {
		t.Helper()
		update(t, s, func(ctx context.Context, tx *store.Tx) error {
			added, err := tx.AddProfile(ctx, ta, d)
			if added != want {
				t.Errorf("added %v, want %v", added, want)
			}
			return err
		})
	}
	push(delta("e1", "b1", 1, item(1, 5, 1, 10, 12), item(2, 1, 1, 11, 11)), true)
	push(delta("e1", "b1", 1, item(1, 5, 1, 10, 12), item(2, 1, 1, 11, 11)), false) // sent again
	push(delta("e1", "b1", 2, item(1, 2, 0, 20, 25)), true)
	push(delta("e1", "b1", 1, item(1, 5, 1, 10, 12)), false) // an old one, late
	push(delta("e2", "b2", 1, item(1, 1, 1, 5, 6), item(3, 1, 1, 15, 15)), true)

	rows, next, err := s.Profiles(t.Context(), ta, "web", store.Page{})
	if err != nil || len(rows) != 1 || next != "" {
		t.Fatalf("%v %q %v", rows, next, err)
	}
	p := rows[0]
	if p.Occurrences != 10 || p.Starts != 2 || p.Dropped != 3 || p.ObservedNs != 27 || p.MaxTasks != 2 || p.LastNew != 15 || p.FirstSeen != 10 || p.LastSeen != 29 {
		t.Errorf("%+v", p)
	}
	items, err := s.ProfileItems(t.Context(), ta, "web", "", time.Time{}, time.Time{})
	if err != nil || len(items) != 3 || items[0].N != 8 || items[0].Starts != 2 || items[0].FirstSeen != 5 || items[0].LastSeen != 25 {
		t.Errorf("%+v %v", items, err)
	}
	if items, _ := s.ProfileItems(t.Context(), ta, "web", "sha256:a", store.Time(20), time.Time{}); len(items) != 1 {
		t.Errorf("last seen since 20: %+v", items)
	}
	if items, _ := s.ProfileItems(t.Context(), ta, "web", "", time.Time{}, store.Time(12)); len(items) != 2 {
		t.Errorf("first seen before 12: %+v", items)
	}
	var got []int64
	for cursor := ""; ; {
		page, next, err := s.ProfileItemPage(t.Context(), ta, "web", "sha256:a", "exec", store.Page{Cursor: cursor, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page {
			got = append(got, it.ItemKey)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if len(got) != 3 || got[0] != 1 {
		t.Errorf("pages give %v", got)
	}
	defer store.BoundGroupItems(2 + store.MaxProfiles)()
	flood := func(workload string, items ...store.ProfileItem) (dropped int64, err error) {
		d := delta("e9", "boot "+workload, 1, items...)
		d.GroupName, d.Workload, d.Dropped = "flood", workload, 0
		err = s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.AddProfile(ctx, ta, d)
			return err
		})
		rows, _, _ := s.Profiles(t.Context(), ta, "flood", store.Page{Limit: store.MaxLimit})
		for _, p := range rows {
			dropped += p.Dropped
		}
		return dropped, err
	}
	for i := range store.MaxProfiles {
		if dropped, err := flood(fmt.Sprint(i), item(1, 1, 1, 5, 6)); err != nil || dropped != 0 {
			t.Fatalf("workload %d: %v, dropped %d", i, err, dropped)
		}
	}
	if _, err := flood("one more", item(1, 1, 1, 5, 6)); !errors.Is(err, store.ErrProfiles) {
		t.Errorf("a workload more than a group has: %v", err)
	}
	d := delta("e9", "again", 1, item(1, 1, 1, 5, 6), item(2, 1, 1, 5, 6), item(3, 1, 1, 5, 6), item(4, 7, 1, 5, 6))
	d.GroupName, d.Workload, d.Dropped = "flood", "7", 0
	push(d, true)
	if rows, _, err := s.Profiles(t.Context(), ta, "flood", store.Page{Cursor: "69", Limit: 1}); err != nil || len(rows) != 1 || rows[0].Dropped != 7 || rows[0].Occurrences != 4 {
		t.Errorf("things more than a group has: %+v %v", rows, err)
	}
	image := delta("e3", "b3", 1, item(1, 1, 1, 5, 6))
	image.GroupName, image.ImageDigest = "shop", "sha256:image"
	push(image, true)
	if rows, err := s.ProfilesOfImage(t.Context(), ta, "sha256:image", 10); err != nil || len(rows) != 1 || rows[0].GroupName != "shop" {
		t.Errorf("profiles of an image: %+v %v", rows, err)
	}
	if rows, _ := s.ProfilesOfImage(t.Context(), tb, "sha256:image", 10); len(rows) != 0 {
		t.Error("another tenant sees the profile of an image")
	}
	var kept []store.Artifact
	for _, digest := range []string{"sha256:image", "sha256:other", ""} {
		for _, who := range []tenant.ID{ta, tb} {
			update(t, s, func(ctx context.Context, tx *store.Tx) error {
				a, err := tx.PutScan(ctx, who, store.Scanned{Artifact: store.Artifact{Kind: "image", Name: "shop/web", Digest: digest}, Scan: store.Scan{ID: "scan of " + string(who) + digest}})
				kept = append(kept, a)
				return errors.Join(err, tx.SetJudged(ctx, who, []string{a.ID}, store.Time(1)))
			})
		}
	}
	for judged, want := range map[int64]int{1: 1, 5: 0} { // something new was seen at 5
		update(t, s, func(ctx context.Context, tx *store.Tx) error {
			return tx.SetJudged(ctx, ta, []string{kept[0].ID}, store.Time(judged))
		})
		if rows, err := s.VerdictsBehindProfiles(t.Context(), ta, time.Now(), 10); err != nil || len(rows) != want || want == 1 && rows[0].ID != kept[0].ID {
			t.Errorf("judged at %d: %+v %v", judged, rows, err)
		}
	}
	if rows, _, _ := s.Profiles(t.Context(), tb, "web", store.Page{}); len(rows) != 0 {
		t.Error("another tenant sees the profile")
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.DeleteProfiles(ctx, ta, "web")
		if n != 1 {
			t.Errorf("%d forgotten", n)
		}
		return err
	})
	push(delta("e1", "b1", 2, item(1, 2, 0, 20, 25)), false) // forgotten is not unlearned
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.DeleteProfileBootsAnyTenant(ctx, time.Now().Add(time.Hour))
	})
	push(delta("e1", "b1", 2, item(1, 2, 0, 20, 25)), true)
}

func testFindings(t *testing.T, s *store.Store) {
	now := time.Now()
	of := func(n int, item int64, verdict string, count int64) store.Event {
		e := event(ta, "e1", n)
		e.Item, e.Verdict, e.Count, e.At = item, verdict, count, now.Add(time.Duration(n)*time.Second).UnixNano()
		e.Cause = &store.Finding{Control: "drift", Rule: "drifted", Policy: "p", Image: "nginx", Executable: "/tmp/Evil", Object: "x"}
		return e
	}
	batch := []store.Event{of(1, 7, "deny", 4), of(2, 7, "audit", 1), of(3, 9, "deny", 1), of(1, 7, "deny", 4)} // one twice in a batch
	add(t, s, batch...)
	add(t, s, batch...) // and all of it again
	other := of(4, 7, "deny", 2)
	other.EnforcerID, other.GroupName = "e2", "db"
	add(t, s, other)
	foreign := of(1, 7, "deny", 100)
	foreign.Tenant = tb
	add(t, s, foreign)

	f, err := s.Finding(t.Context(), ta, 7)
	if err != nil || f.Denied != 6 || f.Audited != 1 || f.FirstSeen != batch[0].At || f.LastSeen != other.At || f.State != store.FindingOpen || f.Version != 1 {
		t.Errorf("%+v %v", f, err)
	}
	places, n, err := s.FindingPlaces(t.Context(), ta, 7, 10)
	if err != nil || n != 2 || len(places) != 2 || places[0].N != 5 || places[1].GroupName != "db" {
		t.Errorf("%+v %d %v", places, n, err)
	}
	page, err := s.Events(t.Context(), ta, store.EventFilter{Item: 7}, store.Page{})
	if err != nil || len(page.Events) != 3 {
		t.Errorf("%d events of the finding, %v", len(page.Events), err)
	}
	find := func(f store.FindingFilter) (items []int64) {
		t.Helper()
		f.Now = now
		for cursor := ""; ; {
			rows, next, err := s.Findings(t.Context(), ta, f, store.Page{Cursor: cursor, Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				items = append(items, r.Item)
			}
			if cursor = next; cursor == "" {
				return items
			}
		}
	}
	if got := find(store.FindingFilter{}); len(got) != 2 || got[0] != 7 {
		t.Errorf("%v", got)
	}
	if got := find(store.FindingFilter{Group: "db", Query: "EVIL", Control: "drift", Image: "nginx", State: "open"}); len(got) != 1 || got[0] != 7 {
		t.Errorf("%v", got)
	}
	f.State, f.Reason, f.ExpiresAt, f.SeenThen = store.FindingMuted, "known", now.Add(time.Hour).UnixNano(), 7
	update(t, s, func(ctx context.Context, tx *store.Tx) error { _, err := tx.SetFinding(ctx, ta, f); return err })
	want(t, s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error { _, err := tx.SetFinding(ctx, ta, f); return err }), store.ErrVersion)
	if got := find(store.FindingFilter{State: "muted"}); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if c, err := s.CountFindings(t.Context(), ta, now.Add(2*time.Hour)); err != nil || c["open"] != 2 || c["muted"] != 0 {
		t.Errorf("after it expired: %v %v", c, err)
	}
	later := store.FindingFilter{State: "open", Now: now.Add(2 * time.Hour)}
	for range 2 { // before and after the janitor has looked
		for _, f := range []store.FindingFilter{later, {State: "open", Now: later.Now, Query: "evil"}, {State: "open", Now: later.Now, Group: "db"}} {
			rows, next, err := s.Findings(t.Context(), ta, f, store.Page{Limit: 1})
			if err != nil || len(rows) != 1 || rows[0].Item != 7 || (next == "") != (f.Group != "") {
				t.Errorf("open again: %+v %q %v", rows, next, err)
			}
		}
		update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.OpenFindingsAnyTenant(ctx, later.Now) })
	}
	if f, err = s.Finding(t.Context(), ta, 7); err != nil || f.State != store.FindingOpen || f.Reason != "known" {
		t.Errorf("%+v %v", f, err)
	}
	f.State = store.FindingMuted
	update(t, s, func(ctx context.Context, tx *store.Tx) error { f, err = tx.SetFinding(ctx, ta, f); return err })
	add(t, s, of(5, 7, "deny", 1)) // the state stays, the count goes on
	if f, _ := s.Finding(t.Context(), ta, 7); f.State != store.FindingMuted || f.Denied != 7 || f.SeenThen != 7 {
		t.Errorf("%+v", f)
	}
	// Retention of events takes nothing from the counts.
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.DeleteOldestEventsAnyTenant(ctx)
		return err
	})
	if f, _ := s.Finding(t.Context(), ta, 7); f.Denied != 7 {
		t.Errorf("%+v", f)
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.DeleteFindingsAnyTenant(ctx, now.Add(4*time.Second))
		return err
	})
	if got := find(store.FindingFilter{}); len(got) != 1 || got[0] != 7 {
		t.Errorf("after retention: %v", got)
	}
	if _, n, _ := s.FindingPlaces(t.Context(), ta, 9, 1); n != 0 {
		t.Errorf("%d places of a finding that is gone", n)
	}
}
