package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/finding"
)

// imageReport is a report of an image with n vulnerabilities.
func imageReport(name, digest string, n int) *finding.Report {
	r := &finding.Report{
		Schema: 1, Scanner: "test", Artifact: finding.Artifact{Kind: finding.KindImage, Name: name, Digest: digest, Image: &finding.Config{User: "app"}},
		Integrity: finding.Integrity{Verdict: finding.Complete}, Database: &finding.Database{Digest: "d", Built: store.Now(), Schema: 1},
	}
	for i := range n {
		id := fmt.Sprint("p", i)
		r.Packages = append(r.Packages, finding.Package{ID: id, Type: finding.Deb, Name: "lib" + id, Version: "1"})
		r.Vulnerabilities = append(r.Vulnerabilities, finding.Vulnerability{
			ID: fmt.Sprintf("CVE-2024-%04d", i), Package: id, Name: "lib" + id, Version: "1", Type: finding.Deb, Severity: finding.High, FixedVersion: "2",
		})
	}
	return r
}

func TestInventory(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	digest := "sha256:" + strings.Repeat("ab", 32)
	c.ok(422, "POST", prefix+"/scans", json.RawMessage(`{}`))
	c.ok(422, "POST", prefix+"/scans", json.RawMessage(`{"schema":1,"artifact":{"kind":"image"}}`))
	var made scannedView
	c.ok(200, "POST", prefix+"/scans?source=ci&dryRun=true", imageReport("shop/web:1", digest, 3))
	c.ok(200, "POST", prefix+"/scans?source=ci", imageReport("shop/web:1", digest, 3)).into(t, &made)
	if made.Artifact.Vulnerabilities.High != 3 || made.Artifact.Vulnerabilities.Fixable != 3 || made.Artifact.Packages != 3 || made.Verdict.Result != "pass" {
		t.Errorf("%+v", made)
	}
	id := made.Artifact.ID
	var all list[artifactView]
	c.ok(200, "GET", prefix+"/artifacts?vulnerability=CVE-2024-0001", nil).into(t, &all)
	if len(all.Items) != 1 || all.Items[0].ID != id || all.Items[0].Source != "ci" {
		t.Errorf("%+v", all)
	}
	var v vulnerabilityView
	c.ok(200, "GET", prefix+"/vulnerabilities/CVE-2024-0002", nil).into(t, &v)
	if v.Artifacts != 1 || v.Severity != "high" || !v.Fixable {
		t.Errorf("%+v", v)
	}
	c.ok(404, "GET", prefix+"/vulnerabilities/CVE-1", nil)
	c.ok(404, "GET", prefix+"/vulnerabilities/CVE-1/workloads", nil)

	// The report comes back as it was sent, newest and older.
	c.ok(200, "POST", prefix+"/scans", imageReport("shop/web:1", digest, 1))
	var detail artifactDetail
	c.ok(200, "GET", prefix+"/artifacts/"+id, nil).into(t, &detail)
	if len(detail.Scans) != 2 || detail.Vulnerabilities.High != 1 || detail.Scans[0].DatabaseBuilt.IsZero() {
		t.Errorf("%+v", detail)
	}
	for query, n := range map[string]int{"": 1, "?scan=" + detail.Scans[1].ID: 3} {
		var r finding.Report
		c.ok(200, "GET", prefix+"/artifacts/"+id+"/report"+query, nil).into(t, &r)
		if len(r.Vulnerabilities) != n || r.Artifact.Digest != digest {
			t.Errorf("report%s: %d vulnerabilities, want %d", query, len(r.Vulnerabilities), n)
		}
	}
	c.ok(404, "GET", prefix+"/artifacts/"+id+"/report?scan=none", nil)
	// Under another name it is another artefact.
	c.ok(200, "POST", prefix+"/scans?reference=bank/web:1", imageReport("shop/web:1", digest, 1)).into(t, &made)
	if made.Artifact.ID == id || made.Artifact.Name != "bank/web:1" {
		t.Errorf("%+v", made.Artifact)
	}
	c.ok(204, "DELETE", prefix+"/artifacts/"+id, nil)
	c.ok(404, "GET", prefix+"/artifacts/"+id, nil)
}

// TestLargeReport keeps a report of more than 50 MB whole.
func TestLargeReport(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	r := imageReport("big:1", "", 2000)
	r.Vulnerabilities[7].Description = strings.Repeat("what went wrong, at length. ", 52<<20/28)
	var made scannedView
	c.ok(200, "POST", prefix+"/scans", r).into(t, &made)
	if made.Artifact.Vulnerabilities.High != 2000 {
		t.Errorf("%+v", made.Artifact)
	}
	row, err := s.store.Scan(t.Context(), "default", made.Artifact.ScanID)
	if err != nil || row.ReportBytes < 50<<20 {
		t.Errorf("%d bytes, %v", row.ReportBytes, err)
	}
	var packages list[packageView]
	c.ok(200, "GET", prefix+"/artifacts/"+made.Artifact.ID+"/packages?limit=500", nil).into(t, &packages)
	if len(packages.Items) != 500 || packages.NextCursor == "" {
		t.Errorf("%d packages", len(packages.Items))
	}
}
