package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/tenant"
)

const (
	ta tenant.ID = "default"
	tb tenant.ID = "other"
)

// TestSQLite runs the conformance suite on SQLite; TestPostgres (build tag
// postgres) runs the same on a real PostgreSQL server.
func TestSQLite(t *testing.T) {
	conformance(t, func(t *testing.T) string { return storetest.SQLite(t) })
}

func conformance(t *testing.T, address func(*testing.T) string) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *store.Store)
	}{
		{"install", testInstall}, {"keys", testKeys}, {"users", testUsers}, {"sessions", testSessions}, {"tokens", testTokens},
		{"policies", testPolicies}, {"reputation lists", testReputationLists}, {"assurance policies", testAssurancePolicies}, {"inventory", testInventory}, {"scan questions", testScanQuestions}, {"inventory pages", testInventoryPages}, {"exceptions", testExceptions}, {"groups", testGroups}, {"join tokens", testJoinTokens}, {"bundles", testBundles},
		{"enforcers", testEnforcers}, {"audit", testAudit}, {"events", testEvents}, {"event pages", testEventPages},
		{"event filters", testEventFilters}, {"event counts", testEventCounts}, {"retention", testRetention}, {"dry run", testDryRun},
		{"archive", testArchive}, {"profiles", testProfiles}, {"findings", testFindings},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := address(t)
			s, err := store.Open(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			update(t, s, func(ctx context.Context, tx *store.Tx) error {
				return errors.Join(tx.InitInstall(ctx), tx.AddInstallTenant(ctx, tb))
			})
			c.run(t, s)
		})
	}
	t.Run("reopen", func(t *testing.T) {
		a := address(t)
		for range 2 {
			s, err := store.Open(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			if v, err := s.SchemaVersion(t.Context()); err != nil || v < 1 {
				t.Errorf("schema version %d, %v", v, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func update(t *testing.T, s *store.Store, f func(context.Context, *store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error %v, want %v", err, kind)
	}
}

func testInstall(t *testing.T, s *store.Store) {
	ctx := t.Context()
	first, err := s.InstallEpoch(ctx)
	if err != nil || first == 0 {
		t.Fatalf("epoch %d, %v", first, err)
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.InitInstall(ctx) })
	if again, _ := s.InstallEpoch(ctx); again != first {
		t.Errorf("a second start changed the epoch from %d to %d", first, again)
	}
	var raised uint64
	update(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
		raised, err = tx.RaiseInstallEpoch(ctx)
		return err
	})
	if raised <= first {
		t.Errorf("epoch raised from %d to %d", first, raised)
	}
	if h, err := s.InstallSetupHash(ctx); h != "" || err != nil {
		t.Errorf("setup hash %q, %v", h, err)
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetInstallSetupHash(ctx, "h") })
	if h, _ := s.InstallSetupHash(ctx); h != "h" {
		t.Errorf("setup hash %q", h)
	}
	if ids, err := s.InstallTenants(ctx); err != nil || !cmp.Equal(ids, []tenant.ID{ta, tb}) {
		t.Errorf("tenants %v, %v", ids, err)
	}
}

func testKeys(t *testing.T, s *store.Store) {
	ctx := t.Context()
	_, err := s.Key(ctx, "", "ca")
	want(t, err, store.ErrNotFound)
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.AddKey(ctx, "", "ca", []byte{0, 1, 255}) })
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.AddKey(ctx, "", "ca", []byte{2}) }), store.ErrExists)
	if b, err := s.Key(ctx, "", "ca"); err != nil || !cmp.Equal(b, []byte{0, 1, 255}) {
		t.Errorf("key %v, %v", b, err)
	}
	_, err = s.Key(ctx, ta, "ca")
	want(t, err, store.ErrNotFound)
}

