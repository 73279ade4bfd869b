package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/finding"
)

// richReport is a report with something of everything in it.
func richReport(name, digest string, n int) *finding.Report {
	r := imageReport(name, digest, n)
	r.Artifact.Layers = []finding.Layer{{DiffID: "sha256:a", Base: true, CreatedBy: "ADD rootfs.tar /"}, {Index: 1, DiffID: "sha256:b", CreatedBy: "COPY . /app"}}
	r.Artifact.Image.Labels = map[string]string{"org.opencontainers.image.base.name": "debian:12"}
	for i := range r.Vulnerabilities {
		place := finding.Place{Path: "/var/lib/dpkg/status", Layer: r.Artifact.Layers[i%2].DiffID}
		r.Vulnerabilities[i].Place, r.Packages[i].Places = place, []finding.Place{place}
		r.Vulnerabilities[i].Why = finding.Why{Advisory: "DSA-1", Compared: "1 < 2 (deb)"}
	}
	r.Vulnerabilities[0].KEV, r.Vulnerabilities[0].EPSS = &finding.KEV{Added: "2026-01-01"}, &finding.EPSS{Score: 0.9}
	r.Vulnerabilities[0].Description = "what a publisher says"
	r.Packages[0].Licences, r.Packages[1].OwnedBy = []string{"MIT", "GPL-2.0-only"}, r.Packages[0].ID
	r.Licences = []finding.Licence{{Name: "MIT", Category: "permissive", Package: r.Packages[0].ID}, {Name: "MIT", Category: "permissive", Place: finding.Place{Path: "/LICENSE"}}}
	r.Secrets = []finding.Secret{{Rule: "aws", Title: "AWS key", Severity: finding.High, Masked: "AKIA****", Place: finding.Place{Path: "/.env", Layer: "sha256:b"}}}
	r.Suppressed = []finding.Suppressed{{ID: "CVE-2000-1", By: "vex", Reason: "not reachable"}}
	return r
}

