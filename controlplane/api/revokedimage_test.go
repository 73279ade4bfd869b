package api

import (
	"context"
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/bundle"
)

// revokedIn gives the digests in the newest bundle of a group, and its number.
func (s *site) revokedIn(group string) ([]string, uint64) {
	s.Helper()
	row, err := s.store.NewestBundle(s.Context(), "default", group)
	if err != nil {
		s.Fatal(err)
	}
	b, err := bundle.Verify(row.Data, []ed25519.PublicKey{s.key})
	if err != nil {
		s.Fatal(err)
	}
	return b.Revoked, b.Number
}

func TestRevokedImages(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	for _, g := range []string{"web", "db"} {
		c.ok(200, "POST", path("/groups"), map[string]any{"name": g})
	}
	all, some := "sha256:"+strings.Repeat("ab", 32), "sha256:"+strings.Repeat("cd", 32)
	err := s.store.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return tx.PutEnforcer(ctx, "default", store.Enforcer{ID: "e", GroupName: "web", Image: "shop:1", ImageDigest: all})
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]map[string]any{
		"no digest": {"digest": "shop:1", "reason": "why"}, "no reason": {"digest": all}, "short": {"digest": "sha256:ab", "reason": "why"},
		"no such group": {"digest": all, "reason": "why", "groups": []string{"nothing"}},
	} {
		if a := c.do("POST", path("/revoked-images"), body); a.status != 422 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	_, before := s.revokedIn("web")
	c.ok(200, "POST", path("/revoked-images?dryRun=true"), map[string]any{"digest": all, "reason": "CVE-2026-1"})
	if r, n := s.revokedIn("web"); len(r) != 0 || n != before {
		t.Errorf("a dry run changed the bundle: %v", r)
	}
	var v revokedImageView
	c.ok(200, "POST", path("/revoked-images"), map[string]any{"digest": all, "reason": "CVE-2026-1"}).into(t, &v)
	if v.Image != "shop:1" || v.Enforcers != 1 || v.RevokedBy != "admin" || v.RevokedAt.IsZero() || len(v.Groups) != 0 {
		t.Errorf("%+v", v)
	}
	c.ok(409, "POST", path("/revoked-images"), map[string]any{"digest": all, "reason": "again"})
	_, still := s.revokedIn("db")
	c.ok(200, "POST", path("/revoked-images"), map[string]any{"digest": some, "reason": "old", "groups": []string{"web", "web"}})
	if r, _ := s.revokedIn("web"); !slices.Equal(r, []string{all, some}) {
		t.Errorf("web: %v", r)
	}
	if r, n := s.revokedIn("db"); !slices.Equal(r, []string{all}) || n != still {
		t.Errorf("db: %v, number %d, was %d", r, n, still)
	}
	var list list[revokedImageView]
	c.ok(200, "GET", path("/revoked-images"), nil).into(t, &list)
	if len(list.Items) != 2 || list.Items[0].Reason != "CVE-2026-1" || !slices.Equal(list.Items[1].Groups, []string{"web"}) {
		t.Errorf("%+v", list)
	}
	// A group that is made later holds it from its first bundle.
	c.ok(200, "POST", path("/groups"), map[string]any{"name": "late"})
	if r, _ := s.revokedIn("late"); !slices.Equal(r, []string{all}) {
		t.Errorf("late: %v", r)
	}
	c.ok(204, "DELETE", path("/revoked-images/%s", all), nil)
	c.ok(404, "DELETE", path("/revoked-images/%s", all), nil)
	if r, _ := s.revokedIn("web"); !slices.Equal(r, []string{some}) {
		t.Errorf("web after one was restored: %v", r)
	}
	audit := string(c.ok(200, "GET", path("/audit?objectKind=image"), nil).body)
	for _, want := range []string{`"revoke"`, `"restore"`, "CVE-2026-1", `"admin"`} {
		if !strings.Contains(audit, want) {
			t.Errorf("%s is not in the record: %s", want, audit)
		}
	}
}