func testUsers(t *testing.T, s *store.Store) {
	ctx := t.Context()
	if has, err := s.InstallHasUsers(ctx); has || err != nil {
		t.Fatalf("new install has users: %v, %v", has, err)
	}
	add := func(name string) error {
		return s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.AddUser(ctx, ta, store.User{Username: name, PasswordHash: "h", Roles: []string{"administrator", "auditor"}})
			return err
		})
	}
	for _, n := range []string{"c", "a", "b"} {
		if err := add(n); err != nil {
			t.Fatal(err)
		}
	}
	want(t, add("a"), store.ErrExists)
	var names []string
	for cursor := ""; ; {
		rows, next, err := s.Users(ctx, ta, store.Page{Cursor: cursor, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range rows {
			names = append(names, u.Username)
		}
		if cursor = next; next == "" {
			break
		}
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, names); d != "" {
		t.Error(d)
	}
	u, err := s.User(ctx, ta, "a")
	if err != nil || !cmp.Equal(u.Roles, []string{"administrator", "auditor"}) || u.Version != 1 {
		t.Fatalf("%+v, %v", u, err)
	}
	stale := u
	u.Roles = []string{"developer"}
	update(t, s, func(ctx context.Context, tx *store.Tx) (err error) { u, err = tx.SetUser(ctx, ta, u); return err })
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { _, err := tx.SetUser(ctx, ta, stale); return err }), store.ErrVersion)
	_, err = s.User(ctx, tb, "a")
	want(t, err, store.ErrNotFound)
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteUser(ctx, tb, "a") }), store.ErrNotFound)
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteUser(ctx, ta, "a") })
	_, err = s.User(ctx, ta, "a")
	want(t, err, store.ErrNotFound)
}

func testSessions(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.Now()
	put := func(hash string, end time.Time) {
		update(t, s, func(ctx context.Context, tx *store.Tx) error {
			return tx.PutSession(ctx, ta, store.Session{Username: "a", TokenHash: hash, Data: []byte("d-" + hash), ExpiresAt: end.UnixNano()})
		})
	}
	put("live", now.Add(time.Hour))
	put("dead", now.Add(-time.Second))
	found := func(hash string) bool {
		_, ok, err := s.SessionAnyTenant(ctx, hash, now)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !found("live") || found("dead") || found("none") {
		t.Error("wrong sessions found")
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.DeleteExpiredAnyTenant(ctx, now)
		if n != 1 {
			t.Errorf("%d expired rows went", n)
		}
		return err
	})
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteSessions(ctx, tb, "a") })
	if !found("live") {
		t.Error("another tenant ended the session")
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteSessions(ctx, ta, "a") })
	if found("live") {
		t.Error("session outlived its end")
	}
}

func testTokens(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.Now()
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		_, err1 := tx.AddAPIToken(ctx, ta, store.APIToken{ID: "1", Name: "ci", Hash: "h1", Roles: []string{"auditor"}})
		_, err2 := tx.AddAPIToken(ctx, ta, store.APIToken{ID: "2", Name: "old", Hash: "h2", Roles: []string{"auditor"}, ExpiresAt: now.Add(-time.Hour).UnixNano()})
		return errors.Join(err1, err2)
	})
	if a, err := s.APITokenAnyTenant(ctx, "h1", now); err != nil || a.Tenant != ta || a.Name != "ci" {
		t.Errorf("%+v, %v", a, err)
	}
	_, err := s.APITokenAnyTenant(ctx, "h2", now)
	want(t, err, store.ErrNotFound)
	rows, _, err := s.APITokens(ctx, tb, store.Page{})
	if err != nil || len(rows) != 0 {
		t.Errorf("other tenant sees %v, %v", rows, err)
	}
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteAPIToken(ctx, tb, "1") }), store.ErrNotFound)
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteAPIToken(ctx, ta, "1") })
}

func testPolicies(t *testing.T, s *store.Store) {
	ctx := t.Context()
	p := store.Policy{Name: "p", YAML: "a: 1", Document: `{"a":1}`, UpdatedBy: "x"}
	update(t, s, func(ctx context.Context, tx *store.Tx) (err error) { p, err = tx.AddPolicy(ctx, ta, p); return err })
	stale := p
	p.YAML = "a: 2"
	update(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
		p, err = tx.SetPolicyOf(ctx, ta, store.RuntimePolicies, p)
		return err
	})
	if p.Revision != 2 {
		t.Errorf("revision %d", p.Revision)
	}
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.SetPolicyOf(ctx, ta, store.RuntimePolicies, stale)
		return err
	}), store.ErrVersion)
	revs, _, err := s.RevisionsOf(ctx, ta, store.RuntimePolicies, "p", store.Page{})
	if err != nil || len(revs) != 2 || revs[0].YAML != "a: 2" || revs[1].YAML != "a: 1" {
		t.Errorf("%+v, %v", revs, err)
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.DeletePolicyOf(ctx, ta, store.RuntimePolicies, "p", 2)
	})
	p.Revision = 0
	update(t, s, func(ctx context.Context, tx *store.Tx) (err error) { p, err = tx.AddPolicy(ctx, ta, p); return err })
	if p.Revision != 3 {
		t.Errorf("a revision number was used twice: %d", p.Revision)
	}
	_, _, err = s.RevisionsOf(ctx, ta, store.RuntimePolicies, "p", store.Page{Cursor: "garbage!"})
	want(t, err, store.ErrCursor)
}

