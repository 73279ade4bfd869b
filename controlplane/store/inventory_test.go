package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// scanned is a scan of an image with the given vulnerabilities of one package.
func scanned(id, name string, vulnerabilities ...string) store.Scanned {
	s := store.Scanned{
		Artifact: store.Artifact{Kind: "image", Name: name, Digest: "sha256:" + name, Labels: map[string]string{"team": "shop"}, Critical: int64(len(vulnerabilities))},
		Scan:     store.Scan{ID: id, Source: "ci", ScannedBy: "me", Result: "fail", Verdict: `{}`},
		Pieces:   [][]byte{[]byte(id), {0, 1, 2}},
		Packages: []store.ArtifactPackage{{PackageID: "p", Package: "openssl", PackageVersion: "3"}},
	}
	for i, v := range vulnerabilities {
		s.Vulnerabilities = append(s.Vulnerabilities, store.ArtifactVulnerability{
			Vulnerability: v, PackageID: "p", Package: "openssl", Severity: int64(5 - i%2), KEV: i == 0, FixedVersion: "4", Score: 9.8, Title: "t " + v,
		})
	}
	return s
}

// testScores: scores stand in one row for each vulnerability, and the lists of
// artefacts show them.
func testScores(t *testing.T, s *store.Store, artifact string) {
	t.Helper()
	ctx := t.Context()
	newer := []store.Score{{ta, "CVE-4", 0.25, 0.5, "2026-11-20"}, {ta, "CVE-none", 1, 1, "2026-11-20"}}
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetScores(ctx, ta, newer) })
	got, err := s.Scores(ctx, ta, []string{"CVE-4", "CVE-2", "CVE-none"})
	if err != nil || len(got) != 2 || got["CVE-4"] != newer[0] || got["CVE-2"].EPSSDate != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if other, err := s.Scores(ctx, tb, []string{"CVE-4"}); err != nil || len(other) != 0 {
		t.Errorf("another tenant's: %+v, %v", other, err)
	}
	var all []string
	for after := (store.Score{}); ; {
		rows, err := s.ScoresAnyTenant(ctx, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			all = append(all, string(r.Tenant)+" "+r.Vulnerability)
		}
		after = rows[len(rows)-1]
	}
	if d := cmp.Diff([]string{string(ta) + " CVE-2", string(ta) + " CVE-3", string(ta) + " CVE-4", string(tb) + " CVE-2"}, all); d != "" {
		t.Error(d)
	}
	rows, _, err := s.ArtifactVulnerabilities(ctx, ta, artifact, store.FoundFilter{Severity: -1, Layer: -1}, store.Page{})
	if err != nil || len(rows) != 2 || rows[1].Vulnerability != "CVE-4" || rows[1].EPSS != 0.25 || rows[0].EPSS != 0 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func testInventory(t *testing.T, s *store.Store) {
	ctx := t.Context()
	put := func(tn tenant.ID, sc store.Scanned) (a store.Artifact) {
		update(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
			a, err = tx.PutScan(ctx, tn, sc)
			return err
		})
		return a
	}
	web := put(ta, scanned("s-001", "web:1", "CVE-1", "CVE-2", "CVE-3"))
	db := put(ta, scanned("s-002", "db:1", "CVE-2"))
	put(tb, scanned("s-001", "web:1", "CVE-2"))

	a, err := s.Artifact(ctx, ta, web.ID)
	if err != nil || a.Name != "web:1" || a.ScanID != "s-001" || a.Labels["team"] != "shop" || a.Critical != 3 || a.Result != "fail" {
		t.Errorf("%+v, %v", a, err)
	}
	ids := func(f store.ArtifactFilter) (out []string) {
		t.Helper()
		for cursor := ""; ; {
			rows, next, err := s.Artifacts(ctx, ta, f, store.Page{Limit: 1, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				out = append(out, r.Name)
			}
			if cursor = next; cursor == "" {
				return out
			}
		}
	}
	for _, c := range []struct {
		f    store.ArtifactFilter
		want []string
	}{
		{store.ArtifactFilter{}, []string{"db:1", "web:1"}}, {store.ArtifactFilter{Vulnerability: "CVE-1"}, []string{"web:1"}}, {store.ArtifactFilter{Query: "WEB"}, []string{"web:1"}},
		{store.ArtifactFilter{Package: "openssl", Kind: "image", Result: "fail"}, []string{"db:1", "web:1"}}, {store.ArtifactFilter{Result: "pass"}, nil},
	} {
		if d := cmp.Diff(c.want, ids(c.f)); d != "" {
			t.Errorf("%+v: %s", c.f, d)
		}
	}
	counts := func() map[string]int64 {
		t.Helper()
		out := map[string]int64{}
		for cursor := ""; ; {
			rows, next, err := s.Vulnerabilities(ctx, ta, store.VulnerabilityFilter{Severity: -1}, store.Page{Limit: 2, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				out[r.Vulnerability] = r.Artifacts
			}
			if cursor = next; cursor == "" {
				return out
			}
		}
	}
	if d := cmp.Diff(map[string]int64{"CVE-1": 1, "CVE-2": 2, "CVE-3": 1}, counts()); d != "" {
		t.Error(d)
	}
	if rows, _, err := s.Vulnerabilities(ctx, ta, store.VulnerabilityFilter{Severity: 5, KEV: true, Fixable: true, Query: "CVE-"}, store.Page{}); err != nil || len(rows) != 2 || rows[0].Score != 9.8 {
		t.Errorf("%+v, %v", rows, err)
	}
	first, err := s.FirstSeen(ctx, ta, web.ID)
	if err != nil || len(first) != 3 {
		t.Fatalf("%v, %v", first, err)
	}

	// Another scan of the same artefact: one is gone, one is new, one stays.
	again := put(ta, scanned("s-003", "web:1", "CVE-3", "CVE-4"))
	if again.ID != web.ID || again.FirstSeen != a.FirstSeen || again.ScannedAt < a.ScannedAt {
		t.Errorf("%+v after %+v", again, a)
	}
	if d := cmp.Diff(map[string]int64{"CVE-2": 1, "CVE-3": 1, "CVE-4": 1}, counts()); d != "" {
		t.Error(d)
	}
	now, err := s.FirstSeen(ctx, ta, web.ID)
	if err != nil || len(now) != 2 || !now[[2]string{"CVE-3", "p"}].Equal(first[[2]string{"CVE-3", "p"}]) || !now[[2]string{"CVE-4", "p"}].After(first[[2]string{"CVE-1", "p"}]) {
		t.Errorf("%v after %v, %v", now, first, err)
	}
	var pages []string
	for cursor := ""; ; {
		rows, next, err := s.ArtifactVulnerabilities(ctx, ta, web.ID, store.FoundFilter{Severity: -1, Layer: -1}, store.Page{Limit: 1, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			pages = append(pages, r.Vulnerability)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if d := cmp.Diff([]string{"CVE-3", "CVE-4"}, pages); d != "" {
		t.Error(d)
	}
	for i, want := range []string{"s-003", "\x00\x01\x02"} {
		if data, err := s.ScanPieceData(ctx, ta, "s-003", int64(i)); err != nil || string(data) != want {
			t.Errorf("piece %d is %q, %v", i, data, err)
		}
	}
	_, err = s.ScanPieceData(ctx, ta, "s-003", 2)
	want(t, err, store.ErrNotFound)
	_, _, err = s.Artifacts(ctx, ta, store.ArtifactFilter{}, store.Page{Cursor: "!"})
	want(t, err, store.ErrCursor)

	stale, err := s.StaleScansAnyTenant(ctx, "new", 5, store.Artifact{}, 2)
	if err != nil || len(stale) != 2 {
		t.Fatalf("%+v, %v", stale, err)
	}
	more, err := s.StaleScansAnyTenant(ctx, "new", 5, stale[1], 2)
	if err != nil || len(more) != 1 || more[0].Tenant != tb {
		t.Errorf("%+v, %v", more, err)
	}
	if none, err := s.StaleScansAnyTenant(ctx, "new", -1, store.Artifact{}, 2); err != nil || len(none) != 0 {
		t.Errorf("%d were matched with newer data, %v", len(none), err)
	}
	matched := scanned("s-003", "web:1", "CVE-3", "CVE-4")
	matched.Again, matched.Packages, matched.Scan.DatabaseDigest = true, nil, "new"
	if a := put(ta, matched); a.ScannedAt != again.ScannedAt {
		t.Errorf("%+v after %+v", a, again)
	}
	if rest, err := s.StaleScansAnyTenant(ctx, "new", 5, store.Artifact{}, 9); err != nil || len(rest) != 2 {
		t.Errorf("%+v, %v", rest, err)
	}
	if rows, _, err := s.ArtifactPackages(ctx, ta, web.ID, store.PackageFilter{}, store.Page{}); err != nil || len(rows) != 1 {
		t.Errorf("packages %+v, %v", rows, err)
	}
	matched.Scan.ID = "s-gone"
	want(t, s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.PutScan(ctx, ta, matched)
		return err
	}), store.ErrVersion)
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.RecountVulnerabilities(ctx, ta, []string{"CVE-2", "CVE-3"})
	})
	if d := cmp.Diff(map[string]int64{"CVE-2": 1, "CVE-3": 1, "CVE-4": 1}, counts()); d != "" {
		t.Error(d)
	}

	testScores(t, s, web.ID)

	// Workloads that run it; old scans go.
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutEnforcer(ctx, ta, store.Enforcer{ID: "e1", GroupName: "g", ImageDigest: "sha256:web:1"})
	})
	for id, n := range map[string]int{"CVE-4": 1, "CVE-2": 0} {
		if rows, _, err := s.EnforcersOf(ctx, ta, id, store.Page{}); err != nil || len(rows) != n {
			t.Errorf("%d workloads have %s, want %d (%v)", len(rows), id, n, err)
		}
	}
	for i := range store.KeptScans + 3 {
		put(ta, scanned(fmt.Sprintf("t-%03d", i), "web:1"))
	}
	rows, err := s.Scans(ctx, ta, web.ID)
	if err != nil || len(rows) != store.KeptScans || rows[0].ID != "t-012" {
		t.Errorf("%d scans, %v", len(rows), err)
	}
	_, err = s.ScanPieceData(ctx, ta, "s-003", 0)
	want(t, err, store.ErrNotFound)

	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteArtifact(ctx, ta, db.ID) })
	if d := cmp.Diff(map[string]int64{}, counts()); d != "" {
		t.Error(d)
	}
	if rows, _, err := s.Vulnerabilities(ctx, tb, store.VulnerabilityFilter{Severity: -1}, store.Page{}); err != nil || len(rows) != 1 {
		t.Errorf("the other tenant has %+v, %v", rows, err)
	}
	_, err = s.Scan(ctx, ta, "s-002")
	want(t, err, store.ErrNotFound)
}

