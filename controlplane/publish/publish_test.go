package publish

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/tenant"
)

const ta tenant.ID = "default"

type oneKey struct{ key ed25519.PrivateKey }

func (k oneKey) VerdictKey(context.Context, string) (ed25519.PrivateKey, error) { return k.key, nil }

func (k oneKey) BundleKey(context.Context, string) (ed25519.PrivateKey, error) { return k.key, nil }

type site struct {
	*testing.T
	store *store.Store
	p     *Publisher
	key   ed25519.PublicKey
}

// newSite has one group "web" with one policy "late", which enforces after
// three days.
func newSite(t *testing.T) *site {
	t.Helper()
	st, err := store.Open(t.Context(), storetest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t, st, New(st, oneKey{key}), pub}
	text := strings.Replace(string(policy.DefaultYAML()), "name: default", "name: late", 1)
	text = strings.Replace(text, "spec:\n", "spec:\n  enforceAfterDays: 3\n", 1)
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := p.YAML()
	if err != nil {
		t.Fatal(err)
	}
	s.update(func(ctx context.Context, tx *store.Tx) error {
		_, err1 := tx.AddPolicy(ctx, ta, store.Policy{Name: "late", YAML: text, Document: string(doc)})
		_, err2 := tx.AddGroup(ctx, ta, store.Group{Name: "web", Mode: "enforce", OnNoPolicy: "audit", Policies: []string{"late"}})
		return errors.Join(tx.InitInstall(ctx), err1, err2)
	})
	return s
}

func (s *site) update(f func(context.Context, *store.Tx) error) {
	s.Helper()
	if err := s.store.Update(s.Context(), f); err != nil {
		s.Fatal(err)
	}
}

func (s *site) newest() *bundle.Bundle {
	s.Helper()
	row, err := s.p.Newest(s.Context(), ta, "web")
	if err != nil {
		s.Fatal(err)
	}
	b, err := bundle.Verify(row.Data, []ed25519.PublicKey{s.key})
	if err != nil {
		s.Fatal(err)
	}
	if b.Epoch != uint64(row.Epoch) || b.Number != uint64(row.Number) {
		s.Errorf("bundle says %d.%d, row %d.%d", b.Epoch, b.Number, row.Epoch, row.Number)
	}
	return b
}

func TestNumbersAndEpochs(t *testing.T) {
	s := newSite(t)
	now := time.Now()
	refresh := func(at time.Time) *bundle.Bundle {
		t.Helper()
		if err := s.p.Refresh(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		return s.newest()
	}
	first := refresh(now)
	if first.Number != 1 || first.Tenant != "default" || first.Group != "web" || first.Policies[0].Spec.EnforceAfterDays != 3 {
		t.Errorf("%+v", first)
	}
	if again := refresh(now); again.Number != 1 {
		t.Error("a bundle was made although nothing changed")
	}
	late := refresh(now.Add(3*24*time.Hour + time.Minute))
	if late.Number != 2 || late.Policies[0].Spec.EnforceAfterDays != 0 {
		t.Errorf("after three days: number %d, enforceAfterDays %d", late.Number, late.Policies[0].Spec.EnforceAfterDays)
	}
	if old := refresh(now.Add(Life)); old.Number != 3 || !old.Expires.After(late.Expires) {
		t.Errorf("near its end: number %d, expires %v", old.Number, old.Expires)
	}
	s.update(func(ctx context.Context, tx *store.Tx) error { _, err := tx.RaiseInstallEpoch(ctx); return err })
	if restored := refresh(now.Add(Life)); restored.Epoch <= first.Epoch || restored.Number != 1 || !restored.Newer(late) {
		t.Errorf("after a restore: %d.%d, was %d.%d", restored.Epoch, restored.Number, first.Epoch, late.Number)
	}
}

func TestStageNeedsItsKey(t *testing.T) {
	s := newSite(t)
	err := s.store.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error { return s.p.Stage(ctx, tx, ta, "web") })
	if err == nil {
		t.Error("a bundle was signed by a key that was not prepared")
	}
}

func TestNextWakesEverybody(t *testing.T) {
	s := newSite(t)
	if err := s.p.Refresh(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	b := s.newest()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			got, err := s.p.Next(ctx, ta, "web", b.Epoch, b.Number)
			if err != nil || uint64(got.Number) != b.Number+1 {
				t.Errorf("%d, %v", got.Number, err)
			}
		})
	}
	s.update(func(ctx context.Context, tx *store.Tx) error {
		g, err := tx.Group(ctx, ta, "web")
		if err != nil {
			return err
		}
		g.Mode = "audit"
		if _, err := tx.SetGroup(ctx, ta, g); err != nil {
			return err
		}
		return s.p.Stage(ctx, tx, ta, "web")
	})
	s.p.Wake(ta, "web")
	all.Wait()
	if len(s.p.wait.rooms) != 0 {
		t.Errorf("%d rooms are left", len(s.p.wait.rooms))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.p.Next(ended, ta, "web", b.Epoch, b.Number+1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nothing newer: %v", err)
	}
}

func TestRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w waiters
		k := waitKey{ta, "web"}
		looks := 0
		load := func() (store.Bundle, error) { looks++; return store.Bundle{Number: int64(looks)}, nil }
		r, done := w.enter(k)
		same, done2 := w.enter(k)
		if r != same {
			t.Error("two rooms for one group")
		}
		for range 5 {
			if _, err := r.newest(load); err != nil {
				t.Error(err)
			}
		}
		if looks != 1 {
			t.Errorf("%d looks at the store, want 1", looks)
		}
		time.Sleep(lookAgain + time.Second) // another server may have written
		if _, err := r.newest(load); err != nil || looks != 2 {
			t.Errorf("%d looks, %v", looks, err)
		}
		w.wake(k)
		<-r.ch
		next, done3 := w.enter(k)
		if next == r {
			t.Error("woken and in the same room")
		}
		done()
		done2()
		done3()
		if len(w.rooms) != 0 {
			t.Errorf("%d rooms are left", len(w.rooms))
		}
	})
}
