package controlplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/tenant"
)

func TestJanitor(t *testing.T) {
	st, err := store.Open(t.Context(), storetest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	s := &server{store: st, Config: Config{
		Log: slog.New(slog.DiscardHandler), EnforcerTTL: time.Hour, StoppedTTL: time.Minute, RetentionAge: time.Hour, RetentionSize: -1,
	}}
	now := time.Now()
	const ta = tenant.Default
	err = st.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(
			tx.PutEnforcer(ctx, ta, store.Enforcer{ID: "alive", LastSeen: now.UnixNano()}),
			tx.PutEnforcer(ctx, ta, store.Enforcer{ID: "silent", LastSeen: now.Add(-2 * time.Hour).UnixNano()}),
			tx.PutEnforcer(ctx, ta, store.Enforcer{ID: "stopped", LastSeen: now.Add(-2 * time.Minute).UnixNano(), Stopping: true}),
			tx.PutEnforcer(ctx, ta, store.Enforcer{ID: "stopping", LastSeen: now.UnixNano(), Stopping: true}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.removeGhosts(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	rows, _, err := st.Enforcers(t.Context(), ta, store.EnforcerFilter{}, store.Page{})
	if err != nil || len(rows) != 2 || rows[0].ID != "stopping" || rows[1].ID != "alive" {
		t.Errorf("%+v, %v", rows, err)
	}

	var events []store.Event
	for i := range 6000 {
		at := now.Add(-time.Duration(i) * time.Second).UnixNano() // 3,600 of them within the hour
		events = append(events, store.Event{
			Tenant: ta, EnforcerID: "alive", BootID: "b", Sequence: int64(i + 1), ID: fmt.Sprint(i), At: at, ReceivedAt: at, Payload: make([]byte, 500),
		})
	}
	for i := len(events); i > 0; i -= 1000 { // the oldest were committed first
		if _, err := st.AddEventsAnyTenant(t.Context(), events[i-1000:i]); err != nil {
			t.Fatal(err)
		}
	}
	count := func() int {
		t.Helper()
		if err := s.retain(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		n := 0
		for cursor := ""; ; {
			page, err := st.Events(t.Context(), ta, store.EventFilter{}, store.Page{Cursor: cursor, Limit: 500})
			if err != nil {
				t.Fatal(err)
			}
			n += len(page.Events)
			if cursor = page.Next; cursor == "" {
				return n
			}
		}
	}
	if n := count(); n < 3600 || n > 3601 {
		t.Errorf("%d events are left by age, want 3600", n)
	}
	size, err := st.InstallEventBytes(t.Context(), st.Dialect())
	if err != nil {
		t.Fatal(err)
	}
	s.RetentionSize = size / 2
	if n := count(); n == 0 || n >= 3600 {
		t.Errorf("%d events are left by size", n)
	}
	if now, err := st.InstallEventBytes(t.Context(), st.Dialect()); err != nil || now > s.RetentionSize {
		t.Errorf("%d bytes are left of %d, want at most %d (%v)", now, size, s.RetentionSize, err)
	}
}