// testInventoryPages is what the console's pages ask for.
func testInventoryPages(t *testing.T, s *store.Store) {
	ctx := t.Context()
	put := func(tn tenant.ID, sc store.Scanned) (a store.Artifact) {
		update(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
			a, err = tx.PutScan(ctx, tn, sc)
			return err
		})
		return a
	}
	image := func(id, name string, risk int64, vulnerabilities ...string) store.Scanned {
		sc := scanned(id, name, vulnerabilities...)
		sc.Artifact.Risk = risk
		sc.Scan.Summary = store.ScanSummary{Name: name, Risk: risk, Failed: []string{"secrets"}, Pipeline: store.Pipeline{System: "gitlab", Branch: "Main"}}
		return sc
	}
	old := put(ta, image("s-001", "r.example:5000/shop/web:1", 90, "CVE-1", "CVE-2"))
	put(ta, image("s-002", "r.example:5000/shop/web@sha256:ab", 20, "CVE-2"))
	cli := image("s-003", "db", 50)
	cli.Scan.Source, cli.Scan.Result = "cli", "pass"
	put(ta, cli)
	host := image("s-004", "host-7", 70, "CVE-3")
	host.Artifact.Kind = "host"
	put(ta, host)
	put(tb, image("s-001", "r.example:5000/shop/web:1", 99, "CVE-1"))
	update(t, s, func(ctx context.Context, tx *store.Tx) error {
		for i, e := range []store.Enforcer{{ImageDigest: old.Digest}, {ImageDigest: old.Digest}, {ImageDigest: old.Digest, Stopping: true}, {ImageDigest: "sha256:never", Image: "mail"}} {
			e.ID, e.GroupName = fmt.Sprint("e", i), "g"
			if err := tx.PutEnforcer(ctx, ta, e); err != nil {
				return err
			}
		}
		return nil
	})
	names := func(f store.ArtifactFilter) (out []string) {
		t.Helper()
		for cursor := ""; ; {
			rows, next, err := s.Artifacts(ctx, ta, f, store.Page{Limit: 1, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				out = append(out, fmt.Sprint(r.Name, " ", r.Risk))
			}
			if cursor = next; cursor == "" {
				return out
			}
		}
	}
	const one, two, three, four = "r.example:5000/shop/web:1 90", "r.example:5000/shop/web@sha256:ab 20", "db 50", "host-7 70"
	for _, c := range []struct {
		f    store.ArtifactFilter
		want []string
	}{
		{store.ArtifactFilter{}, []string{four, three, two, one}}, {store.ArtifactFilter{ByRisk: true}, []string{one, four, three, two}},
		{store.ArtifactFilter{Repository: "r.example:5000/shop/web", ByRisk: true}, []string{one, two}}, {store.ArtifactFilter{Running: true}, []string{one}},
		{store.ArtifactFilter{Severity: "critical", Kind: "image", ByRisk: true}, []string{one, two}}, {store.ArtifactFilter{Digest: old.Digest, Result: "pass"}, nil},
		{store.ArtifactFilter{Vulnerability: "CVE-2", Query: "@SHA"}, []string{two}}, {store.ArtifactFilter{Result: "pass", Kind: "image", Query: "d"}, []string{three}},
	} {
		if d := cmp.Diff(c.want, names(c.f)); d != "" {
			t.Errorf("%+v: %s", c.f, d)
		}
	}
	var repositories []string
	for cursor := ""; ; {
		rows, next, err := s.Repositories(ctx, ta, "", store.Page{Limit: 1, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			repositories = append(repositories, fmt.Sprintln(r.Repository, r.Artifacts, r.Failing, r.Newest.Name))
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if d := cmp.Diff([]string{"db 1 0 db\n", "r.example:5000/shop/web 2 2 r.example:5000/shop/web@sha256:ab\n"}, repositories); d != "" {
		t.Error(d)
	}
	if rows, _, err := s.Repositories(ctx, ta, "WEB", store.Page{}); err != nil || len(rows) != 1 {
		t.Errorf("%+v, %v", rows, err)
	}
	if n, err := s.Running(ctx, ta, []string{old.Digest, "sha256:no"}); err != nil || !cmp.Equal(n, map[string]int64{old.Digest: 2}) {
		t.Errorf("%v, %v", n, err)
	}
	if rows, _, err := s.EnforcersOfDigest(ctx, ta, old.Digest, store.Page{}); err != nil || len(rows) != 2 {
		t.Errorf("%+v, %v", rows, err)
	}

	for f, want := range map[store.ScanFilter]string{
		{Source: "ci"}: "[s-004 s-002 s-001]", {Source: "ci", Result: "fail", Query: "main"}: "[s-004 s-002 s-001]", {Source: "ci", Query: "host-7"}: "[s-004]", {Source: "cli"}: "[s-003]", {Source: "ci", Result: "pass"}: "[]",
	} {
		ids := []string{}
		for cursor := ""; ; {
			rows, next, err := s.ScansBySource(ctx, ta, f, store.Page{Limit: 1, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				ids = append(ids, r.ID)
				if r.Summary.Failed[0] != "secrets" || r.Summary.Pipeline.System != "gitlab" {
					t.Errorf("%+v", r.Summary)
				}
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		if got := fmt.Sprint(ids); got != want {
			t.Errorf("%+v: %s, want %s", f, got, want)
		}
	}

	count := func() map[string]int64 {
		t.Helper()
		changes, err := s.RunningChanges(ctx, ta)
		if err != nil {
			t.Fatal(err)
		}
		update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetRunning(ctx, ta, changes) })
		rows, _, err := s.Vulnerabilities(ctx, ta, store.VulnerabilityFilter{Severity: -1, Running: true}, store.Page{})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]int64{}
		for _, r := range rows {
			out[r.Vulnerability] = r.Running
		}
		if again, err := s.RunningChanges(ctx, ta); err != nil || len(again) != 0 {
			t.Errorf("after counting %v changed, %v", again, err)
		}
		return out
	}
	if d := cmp.Diff(map[string]int64{"CVE-1": 2, "CVE-2": 2}, count()); d != "" {
		t.Error(d)
	}
	carriers, next, err := s.Carriers(ctx, ta, "CVE-2", store.Page{Limit: 1})
	if err != nil || len(carriers) != 1 || next == "" || carriers[0].Package != "openssl" || carriers[0].Name == "" || carriers[0].Result != "fail" {
		t.Errorf("%+v, %v", carriers, err)
	}
	if more, next, err := s.Carriers(ctx, ta, "CVE-2", store.Page{Limit: 1, Cursor: next}); err != nil || len(more) != 1 || next != "" || more[0].ArtifactID == carriers[0].ArtifactID {
		t.Errorf("%+v, %v", more, err)
	}
	now, err := s.InventoryNow(ctx, ta)
	if err != nil || now.Artifacts != 4 || now.Failing != 3 || now.Risk != 230 || now.Running != 2 || now.Unscanned != 1 || now.Critical != 4 {
		t.Errorf("%+v, %v", now, err)
	}
	earlier := now
	earlier.Day = "2020-01-01"
	for _, d := range []store.InventoryDay{earlier, now, now} {
		update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.PutInventoryDay(ctx, ta, d, "2019-12-31") })
	}
	if days, err := s.InventoryDays(ctx, ta, "2020-01-01"); err != nil || len(days) != 2 || days[0].Day != "2020-01-01" || days[1].Risk != 230 {
		t.Errorf("%+v, %v", days, err)
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.PutInventoryDay(ctx, ta, now, "2020-01-02") })
	if days, err := s.InventoryDays(ctx, ta, ""); err != nil || len(days) != 1 {
		t.Errorf("%+v, %v", days, err)
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteArtifact(ctx, ta, old.ID) })
	if d := cmp.Diff(map[string]int64{}, count()); d != "" {
		t.Error(d)
	}
	for name, want := range map[string]string{"a": "a", "a:1": "a", "h:5000/a": "h:5000/a", "h:5000/a/b:1@sha256:x": "h:5000/a/b", "a@sha256:x": "a"} {
		if got := store.Repository("image", name); got != want {
			t.Errorf("%s is in %q, want %q", name, got, want)
		}
	}
}
