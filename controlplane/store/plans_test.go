package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/tenant"
)

// TestPlansSQLite holds that each filter of the lists that grow without bound
// is answered by an index, in the order of the list: no plan walks a table or
// sorts. How long lists take is for BenchmarkLists to say (package api).
func TestPlansSQLite(t *testing.T) { plans(t, storetest.SQLite(t)) }

func plans(t *testing.T, address string) {
	s, err := Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const ta tenant.ID = "default"
	now := time.Now()
	queries := map[string]*bun.SelectQuery{}
	indexes := map[string]string{}
	ask := func(what, index string, q *bun.SelectQuery) { queries[what], indexes[what] = q, index }
	for index, f := range map[string]EventFilter{
		"events_at": {}, "events_item": {Item: 7}, "events_enforcer": {Enforcer: "e"}, "events_image": {Image: "i"}, "events_group": {Group: "g"},
		"events_control": {Control: "c"}, "events_verdict": {Verdict: "deny"}, "events_kind": {Kind: "exec"},
	} {
		ask("first "+index, index, f.scan(ta).candidates(s.Reader, nil).Limit(50))
		ask("later "+index, index, f.scan(ta).candidates(s.Reader, &eventKey{7, 7}).Limit(50))
		f.From, f.To = now.Add(-time.Hour), now
		ask("window "+index, index, f.scan(ta).candidates(s.Reader, nil).Limit(50))
	}
	for index, f := range map[string]FindingFilter{
		"findings_seen": {}, "findings_control": {Control: "c"}, "findings_image": {Image: "i"}, "findings_digest": {Image: "sha256:i"}, "findings_state": {State: FindingMuted}, "findings_state ": {State: FindingOpen},
	} {
		ask("first "+index, index, f.scan(ta).candidates(s.Reader, nil).Limit(50))
		ask("later "+index, index, f.scan(ta).candidates(s.Reader, &findingAt{7, 7}).Limit(50))
	}
	for index, f := range map[string]AuditFilter{
		"audit_actor": {Actor: "a"}, "audit_action": {Action: "a"}, "audit_kind": {ObjectKind: "k"}, "audit_object": {ObjectKind: "k", ObjectName: "n"},
	} {
		ask(index, index, f.scan(ta).candidates(s.Reader, nil).Limit(50))
	}
	for what, f := range map[string]ArtifactFilter{
		"artifacts_scanned": {}, "artifacts_kind": {Kind: "image"}, "artifacts_result": {Result: "fail"}, "artifacts_repository": {Repository: "r"},
	} {
		ask("first "+what, what, f.scan(ta).candidates(s.Reader, nil).Limit(50))
		ask("later "+what, what, f.scan(ta).candidates(s.Reader, &artifactKey{7, 7, "a"}).Limit(50))
	}
	ask("riskiest", "artifacts_risk", ArtifactFilter{ByRisk: true}.scan(ta).candidates(s.Reader, &artifactKey{7, 7, "a"}).Limit(50))
	ask("of a common package", "artifacts_scanned", ArtifactFilter{Package: "libc6"}.scan(ta).candidates(s.Reader, &artifactKey{7, 7, "a"}).Limit(50))
	ask("who has a package", "artifact_packages_name", s.packageHolders(ta, "libc6"))
	for what, f := range map[string]ScanFilter{"scans_source": {Source: "ci"}, "scans_result": {Source: "ci", Result: "fail"}} {
		ask(what, what, f.scan(ta).candidates(s.Reader, &idKey{"s"}).Limit(50))
	}
	for what, f := range map[string]ScanJobFilter{"scan_jobs": {}, "scan_jobs_state": {State: ScanFailed}} {
		ask("first "+what, what, f.scan(ta).candidates(s.Reader, nil).Limit(50))
		ask("later "+what, what, f.scan(ta).candidates(s.Reader, &idKey{"j"}).Limit(50))
	}
	for what, f := range map[string]VulnerabilityFilter{
		"vulnerabilities_list": {Severity: -1}, "vulnerabilities_list ": {Severity: 5}, "vulnerabilities_kev": {Severity: -1, KEV: true}, "vulnerabilities_running": {Severity: -1, Running: true},
	} {
		ask(what, what, f.apply(s.db.NewSelect().Model((*Vulnerability)(nil)), ta).Order("severity DESC", "vulnerability DESC").Limit(50))
	}
	ask("artefact's packages", "artifact_packages_list", s.db.NewSelect().Model((*ArtifactPackage)(nil)).Where("tenant = ? AND artifact_id = ? AND (package, package_id) > (?, ?)", ta, "a", "p", "i").
		Order("package", "package_id").Limit(50))
	for index, f := range map[string]ExceptionFilter{
		"exceptions_": {}, "exceptions_ ": {State: ExceptionRequested}, "exceptions_  ": {State: ExceptionApproved, Now: now},
		"exceptions_   ": {State: ExceptionExpiring, Now: now, Soon: time.Hour}, "exceptions_    ": {State: ExceptionExpired, Now: now},
	} {
		for what, cursor := range map[string]string{"first ": "", "later ": cursorName(7, "x")} {
			q, err := f.list(s.Reader, &[]Exception{}, ta, Page{Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			ask(what+index, index, q)
		}
	}
	ask("stale verdicts", "artifacts_judged", s.db.NewSelect().Model(&[]Artifact{}).Where("tenant = ? AND judged_at < ?", ta, 7).Order("judged_at", "id").Limit(32))
	ask("operating systems", "artifacts_os", s.artifactSystems(ta))
	ask("images scanned long ago", "artifacts_scanned", s.imagesScannedBefore(ta, now, Artifact{ScannedAt: 1, ID: "a"}).Limit(200))
	ask("last scan of an artefact", "scan_jobs_artifact", s.lastScanJobOf(ta, "a"))
	ask("last scan of a reference", "scan_jobs_reference", s.lastScanJobFor(ta, "a", "linux/amd64"))
	if len(queries) < 58 {
		t.Fatalf("%d queries", len(queries))
	}
	for what, q := range queries {
		plan := s.explain(t, q)
		// PostgreSQL chooses among equals while tables are empty.
		if s.dialect == SQLite && !strings.Contains(plan, strings.TrimSpace(indexes[what])) || strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Sort") {
			t.Errorf("%s: %s\n%s", what, q, plan)
		}
	}
	open := FindingFilter{State: FindingOpen, Now: now}.scan(ta)
	open.index = open.also // those whose state has expired are few, and sorted
	if plan := s.explain(t, open.candidates(s.Reader, nil).Limit(50)); s.dialect == SQLite && !strings.Contains(plan, "findings_expiry") {
		t.Errorf("open findings:\n%s", plan)
	}
}

// explain gives the plan of a query, made without looking at how large the
// tables are.
func (s *Store) explain(t *testing.T, q *bun.SelectQuery) string {
	t.Helper()
	var out []string
	err := s.Update(t.Context(), func(ctx context.Context, tx *Tx) error {
		explain := "EXPLAIN QUERY PLAN "
		if s.dialect == Postgres {
			explain = "EXPLAIN "
			for _, set := range []string{"enable_seqscan", "enable_bitmapscan", "enable_sort"} {
				if _, err := tx.db.NewRaw("SET LOCAL " + set + " = off").Exec(ctx); err != nil {
					return err
				}
			}
		}
		rows, err := tx.db.QueryContext(ctx, explain+q.String())
		if err != nil {
			return err
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				return err
			}
			out = append(out, fmt.Sprint(*values[len(values)-1].(*any)))
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n")
}
