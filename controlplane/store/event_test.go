package store_test

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

func methods(t reflect.Type) iter.Seq[reflect.Method] {
	return func(yield func(reflect.Method) bool) {
		for i := range t.NumMethod() {
			if !yield(t.Method(i)) {
				return
			}
		}
	}
}

func has(s, part string) bool { return strings.Contains(s, part) }

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// event makes the n-th event of an enforcer.
func event(t tenant.ID, enforcer string, n int) store.Event {
	at := epoch.Add(time.Duration(n) * time.Second)
	return store.Event{
		Tenant: t, EnforcerID: enforcer, BootID: "boot", Sequence: int64(n), ID: fmt.Sprintf("%s-%s-%d", t, enforcer, n),
		At: at.UnixNano(), ObservedAt: at.UnixNano(), ReceivedAt: at.UnixNano(), GroupName: "web", Kind: "exec",
		Verdict: []string{"allow", "audit", "deny"}[n%3], Control: []string{"drift", "outbound"}[n%2], Image: "nginx:1",
		Search: fmt.Sprintf("/tmp/tool-%d 100%% sure", n), Payload: []byte{byte(n)}, Count: 1,
	}
}

func add(t *testing.T, s *store.Store, events ...store.Event) int {
	t.Helper()
	n, err := s.AddEventsAnyTenant(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func testEvents(t *testing.T, s *store.Store) {
	ctx := t.Context()
	if n := add(t, s, event(ta, "e", 1), event(ta, "e", 2), event(ta, "e", 2), event(tb, "e", 1)); n != 3 {
		t.Errorf("%d new, want 3: the same event twice in a batch counts once", n)
	}
	if n := add(t, s, event(ta, "e", 1), event(ta, "e", 2), event(ta, "e", 3)); n != 1 {
		t.Errorf("%d new, want 1: events that were sent again", n)
	}
	if n := add(t, s); n != 0 {
		t.Errorf("%d new of none", n)
	}
	e, err := s.Event(ctx, ta, "default-e-2")
	if err != nil || !cmp.Equal(e.Payload, []byte{2}) || e.Sequence != 2 {
		t.Errorf("%+v, %v", e, err)
	}
	_, err = s.Event(ctx, tb, "default-e-2")
	want(t, err, store.ErrNotFound)
	last, err := s.LastEvent(ctx, ta)
	if err != nil || last == 0 {
		t.Fatal(last, err)
	}
	rows, upTo, err := s.EventsAfter(ctx, ta, store.EventFilter{Verdict: "deny"}, 0, 100)
	if err != nil || len(rows) != 1 || upTo != last {
		t.Errorf("%d rows up to %d (last %d), %v", len(rows), upTo, last, err)
	}
	// The same identifier from another enforcer hides nothing.
	twin := event(ta, "other", 9)
	twin.ID = "default-e-1"
	if n := add(t, s, twin); n != 1 {
		t.Error("an event was left out because of its identifier")
	}
}

func testEventPages(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var all []store.Event
	for i := 1; i <= 250; i++ {
		e := event(ta, "e", i)
		e.At = epoch.Add(time.Duration(i/4) * time.Second).UnixNano() // four share a time
		all = append(all, e)
	}
	add(t, s, all...)
	add(t, s, event(tb, "e", 1))
	var got []string
	for cursor := ""; ; {
		page, err := s.Events(ctx, ta, store.EventFilter{}, store.Page{Cursor: cursor, Limit: 37})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			got = append(got, e.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	var wanted []string
	for i := len(all) - 1; i >= 0; i-- {
		wanted = append(wanted, all[i].ID)
	}
	if d := cmp.Diff(wanted, got); d != "" {
		t.Error(d)
	}
	_, err := s.Events(ctx, ta, store.EventFilter{}, store.Page{Cursor: "nonsense"})
	want(t, err, store.ErrCursor)
}

func testEventFilters(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for i := 1; i <= 60; i++ {
		add(t, s, event(ta, fmt.Sprint("e", i%2), i))
	}
	for _, f := range []store.EventFilter{
		{Verdict: "deny"}, {Control: "drift"}, {Verdict: "deny", Control: "drift"}, {Enforcer: "e1"}, {Image: "nginx:1"}, {Image: "none"},
		{Group: "web", Verdict: "audit"}, {Kind: "exec"}, {Kind: "network"}, {Query: "TOOL-1"}, {Query: "100%"}, {Query: "%"}, {Query: "_"},
		{From: epoch.Add(10 * time.Second)}, {To: epoch.Add(10 * time.Second)},
		{From: epoch.Add(10 * time.Second), To: epoch.Add(20 * time.Second), Verdict: "deny", Query: "tool"},
		{Enforcer: "e0", Image: "nginx:1", Group: "web", Control: "drift", Verdict: "deny", Kind: "exec", Query: "tool"},
	} {
		page, err := s.Events(ctx, ta, f, store.Page{Limit: 500})
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		var got, wanted []int64
		for _, e := range page.Events {
			got = append(got, e.Sequence)
		}
		for i := 60; i >= 1; i-- {
			if e := event(ta, fmt.Sprint("e", i%2), i); f.Match(e) {
				wanted = append(wanted, e.Sequence)
			}
		}
		if d := cmp.Diff(wanted, got); d != "" || page.Next != "" {
			t.Errorf("%+v: next %q\n%s", f, page.Next, d)
		}
		if page, err := s.Events(ctx, tb, f, store.Page{}); err != nil || len(page.Events) != 0 {
			t.Errorf("%+v: other tenant sees %d events, %v", f, len(page.Events), err)
		}
	}
}

func testEventCounts(t *testing.T, s *store.Store) {
	ctx := t.Context()
	many := event(ta, "e", 2)
	many.Count = 40
	add(t, s, event(ta, "e", 1), many, event(ta, "e", 70), event(tb, "e", 2))
	add(t, s, event(ta, "e", 1), many) // again: not counted again
	rows, err := s.EventTimeline(ctx, ta, "", epoch, epoch.Add(time.Hour), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	m := time.Minute.Nanoseconds()
	if d := cmp.Diff([]store.Bucket{
		{epoch.UnixNano(), "audit", 1}, {epoch.UnixNano(), "deny", 40}, {epoch.UnixNano() + m, "audit", 1},
	}, rows); d != "" {
		t.Error(d)
	}
	for _, group := range []string{"", "web"} {
		rows, err := s.EventTimeline(ctx, ta, group, epoch.Add(30*time.Minute), epoch.Add(time.Hour), time.Hour)
		if d := cmp.Diff([]store.Bucket{{epoch.UnixNano(), "audit", 2}, {epoch.UnixNano(), "deny", 40}}, rows); d != "" || err != nil {
			t.Error(group, d, err)
		}
	}
	top, err := s.EventTop(ctx, ta, "web", "control", epoch, epoch.Add(time.Hour), 5)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]store.Top{{"drift", 41}, {"outbound", 1}}, top); d != "" {
		t.Error(d)
	}
	if _, err := s.EventTop(ctx, ta, "", "payload", epoch, epoch, 5); err == nil {
		t.Error("counted by any column")
	}
}

func testRetention(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var all []store.Event
	for i := 1; i <= 5000; i++ {
		all = append(all, event(ta, "e", i))
	}
	add(t, s, all...)
	size, err := s.InstallEventBytes(ctx, s.Dialect())
	if err != nil || size == 0 {
		t.Errorf("size %d, %v", size, err)
	}
	remove := func(f func(context.Context, *store.Tx) (int64, error)) (n int64) {
		update(t, s, func(ctx context.Context, tx *store.Tx) (err error) { n, err = f(ctx, tx); return err })
		return n
	}
	var total int64
	for {
		n := remove(func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteEventsBeforeAnyTenant(ctx, epoch.Add(2501*time.Second))
		})
		if total += n; n == 0 {
			break
		}
	}
	if total != 2500 {
		t.Errorf("%d old events went, want 2500", total)
	}
	if n := remove(func(ctx context.Context, tx *store.Tx) (int64, error) { return tx.DeleteOldestEventsAnyTenant(ctx) }); n == 0 {
		t.Error("nothing went")
	}
	page, err := s.Events(ctx, ta, store.EventFilter{}, store.Page{Limit: 1})
	if err != nil || len(page.Events) != 1 || page.Events[0].Sequence != 5000 {
		t.Errorf("the newest event went: %+v, %v", page, err)
	}
	if err := s.GiveBackSpace(ctx); err != nil {
		t.Error(err)
	}
}
