package inventory_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

const tn tenant.ID = "default"

// database knows some vulnerabilities of packages of Debian 12: name to fixed
// version, each in an advisory of its own.
func database(digest string, fixed map[string]string) *match.Memory {
	m := &match.Memory{Made: finding.Database{Digest: digest, Built: store.Now(), Schema: 1}, Rows: map[vulndb.Ecosystem]map[string][]vulndb.Advisory{"Debian:12": {}}}
	for name, version := range fixed {
		m.Rows["Debian:12"][name] = []vulndb.Advisory{{
			ID: "DSA-" + name, CVEs: []string{"CVE-" + name}, Source: "test", Status: vulndb.Affected, Severity: finding.Critical,
			Ranges: []vulndb.Range{{Introduced: "0", Fixed: version}},
		}}
	}
	return m
}

// bill is a report of an image with n packages that nothing was matched with yet.
func bill(name, digest string, n int) *finding.Report {
	r := &finding.Report{
		Schema: 1, Artifact: finding.Artifact{Kind: finding.KindImage, Name: name, Digest: digest, Image: &finding.Config{User: "app"}},
		Integrity: finding.Integrity{Verdict: finding.Complete}, OS: &finding.OS{ID: "debian", Version: "12"},
	}
	for i := range n {
		r.Packages = append(r.Packages, finding.Package{ID: fmt.Sprint("p", i), Type: finding.Deb, Name: fmt.Sprint("lib", i), Version: fmt.Sprintf("1.%d-1", i%7)})
	}
	return r
}

func open(t testing.TB) *store.Store {
	t.Helper()
	return openAt(t, storetest.SQLite(t))
}

func openAt(t testing.TB, address string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.InitInstall(ctx) }); err != nil {
		t.Fatal(err)
	}
	return s
}

func keep(t testing.TB, s *store.Store, r *finding.Report) store.Artifact {
	t.Helper()
	return keepFrom(t, s, r, "ci")
}

func keepFrom(t testing.TB, s *store.Store, r *finding.Report, source string) store.Artifact {
	t.Helper()
	return keepAll(t, s, source, r)[0]
}

func keepAll(t testing.TB, s *store.Store, source string, reports ...*finding.Report) (all []store.Artifact) {
	t.Helper()
	var rows []store.Scanned
	for _, r := range reports {
		rows = append(rows, rowsOf(t, s, r, source))
	}
	err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		all = nil
		for _, r := range rows {
			a, err := tx.PutScan(ctx, tn, r)
			if err != nil {
				return err
			}
			all = append(all, a)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func rowsOf(t testing.TB, s *store.Store, r *finding.Report, source string) store.Scanned {
	t.Helper()
	v, err := inventory.Judge(t.Context(), s.Reader, tn, r, "", store.Now(), inventory.StageOf(source), nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := inventory.Rows(r, v, source, "me")
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestRematch: a new advisory finds the artefacts that it is about, and the
// workloads that run them, without a pull.
func TestRematch(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	policy, err := assurance.Parse([]byte("apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: p}\nspec: {controls: {vulnerabilities: {mode: block, rules: [{atLeast: critical}]}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := policy.YAML()
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.AddPolicyOf(ctx, tn, store.AssurancePolicies, store.Policy{Name: "p", YAML: string(text), Document: string(text)}); err != nil {
			return err
		}
		return tx.PutEnforcer(ctx, tn, store.Enforcer{ID: "e", GroupName: "g", ImageDigest: "sha256:web"})
	})
	if err != nil {
		t.Fatal(err)
	}
	web := bill("web:1", "sha256:web", 3)
	web.Suppressed = []finding.Suppressed{{ID: "CVE-lib1", Package: "p1", By: "vex", Reason: "not reachable"}}
	first := keep(t, s, web)
	keep(t, s, bill("db:1", "sha256:db", 1))
	if first.Result != "pass" {
		t.Fatalf("%+v", first)
	}
	log := slog.New(slog.DiscardHandler)
	again := func(m *match.Memory) int {
		t.Helper()
		n, err := inventory.Rematch(ctx, s, m, log)
		if err != nil {
			t.Fatal(err)
		}
		return n.Total()
	}
	today := database("d1", map[string]string{"lib1": "9", "lib2": "9"})
	if n := again(today); n != 2 {
		t.Errorf("%d artefacts were matched again, want 2", n)
	}
	if n := again(today); n != 0 {
		t.Errorf("%d artefacts were matched twice with the same database", n)
	}
	a, err := s.Artifact(ctx, tn, first.ID)
	if err != nil || a.Result != "fail" || a.Critical != 1 || a.ScanID != first.ScanID || a.ScannedAt != first.ScannedAt {
		t.Errorf("%+v, %v", a, err)
	}
	if rows, _, err := s.EnforcersOf(ctx, tn, "CVE-lib2", store.Page{}); err != nil || len(rows) != 1 {
		t.Errorf("workloads %+v, %v", rows, err)
	}
	if _, err := s.Vulnerability(ctx, tn, "CVE-lib1"); err == nil {
		t.Error("what a VEX document set aside came back")
	}
	scans, err := s.Scans(ctx, tn, first.ID)
	if err != nil || len(scans) != 1 || scans[0].DatabaseDigest != "d1" {
		t.Errorf("%+v, %v", scans, err)
	}
	old := database("d0", map[string]string{"lib2": "0.9"})
	old.Made.Built = old.Made.Built.AddDate(0, 0, -1)
	if n := again(old); n != 0 {
		t.Errorf("%d artefacts were matched with older data", n)
	}
	// Mended data takes it away again.
	if n := again(database("d2", map[string]string{"lib2": "0.9"})); n != 2 {
		t.Errorf("%d artefacts, want 2", n)
	}
	if a, err = s.Artifact(ctx, tn, first.ID); err != nil || a.Result != "pass" || a.Critical != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	// Data that says the same is noted, and nothing else is written.
	before, err := s.ScanPieces(ctx, tn, first.ScanID)
	if err != nil {
		t.Fatal(err)
	}
	if n := again(database("d3", map[string]string{"lib2": "0.9", "other": "1"})); n != 2 {
		t.Errorf("%d artefacts, want 2", n)
	}
	after, err := s.ScanPieces(ctx, tn, first.ScanID)
	if scan, err2 := s.Scan(ctx, tn, first.ScanID); err != nil || err2 != nil || scan.DatabaseDigest != "d3" || !bytes.Equal(before, after) {
		t.Errorf("%s, %v, %v; written anew: %v", scan.DatabaseDigest, err, err2, !bytes.Equal(before, after))
	}
}

// BenchmarkRematch gives the time for one stored bill of materials of 400
// packages, 40 of them with a vulnerability.
func BenchmarkRematch(b *testing.B) {
	s := open(b)
	fixed := map[string]string{}
	for i := range 40 {
		fixed[fmt.Sprint("lib", i*10)] = "9"
	}
	const n = 50
	for i := range n {
		keep(b, s, bill(fmt.Sprint("app", i), fmt.Sprint("sha256:", i), 400))
	}
	log := slog.New(slog.DiscardHandler)
	rounds := 0
	for b.Loop() {
		rounds++
		got, err := inventory.Rematch(b.Context(), s, database(fmt.Sprint("d", rounds), fixed), log)
		if err != nil || got.Total() != n {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(rounds*n), "ms/artefact")
}