func testGroups(t *testing.T, s *store.Store) {
	ctx := t.Context()
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		for _, n := range []string{"p", "q"} {
			if _, err := tx.AddPolicy(ctx, ta, store.Policy{Name: n, YAML: n, Document: "{}"}); err != nil {
				return err
			}
		}
		return nil
	})
	g := store.Group{Name: "web", Mode: "audit", Labels: map[string]string{"a": "b"}, OnNoPolicy: "audit", Policies: []string{"q", "p"}}
	update(t, s, func(ctx context.Context, tx *store.Tx) (err error) { g, err = tx.AddGroup(ctx, ta, g); return err })
	got, err := s.Group(ctx, ta, "web")
	if err != nil || !cmp.Equal(got.Policies, []string{"q", "p"}) || !cmp.Equal(got.Labels, g.Labels) {
		t.Fatalf("%+v, %v", got, err)
	}
	_, since, err := s.PoliciesOfGroup(ctx, ta, "web")
	if err != nil || len(since) != 2 {
		t.Fatal(err)
	}
	got.Policies = []string{"p"}
	update(t, s, func(ctx context.Context, tx *store.Tx) (err error) { got, err = tx.SetGroup(ctx, ta, got); return err })
	rows, at, err := s.PoliciesOfGroup(ctx, ta, "web")
	if err != nil || len(rows) != 1 || rows[0].Name != "p" || !at[0].Equal(since[1]) {
		t.Errorf("policies %v assigned %v, want p since %v (%v)", rows, at, since[1], err)
	}
	if groups, err := s.GroupsOfPolicy(ctx, ta, "p"); err != nil || !cmp.Equal(groups, []string{"web"}) {
		t.Errorf("%v, %v", groups, err)
	}
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.DeletePolicyOf(ctx, ta, store.RuntimePolicies, "p", 1)
	}), store.ErrInUse)
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AddGroup(ctx, tb, store.Group{Name: "x", Policies: []string{"p"}})
		return err
	}), store.ErrNotFound) // the policy is another tenant's
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { _, err := tx.SetGroup(ctx, ta, g); return err }), store.ErrVersion)
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutEnforcer(ctx, ta, store.Enforcer{ID: "e", GroupName: "web", LastSeen: 1})
	})
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteGroup(ctx, ta, "web", got.Version) }), store.ErrInUse)
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(tx.RevokeEnforcer(ctx, ta, store.Revocation{ID: "e"}), tx.DeleteGroup(ctx, ta, "web", got.Version))
	})
}

func testJoinTokens(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.Now()
	add := func(id string, uses int64, end time.Time) {
		update(t, s, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.AddJoinToken(ctx, ta, store.JoinToken{ID: id, GroupName: "web", Hash: "h" + id, MaxUses: uses, ExpiresAt: end.UnixNano()})
			return err
		})
	}
	add("1", 10, now.Add(time.Hour))
	add("2", 0, now.Add(time.Hour))
	add("3", 5, now.Add(-time.Second))
	use := func(hash string) error {
		return s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
			j, err := tx.UseJoinTokenAnyTenant(ctx, hash, now)
			if err == nil && (j.Tenant != ta || j.GroupName != "web") {
				t.Errorf("%+v", j)
			}
			return err
		})
	}
	var good, bad atomic.Int32
	var all sync.WaitGroup
	for range 25 {
		all.Go(func() {
			switch err := use("h1"); {
			case err == nil:
				good.Add(1)
			case errors.Is(err, store.ErrJoinToken):
				bad.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if good.Load() != 10 || bad.Load() != 15 {
		t.Errorf("a token of 10 uses was used %d times, refused %d times", good.Load(), bad.Load())
	}
	for range 3 {
		if err := use("h2"); err != nil {
			t.Error(err)
		}
	}
	want(t, use("h3"), store.ErrJoinToken)
	want(t, use("none"), store.ErrJoinToken)
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteJoinToken(ctx, tb, "web", "2") }), store.ErrNotFound)
}

