package inventory_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// TestScores: another EPSS score does not have a report written anew, and is seen
// wherever one is shown; one that moves the risk or the verdict does.
func TestScores(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	a := keep(t, s, bill("web:1", "sha256:web", 3))
	const cve = "CVE-lib1"
	day := func(digest, date string, score float64) *match.Memory {
		m := database(digest, map[string]string{"lib1": "9"})
		m.Details = map[string]vulndb.Detail{cve: {ID: cve}}
		if date != "" {
			m.Details[cve] = vulndb.Detail{ID: cve, EPSS: &finding.EPSS{Score: score, Percentile: score / 2, Date: date}}
		}
		return m
	}
	again := func(m *match.Memory) (written bool) {
		t.Helper()
		before, err := s.ScanPieces(ctx, tn, a.ScanID)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := inventory.Rematch(ctx, s, m, slog.New(slog.DiscardHandler)); err != nil || n.Total() != 1 {
			t.Fatal(n, err)
		}
		after, err := s.ScanPieces(ctx, tn, a.ScanID)
		if err != nil {
			t.Fatal(err)
		}
		return !bytes.Equal(before, after)
	}
	shown := func() [3]float64 {
		t.Helper()
		v, err := s.Vulnerability(ctx, tn, cve)
		if err != nil {
			t.Fatal(err)
		}
		rows, _, err := s.ArtifactVulnerabilities(ctx, tn, a.ID, store.FoundFilter{Severity: -1, Layer: -1}, store.Page{})
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		r, err := inventory.Read(ctx, s.Reader, tn, a.ScanID)
		if err != nil || len(r.Vulnerabilities) != 1 {
			t.Fatal(r, err)
		}
		out := [3]float64{v.EPSS, rows[0].EPSS, -1}
		if e := r.Vulnerabilities[0].EPSS; e != nil {
			out[2] = e.Score
		}
		return out
	}
	for _, step := range []struct {
		what    string
		m       *match.Memory
		written bool
		want    [3]float64
	}{
		{"no score yet", day("d1", "", 0), true, [3]float64{0, 0, -1}},
		{"the first", day("d2", "2026-11-02", 0.02), false, [3]float64{0.02, 0.02, 0.02}},
		{"the next day", day("d3", "2026-11-03", 0.03), false, [3]float64{0.03, 0.03, 0.03}},
		{"less", day("d4", "2026-11-04", 0.01), false, [3]float64{0.01, 0.01, 0.01}},
		{"of an older day", day("d5", "2026-11-01", 0.05), false, [3]float64{0.01, 0.01, 0.01}},
		{"moves the risk", day("d6", "2026-11-06", 0.5), true, [3]float64{0.5, 0.5, 0.5}},
	} {
		if written := again(step.m); written != step.written {
			t.Errorf("%s: written anew: %v", step.what, written)
		}
		if got := shown(); got != step.want {
			t.Errorf("%s: shown %v, want %v", step.what, got, step.want)
		}
	}
	// What policies are asked again is the score of today.
	const policy = "apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: p}\nspec: {controls: {vulnerabilities: {mode: block, rules: [{epssAtLeast: 0.6}]}}}\n"
	err := s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.AddPolicyOf(ctx, tn, store.AssurancePolicies, store.Policy{Name: "p", YAML: policy, Document: policy}); err != nil {
			return err
		}
		return tx.SetScores(ctx, tn, []store.Score{{Tenant: tn, Vulnerability: cve, EPSS: 0.7, EPSSPercentile: 0.9, EPSSDate: "2026-11-07"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	report, err := inventory.Read(ctx, s.Reader, tn, a.ScanID)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := inventory.Judge(ctx, s.Reader, tn, report, "", store.Now(), inventory.StageOf("ci"), nil); err != nil || v.Result != "fail" {
		t.Errorf("%+v, %v", v, err)
	}
	if !again(day("d8", "2026-11-08", 0.8)) {
		t.Error("another verdict was not written")
	}
}