func TestInventoryPages(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	ctx := t.Context()
	one, two := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	var first, second scannedView
	query := "?source=ci&ciSystem=gitlab&ciBranch=main&ciCommit=abc&ciBuild=17&ciUrl=https://user:secret@ci.example/17"
	c.ok(200, "POST", prefix+"/scans"+query, richReport("shop/web:1", one, 4)).into(t, &first)
	c.ok(200, "POST", prefix+"/scans?source=ci&ciUrl=javascript:alert(1)", richReport("shop/web:2", two, 3)).into(t, &second)
	id := first.Artifact.ID
	if a := first.Artifact; a.Risk != 25 || a.Repository != "shop/web" || a.Exploited != 1 { // 15 exploited, 3 likely, 4 high, 3 for a secret
		t.Errorf("%+v", a)
	}
	err := s.store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		for id, digest := range map[string]string{"e1": one, "e2": one, "e3": "sha256:never"} {
			if err := tx.PutEnforcer(ctx, "default", store.Enforcer{ID: id, GroupName: "g", ImageDigest: digest, Image: "image-" + id}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := inventory.CountRunning(ctx, s.store); err != nil {
		t.Fatal(err)
	}

	var artifacts list[artifactView]
	c.ok(200, "GET", prefix+"/artifacts?sort=risk&severity=high&repository=shop/web", nil).into(t, &artifacts)
	if len(artifacts.Items) != 2 || artifacts.Items[0].ID != id || artifacts.Items[0].Running != 2 || artifacts.Items[1].Running != 0 {
		t.Errorf("%+v", artifacts)
	}
	c.ok(200, "GET", prefix+"/artifacts?running=true", nil).into(t, &artifacts)
	if len(artifacts.Items) != 1 {
		t.Errorf("%+v", artifacts)
	}
	var repositories list[repositoryView]
	c.ok(200, "GET", prefix+"/repositories?query=SHOP", nil).into(t, &repositories)
	if len(repositories.Items) != 1 || repositories.Items[0].Artifacts != 2 || repositories.Items[0].Newest.Name != "shop/web:2" {
		t.Errorf("%+v", repositories)
	}
	var found list[foundView]
	c.ok(200, "GET", prefix+"/artifacts/"+id+"/vulnerabilities?layer=1&query=LIB", nil).into(t, &found)
	if len(found.Items) != 2 || found.Items[0].Layer != 1 {
		t.Errorf("%+v", found)
	}
	var packages list[packageView]
	c.ok(200, "GET", prefix+"/artifacts/"+id+"/packages?type=deb&query=p1", nil).into(t, &packages)
	if p := packages.Items; len(p) != 1 || p[0].Owner != "libp0" || p[0].Vulnerabilities != 1 || p[0].Path == "" || p[0].Layer != 1 {
		t.Errorf("%+v", packages)
	}
	var contents contentsView
	c.ok(200, "GET", prefix+"/artifacts/"+id+"/contents", nil).into(t, &contents)
	if contents.BaseName != "debian:12" || len(contents.Layers) != 2 || contents.Layers[1].Secrets != 1 || contents.Layers[0].Vulnerabilities.High != 2 ||
		len(contents.Licences) != 1 || contents.Licences[0].Count != 2 || len(contents.Licences[0].Examples) != 2 || contents.Totals["secrets"] != 1 || contents.Suppressed[0].By != "vex" || len(contents.Risk) != 4 {
		t.Errorf("%+v", contents)
	}
	var why explanationView
	c.ok(200, "GET", prefix+"/artifacts/"+id+"/vulnerabilities/CVE-2024-0001?package=p1", nil).into(t, &why)
	if len(why.Items) != 1 || why.Items[0].Layer.CreatedBy != "COPY . /app" || why.Items[0].Vulnerability.Why.Advisory != "DSA-1" || why.Items[0].Package.Name != "libp1" {
		t.Errorf("%+v", why)
	}
	c.ok(200, "GET", prefix+"/artifacts/"+id+"/vulnerabilities/CVE-2000-1", nil).into(t, &why)
	if len(why.Items) != 0 || len(why.Suppressed) != 1 {
		t.Errorf("%+v", why)
	}
	c.ok(404, "GET", prefix+"/artifacts/"+id+"/vulnerabilities/CVE-1", nil)
	var plan planView
	c.ok(200, "GET", prefix+"/artifacts/"+id+"/fixes", nil).into(t, &plan)
	if plan.Running != 2 || len(plan.Items) != 3 || !plan.Items[0].Base || plan.Items[0].Closes != 2 || plan.Items[0].Commands[0].Text != "FROM debian:12" {
		t.Errorf("%+v", plan)
	}
	var diff comparisonView
	c.ok(200, "GET", prefix+"/artifacts/"+id+"/compare?with="+second.Artifact.ID, nil).into(t, &diff)
	if diff.Totals["fixed"] != 1 || diff.Totals["same"] != 3 || diff.Fixed[0].ID != "CVE-2024-0003" || len(diff.Added) != 0 || diff.Packages[0].Name != "libp3" {
		t.Errorf("%+v", diff)
	}
	var workloads list[workloadView]
	c.ok(200, "GET", prefix+"/artifacts/"+id+"/workloads", nil).into(t, &workloads)
	if len(workloads.Items) != 2 {
		t.Errorf("%+v", workloads)
	}

	var scans list[scanView]
	c.ok(200, "GET", prefix+"/scans?query=MAIN", nil).into(t, &scans)
	if p := scans.Items; len(p) != 1 || p[0].Pipeline.Commit != "abc" || p[0].Pipeline.URL != "https://ci.example/17" || p[0].High != 4 || p[0].Name != "shop/web:1" {
		t.Errorf("%+v", scans)
	}
	var scan scanDetail
	c.ok(200, "GET", prefix+"/scans/"+second.Artifact.ScanID, nil).into(t, &scan)
	if scan.Pipeline.URL != "" || !json.Valid(scan.Verdict) || scan.ArtifactID != second.Artifact.ID {
		t.Errorf("%+v", scan)
	}

	var vulnerabilities list[vulnerabilityView]
	c.ok(200, "GET", prefix+"/vulnerabilities?running=true&kev=true&query=cve-2024", nil).into(t, &vulnerabilities)
	if len(vulnerabilities.Items) != 1 || vulnerabilities.Items[0].Running != 2 || vulnerabilities.Items[0].Artifacts != 2 {
		t.Errorf("%+v", vulnerabilities)
	}
	var detail vulnerabilityDetail
	c.ok(200, "GET", prefix+"/vulnerabilities/CVE-2024-0000", nil).into(t, &detail)
	if detail.Details == nil || detail.Details.Description != "what a publisher says" {
		t.Errorf("%+v", detail)
	}
	var carriers list[carrierView]
	c.ok(200, "GET", prefix+"/vulnerabilities/CVE-2024-0000/artifacts", nil).into(t, &carriers)
	if len(carriers.Items) != 2 || carriers.Items[0].Running+carriers.Items[1].Running != 2 || carriers.Items[0].FixedVersion != "2" {
		t.Errorf("%+v", carriers)
	}
	c.ok(404, "GET", prefix+"/vulnerabilities/CVE-1/artifacts", nil)

	var now inventoryView
	c.ok(200, "GET", prefix+"/inventory", nil).into(t, &now)
	if now.Now.Artifacts != 2 || now.Now.Risk != 49 || now.Now.Unscanned != 1 || len(now.Days) != 1 || now.Artifacts[0].ID != id || now.Vulnerabilities[0].ID != "CVE-2024-0000" ||
		len(now.Gaps) != 1 || now.Gaps[0].Image != "image-e3" {
		t.Errorf("%+v", now)
	}
}

// TestDownloads: every format of every download is what it says, and a cell that
// a spreadsheet would carry out is text.
func TestDownloads(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	var made scannedView
	c.ok(200, "POST", prefix+"/scans", richReport(`=HYPERLINK("http://x")`, "sha256:x", 3)).into(t, &made)
	id := made.Artifact.ID
	begins := map[string]string{"pdf": "%PDF-", "html": "<!doctype html>", "csv": "", "json": "{", "cyclonedx": "{", "spdx-json": "{", "openvex": "{", "sarif": "{", "gitlab": "{", "junit": "<?xml"}
	for format, begin := range begins {
		a := c.ok(200, "GET", prefix+"/artifacts/"+id+"/report?format="+format, nil)
		if !strings.HasPrefix(string(a.body), begin) || strings.Contains(a.header.Get("Content-Disposition"), "=H") || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment;") {
			t.Errorf("%s: %.60q, %v", format, a.body, a.header)
		}
		if begin == "{" && !json.Valid(a.body) {
			t.Errorf("%s is not JSON", format)
		}
	}
	for _, path := range []string{"/artifacts/export?kind=image&format=", "/vulnerabilities/export?severity=high&format="} {
		for _, format := range []string{"csv", "html", "pdf"} {
			a := c.ok(200, "GET", prefix+path+format, nil)
			if !strings.HasPrefix(string(a.body), begins[format]) {
				t.Errorf("%s%s: %.60q", path, format, a.body)
			}
			if format != "csv" {
				continue
			}
			lines, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll()
			if err != nil || len(lines) < 2 {
				t.Errorf("%s: %d lines, %v", path, len(lines), err)
			}
			for _, l := range lines {
				for _, cell := range l {
					if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
						t.Errorf("%s: a formula: %q", path, cell)
					}
				}
			}
		}
	}
	c.ok(422, "GET", prefix+"/artifacts/export?format=exe", nil)
}