func testBundles(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var all sync.WaitGroup
	for range 10 { // numbers of changes that come at once
		all.Go(func() {
			err := s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
				if err := tx.Lock(ctx, ta, "crowd"); err != nil {
					return err
				}
				n, err := tx.NextBundleNumber(ctx, ta, "crowd", 1)
				if err != nil {
					return err
				}
				return tx.AddBundle(ctx, ta, store.Bundle{GroupName: "crowd", Epoch: 1, Number: int64(n), Data: []byte{1}, ExpiresAt: 1})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if b, err := s.NewestBundle(ctx, ta, "crowd"); err != nil || b.Number != 10 {
		t.Errorf("ten bundles at once: the newest is %d, %v", b.Number, err)
	}
	_, err := s.NewestBundle(ctx, ta, "web")
	want(t, err, store.ErrNotFound)
	for i := range 30 {
		update(t, s, func(ctx context.Context, tx *store.Tx) error {
			n, err := tx.NextBundleNumber(ctx, ta, "web", 5)
			if err != nil || n != uint64(i+1) {
				t.Fatalf("number %d, %v", n, err)
			}
			return tx.AddBundle(ctx, ta, store.Bundle{GroupName: "web", Epoch: 5, Number: int64(n), Data: []byte{1}, ExpiresAt: 1})
		})
	}
	b, err := s.NewestBundle(ctx, ta, "web")
	if err != nil || b.Number != 30 {
		t.Fatalf("%+v, %v", b, err)
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.AddBundle(ctx, ta, store.Bundle{GroupName: "web", Epoch: 6, Number: 1, Data: []byte{2}, ExpiresAt: 1})
	})
	if b, _ = s.NewestBundle(ctx, ta, "web"); b.Epoch != 6 || b.Number != 1 {
		t.Errorf("a new epoch is not newest: %d.%d", b.Epoch, b.Number)
	}
}

func testEnforcers(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.Now()
	put := func(id string, seen time.Time, stopping bool) {
		update(t, s, func(ctx context.Context, tx *store.Tx) error {
			return tx.PutEnforcer(ctx, ta, store.Enforcer{
				ID: id, GroupName: "web", Hostname: "host_" + id, Image: "nginx:1", Version: "1", LastSeen: seen.UnixNano(), FirstSeen: 7, Stopping: stopping,
				Controls: []store.ControlState{{Control: "drift", State: "enforced"}}, Facilities: map[string]string{"seccomp": "ok"},
			})
		})
	}
	put("a", now, false)
	put("b", now.Add(-time.Hour), false)
	put("c", now.Add(-time.Minute), true)
	put("a", now, false) // again: one row
	count := func(f store.EnforcerFilter) int {
		n, err := s.CountEnforcers(ctx, ta, f)
		if err != nil {
			t.Fatal(err)
		}
		rows, _, err := s.Enforcers(ctx, ta, f, store.Page{})
		if err != nil || len(rows) != n {
			t.Errorf("count %d, list %d, %v", n, len(rows), err)
		}
		return n
	}
	line := now.Add(-10 * time.Minute)
	for _, c := range []struct {
		f    store.EnforcerFilter
		want int
	}{
		{store.EnforcerFilter{}, 3}, {store.EnforcerFilter{SeenAfter: line}, 1}, {store.EnforcerFilter{SeenUntil: line}, 2},
		{store.EnforcerFilter{Query: "HOST_B"}, 1}, {store.EnforcerFilter{Query: "%"}, 0}, {store.EnforcerFilter{Query: "nginx"}, 3},
		{store.EnforcerFilter{Group: "none"}, 0},
	} {
		if n := count(c.f); n != c.want {
			t.Errorf("%+v: %d, want %d", c.f, n, c.want)
		}
	}
	if m, err := s.EnforcersByGroup(ctx, ta, line); err != nil || m["web"] != [2]int{3, 1} {
		t.Errorf("%v, %v", m, err)
	}
	if m, err := s.EnforcersByVersion(ctx, ta); err != nil || m["1"] != 3 {
		t.Errorf("%v, %v", m, err)
	}
	e, err := s.Enforcer(ctx, ta, "a")
	if err != nil || e.FirstSeen != 7 || len(e.Controls) != 1 || e.Facilities["seccomp"] != "ok" {
		t.Errorf("%+v, %v", e, err)
	}
	revoke := func(t tenant.ID) error {
		return s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
			return tx.RevokeEnforcer(ctx, t, store.Revocation{ID: "a", GroupName: "web", Reason: "lost", RevokedBy: "me"})
		})
	}
	if err := errors.Join(revoke(ta), revoke(tb)); err != nil { // another tenant's word is about its own
		t.Error(err)
	}
	want(t, revoke(ta), store.ErrExists)
	if rows, next, err := s.Revocations(ctx, ta, store.Page{}); err != nil || next != "" || len(rows) != 1 || rows[0].Reason != "lost" || rows[0].RevokedBy != "me" || rows[0].RevokedAt == 0 {
		t.Errorf("%+v, %q, %v", rows, next, err)
	}
	if gone, err := s.EnforcerRevoked(ctx, ta, "a"); !gone || err != nil {
		t.Errorf("revoked: %v, %v", gone, err)
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.DeleteGhostsAnyTenant(ctx, now.Add(-30*time.Minute), now.Add(-30*time.Second), now)
		if n != 2 {
			t.Errorf("%d ghosts went, want 2", n)
		}
		return err
	})
}

