package api

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/learn"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// runs hands in that a workload of a tenant's image runs a program.
func (s *site) runs(t tenant.ID, digest, program string) {
	s.Helper()
	row, err := learn.What{Kind: "exec", Exe: "/bin/sh", Path: program, Origin: "image"}.Row()
	if err != nil {
		s.Fatal(err)
	}
	now := time.Now().UnixNano()
	row.N, row.Starts, row.FirstSeen, row.LastSeen = 1, 1, now, now
	d := store.ProfileDelta{EnforcerID: "e", BootID: "b", Sequence: 1, Items: []store.ProfileItem{row}}
	d.GroupName, d.Workload, d.ImageDigest, d.FirstSeen, d.LastSeen = "shop", digest, digest, now, now
	if err := s.store.Update(s.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AddProfile(ctx, t, d)
		return err
	}); err != nil {
		s.Fatal(err)
	}
}

func TestInUse(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	digest := "sha256:" + strings.Repeat("1", 64)
	report := imageReport("shop/web:1", digest, 3)
	report.Packages[1].Files = []string{"/usr/sbin/nginx"}
	var made scannedView
	c.ok(200, "POST", prefix+"/scans", report).into(t, &made)
	at := prefix + "/artifacts/" + made.Artifact.ID
	count := func(query string, packages, found int) {
		t.Helper()
		var p list[packageView]
		c.ok(200, "GET", at+"/packages?"+query, nil).into(t, &p)
		var v list[usedFoundView]
		c.ok(200, "GET", at+"/vulnerabilities?"+query, nil).into(t, &v)
		if len(p.Items) != packages || len(v.Items) != found {
			t.Errorf("%s: %+v %+v", query, p.Items, v.Items)
		}
	}
	count("inUse=yes", 0, 0)
	s.runs(secretTenant, digest, "/usr/sbin/nginx")
	count("inUse=yes", 0, 0) // another tenant's workload
	s.runs("default", digest, "/usr/sbin/nginx")
	count("inUse=yes", 1, 1)
	count("inUse=notSeen", 0, 0)
	count("", 3, 3)
	c.ok(422, "GET", at+"/packages?inUse=perhaps", nil)

	var packages list[packageView]
	c.ok(200, "GET", at+"/packages", nil).into(t, &packages)
	for _, p := range packages.Items {
		switch want := map[bool]string{true: "yes", false: "unknown"}[p.ID == "p1"]; {
		case p.InUse != want:
			t.Errorf("%s: %s, want %s", p.ID, p.InUse, want)
		case want == "unknown" && p.Evidence != nil:
			t.Errorf("%+v", p)
		case want == "yes":
			if len(p.Evidence) != 1 || p.Evidence[0].Path != "/usr/sbin/nginx" || p.Evidence[0].How != "executed" || p.Evidence[0].Group != "shop" || p.Evidence[0].LastSeen.IsZero() {
				t.Errorf("%+v", p.Evidence)
			}
		}
	}
	var found list[usedFoundView]
	c.ok(200, "GET", at+"/vulnerabilities?query=libp1", nil).into(t, &found)
	if len(found.Items) != 1 || found.Items[0].InUse != "yes" {
		t.Errorf("%+v", found.Items)
	}
}
