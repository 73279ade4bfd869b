package api

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/vulndata"
	"github.com/limpet-security/limpet/scanner/cybercenter/sample"
)

// TestVulnDatabase: what is held and what it has no data for is said, and an
// update is asked for, and recorded, by who may.
func TestVulnDatabase(t *testing.T) {
	s := newSite(t)
	admin := s.admin()
	const path, update = "/api/v1/vulnerability-database", "/api/v1/vulnerability-database/update"
	var v vulnStatusView
	admin.ok(200, "GET", path, nil).into(t, &v)
	if v.Database != nil || v.Updating || v.LastAttempt != nil || len(v.Mirrors) != 0 || v.Systems == nil {
		t.Errorf("nothing is there: %+v", v)
	}
	if a := admin.do("POST", update, nil); a.status != 409 || !strings.Contains(string(a.body), "--vuln-db-from") {
		t.Errorf("no source: %d %s", a.status, a.body)
	}

	data, err := sample.Data()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "v.db")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	s.api.VulnData = vulndata.New(vulndata.Config{Store: s.store, Path: file, Mirrors: []string{"127.0.0.1:1/limpet/db"}})
	err = s.store.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		for name, os := range map[string]string{"a": "slackware 15.0", "b": "debian 12", "c": "debian 12", "d": ""} {
			if _, err := tx.PutScan(ctx, "default", store.Scanned{Artifact: store.Artifact{Kind: "image", Name: name, OS: os}, Scan: store.Scan{ID: name, Verdict: "{}"}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = s.api.VulnData.Match(t.Context()) // the rows above have no reports to be matched
	v = vulnStatusView{}
	admin.ok(200, "GET", path, nil).into(t, &v)
	d := v.Database
	if d == nil || !d.Sample || d.Signature != "notChecked" || d.Digest == "" || d.AgeSeconds < 0 || d.Size != int64(len(data)) || len(d.Feeds) < 5 || len(d.Ecosystems) < 5 {
		t.Fatalf("%+v", d)
	}
	for _, f := range d.Feeds {
		if f.Name == "" || f.Licence == "" || f.Records == 0 {
			t.Errorf("%+v", f)
		}
	}
	got := map[string]vulnSystemView{}
	for _, o := range v.Systems {
		got[o.OS] = o
	}
	if o := got["debian 12"]; !o.Data || o.Artifacts != 2 || o.Ecosystem != "Debian:12" {
		t.Errorf("%+v", o)
	}
	if o := got["slackware 15.0"]; o.Data || o.Artifacts != 1 || !v.Systems[len(v.Systems)-1].Data {
		t.Errorf("%+v in %+v", o, v.Systems)
	}

	if a := s.as("default", access.Developer).do("POST", update, nil); a.status != 403 {
		t.Errorf("a developer: %d", a.status)
	}
	v = vulnStatusView{}
	admin.ok(200, "POST", update+"?dryRun=true", nil).into(t, &v)
	if v.Updating {
		t.Error("a dry run pulls")
	}
	admin.ok(200, "POST", update, nil).into(t, &v)
	if !v.Updating {
		t.Errorf("%+v", v)
	}
	if a := admin.ok(200, "GET", "/api/v1/audit", nil); strings.Count(string(a.body), `"vulnerability-database"`) == 0 {
		t.Errorf("no record: %s", a.body)
	}
}