func testAudit(t *testing.T, s *store.Store) {
	ctx := t.Context()
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		for i := range 5 {
			if err := tx.AppendAudit(ctx, ta, store.AuditRecord{ID: fmt.Sprint(i), Actor: "a", Action: "update", ObjectKind: "group", ObjectName: fmt.Sprint("g", i%2)}); err != nil {
				return err
			}
		}
		return nil
	})
	rows, next, err := s.AuditRecords(ctx, ta, store.AuditFilter{ObjectName: "g0"}, store.Page{Limit: 2})
	if err != nil || len(rows) != 2 || rows[0].ID != "4" || next == "" {
		t.Fatalf("%v %q %v", rows, next, err)
	}
	rows, next, err = s.AuditRecords(ctx, ta, store.AuditFilter{ObjectName: "g0"}, store.Page{Limit: 2, Cursor: next})
	if err != nil || len(rows) != 1 || next != "" {
		t.Errorf("%v %q %v", rows, next, err)
	}
	if rows, _, _ := s.AuditRecords(ctx, tb, store.AuditFilter{}, store.Page{}); len(rows) != 0 {
		t.Errorf("other tenant sees %v", rows)
	}
}

func testDryRun(t *testing.T, s *store.Store) {
	ctx := t.Context()
	add := func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AddUser(ctx, ta, store.User{Username: "dry", Roles: []string{}})
		return err
	}
	if err := s.DryRun(ctx, add); err != nil {
		t.Fatal(err)
	}
	_, err := s.User(ctx, ta, "dry")
	want(t, err, store.ErrNotFound)
	update(t, s, add)
	want(t, s.DryRun(ctx, add), store.ErrExists)
}

// TestEveryMethodTakesTenant walks the exported methods of Reader and Tx: each
// takes a tenant after the context, or says by its name why not.
func TestEveryMethodTakesTenant(t *testing.T) {
	tenantType := reflect.TypeFor[tenant.ID]()
	for _, typ := range []reflect.Type{reflect.TypeFor[store.Reader](), reflect.TypeFor[*store.Tx](), reflect.TypeFor[*store.Store]()} {
		for m := range methods(typ) {
			switch {
			case has(m.Name, "AnyTenant"), has(m.Name, "Install"):
				continue
			case typ == reflect.TypeFor[*store.Store]() && (m.Name == "Update" || m.Name == "DryRun" || m.Name == "Ping" || m.Name == "Close" ||
				m.Name == "Dialect" || m.Name == "SchemaVersion" || m.Name == "GiveBackSpace"):
				continue
			}
			if m.Type.NumIn() < 3 || m.Type.In(2) != tenantType {
				t.Errorf("%v.%s does not take a tenant after the context", typ, m.Name)
			}
		}
	}
}
