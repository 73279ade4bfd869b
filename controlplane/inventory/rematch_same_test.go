package inventory_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// world is data that changes from day to day, and reports of packages that it
// speaks of and others.
type world struct {
	rnd      *rand.Rand
	rows     map[[2]string][]vulndb.Advisory // by ecosystem and name
	details  map[string]vulndb.Detail
	same     [][]string
	jars     map[string]string
	releases map[string]vulndb.Release
	built    time.Time
	day      int
}

var (
	worldOS = []*finding.OS{
		{ID: "debian", Version: "12"}, {ID: "debian", Version: "11"}, {ID: "rhel", Version: "9.3"}, {ID: "alpine", Version: "3.19.1"}, {ID: "unheard", Version: "1"}, nil,
	}
	worldEcosystems = []string{"Debian:12", "Debian:11", "Red Hat:9", "Alpine:v3.19", "npm", "PyPI", "Maven"}
	worldNames      = []string{"linux", "openssl", "zlib", "perl", "left-pad", "Flask_Login", "org.example:web", "org.example:core"}
	worldVersions   = []string{"1.0", "1.2-1", "1.9", "2.0-3", "3.1", "not a version"}
)

func newWorld(seed uint64) *world {
	w := &world{rnd: rand.New(rand.NewPCG(seed, 1)), rows: map[[2]string][]vulndb.Advisory{}, details: map[string]vulndb.Detail{}, jars: map[string]string{},
		releases: map[string]vulndb.Release{}, built: store.Now().AddDate(0, 0, -30)}
	for range 200 {
		w.change()
	}
	return w
}

func pick[T any](w *world, list []T) T { return list[w.rnd.IntN(len(list))] }

func (w *world) cve() string { return fmt.Sprintf("CVE-2026-%04d", w.rnd.IntN(25)) }

func (w *world) advisory() vulndb.Advisory {
	a := vulndb.Advisory{ID: fmt.Sprintf("ADV-%d", w.rnd.IntN(200)), Source: pick(w, []string{"one", "two"}), Severity: pick(w, []finding.Severity{"", finding.Low, finding.High, finding.Critical}),
		Status: pick(w, []vulndb.Status{vulndb.Affected, vulndb.Affected, vulndb.Affected, vulndb.NotAffected, vulndb.WontFix, vulndb.EndOfLife})}
	for range w.rnd.IntN(3) {
		a.CVEs = append(a.CVEs, w.cve())
	}
	if w.rnd.IntN(3) == 0 {
		a.Aliases = append(a.Aliases, pick(w, []string{w.cve(), fmt.Sprintf("GHSA-%d", w.rnd.IntN(30))}))
	}
	if w.rnd.IntN(5) > 0 {
		a.Ranges = append(a.Ranges, vulndb.Range{Introduced: pick(w, []string{"0", "1.1"}), Fixed: pick(w, worldVersions[:5])})
	}
	if w.rnd.IntN(8) == 0 {
		a.Module, a.Arches = "nodejs:18", []string{"amd64"}
	}
	return a
}

// change changes one thing that the data says.
func (w *world) change() {
	key := [2]string{pick(w, worldEcosystems), pick(w, worldNames)}
	switch w.rnd.IntN(22) {
	case 0, 1, 2, 3:
		w.rows[key] = append(w.rows[key], w.advisory())
	case 4:
		delete(w.rows, key)
	case 5:
		if rows := slices.Clone(w.rows[key]); len(rows) > 0 {
			rows[0].URLs, rows[0].FixedAt = []string{fmt.Sprint("https://advisory.example/", w.day)}, "2020-01-01T00:00:00Z"
			w.rows[key] = rows
		}
	case 6, 12, 13, 14, 15, 16:
		id := w.cve()
		d := vulndb.Detail{ID: id, Title: fmt.Sprint("title ", w.rnd.IntN(3)), Severity: pick(w, []finding.Severity{"", finding.Medium, finding.Critical}), CWEs: []string{fmt.Sprint("CWE-", w.rnd.IntN(9))}}
		if w.rnd.IntN(2) == 0 {
			d.KEV = &finding.KEV{Added: "2026-01-01"}
		}
		if w.rnd.IntN(3) > 0 {
			d.EPSS = &finding.EPSS{}
		}
		w.details[id] = d
	case 7, 17:
		delete(w.details, w.cve())
	case 8:
		w.same = append(w.same, []string{fmt.Sprintf("GHSA-%d", w.rnd.IntN(30)), w.cve()})
	case 9, 18, 19:
		sum := fmt.Sprintf("%040x", w.rnd.IntN(6))
		if w.jars[sum] == "" {
			w.jars[sum] = pick(w, []string{"org.example:web:1.2", "org.example:core:3.0"})
		} else {
			delete(w.jars, sum)
		}
	case 20, 21: // a score alone comes or goes
		if id := w.cve(); w.details[id].ID != "" {
			d := w.details[id]
			if d.EPSS == nil {
				d.EPSS = &finding.EPSS{}
			} else {
				d.EPSS = nil
			}
			w.details[id] = d
		}
	case 10:
		r := vulndb.Release{ID: "debian", Version: pick(w, []string{"11", "12"}), EndOfLife: w.built.AddDate(0, 0, w.rnd.IntN(30)-10).Format(time.DateOnly)}
		w.releases[r.ID+r.Version] = r
	case 11: // all that there is for an ecosystem
		if w.rnd.IntN(4) == 0 {
			maps.DeleteFunc(w.rows, func(k [2]string, _ []vulndb.Advisory) bool { return k[0] == key[0] })
		}
	}
}

// database writes what the data says today.
func (w *world) database(t *testing.T) *vulndb.DB {
	t.Helper()
	w.day++
	w.built = w.built.Add(time.Duration(1+w.rnd.IntN(72)) * time.Hour)
	out, err := vulndb.NewWriter(t.TempDir())
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	check(err)
	for k, rows := range w.rows {
		for _, a := range rows {
			check(out.Advisory(vulndb.Ecosystem(k[0]), k[1], a))
		}
	}
	for _, d := range w.details {
		if d.EPSS != nil { // another score each day, of which few become likely
			score := float64(w.rnd.IntN(100)) / 1000
			if w.rnd.IntN(20) == 0 {
				score += 0.5
			}
			d.EPSS = &finding.EPSS{Score: score, Percentile: score, Date: w.built.Format(time.DateOnly)}
		}
		check(out.Detail("nvd", d))
	}
	for _, ids := range w.same {
		out.Same(ids...)
	}
	for sum, name := range w.jars {
		check(out.Jar(sum, name))
	}
	for _, r := range w.releases {
		out.Release(r)
	}
	path := filepath.Join(t.TempDir(), "vuln.db")
	_, err = out.Finish(path, vulndb.Meta{Built: w.built})
	check(errors.Join(err, out.Close()))
	db, err := vulndb.Open(path)
	check(err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// report is of some packages.
func (w *world) report(i int) *finding.Report {
	r := bill(fmt.Sprintf("registry.example/app%d:1", i), fmt.Sprintf("sha256:%d", i), 0)
	r.OS = nil
	if os := pick(w, worldOS); os != nil {
		o := *os
		r.OS = &o
	}
	for n := range 1 + w.rnd.IntN(6) {
		p := finding.Package{ID: fmt.Sprint("p", n), Name: pick(w, worldNames), Version: pick(w, worldVersions), Arch: "amd64",
			Type: pick(w, []finding.Type{finding.Deb, finding.RPM, finding.APK, finding.NPM, finding.PyPI, finding.Maven, "other"})}
		switch w.rnd.IntN(6) {
		case 0:
			p.SourceName, p.SourceVersion = pick(w, worldNames), pick(w, worldVersions)
		case 1:
			p.SourceName, p.SourceVersion = "linux-signed-amd64", "1.9+1"
		case 2:
			p.Name = pick(w, []string{"linux-libc-dev", "locales"})
			p.SourceName = "linux"
		case 3:
			p.OwnedBy = "p0"
		}
		if p.Type == finding.Maven && w.rnd.IntN(2) == 0 {
			p.SHA1, p.Name, p.Confidence = fmt.Sprintf("%040x", w.rnd.IntN(6)), "web", finding.Guess
		}
		r.Packages = append(r.Packages, p)
	}
	if w.rnd.IntN(4) == 0 {
		r.Suppressed = append(r.Suppressed, finding.Suppressed{ID: w.cve(), Package: "p0", By: "vex", Reason: "not reachable"})
	}
	return r
}

// whole is all that an inventory says, but for its clock and the names of scans.
func whole(t *testing.T, s *store.Store) string {
	t.Helper()
	var b strings.Builder
	line := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	artifacts, err := s.ArtifactsByID(t.Context(), tn, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range artifacts {
		scan, err := s.Scan(t.Context(), tn, a.ScanID)
		if err != nil {
			t.Fatal(err)
		}
		r, err := inventory.Read(t.Context(), s.Reader, tn, a.ScanID)
		if err != nil {
			t.Fatal(err)
		}
		rows, _, err := s.ArtifactVulnerabilities(t.Context(), tn, a.ID, store.FoundFilter{Severity: -1, Layer: -1}, store.Page{Limit: store.MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		var verdict assurance.Verdict
		if err := json.Unmarshal([]byte(scan.Verdict), &verdict); err != nil {
			t.Fatal(err)
		}
		a.ScanID, a.FirstSeen, a.ScannedAt, a.JudgedAt = "", 0, 0, 0
		scan.ID, scan.ScannedAt, scan.Verdict, scan.ReportBytes = "", 0, "", 0
		for _, v := range []any{a, scan, verdict, r} {
			line(v)
		}
		for _, row := range rows {
			seen[row.Vulnerability] = true
			row.FirstSeen = 0
			line(row)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		v, err := s.Vulnerability(t.Context(), tn, id)
		if err != nil {
			t.Fatal(err)
		}
		v.FirstSeen = 0
		line(v)
	}
	return b.String()
}

// TestRematchSkipsNothing: whatever changes in the data from day to day, an
// inventory whose reports are read only where the answers to their questions are
// others says what one says whose reports are all read.
func TestRematchSkipsNothing(t *testing.T) {
	reports, rounds := 40, uint64(1)
	if os.Getenv("LIMPET_SOAK") != "" {
		rounds = 20
	}
	log := slog.New(slog.DiscardHandler)
	for i, c := range []struct {
		name, controls string
		steady         bool
	}{
		{"none", "rootUser: {mode: off}", true},
		{"default", "coverage: {mode: warn}, vulnerabilities: {mode: block, rules: [{kev: true, fixable: true}]}, operatingSystems: {mode: warn, endOfLife: true}, age: {mode: warn, dataDays: 20}", true},
		{"scores", "vulnerabilities: {mode: block, rules: [{epssAtLeast: 0.05}]}", false},
		{"when", "vulnerabilities: {mode: block, rules: [{when: 'v.epss.score > 0.04'}]}", false},
		{"custom", "custom: {mode: warn, rules: [{name: x, when: 'vulnerabilities.exists(v, v.epss.score > 0.04)'}]}", false},
	} {
		days := 3
		if c.steady {
			days = 12
		}
		for seed := uint64(i); seed < 5*rounds; seed += 5 {
			t.Run(fmt.Sprint(c.name, seed), func(t *testing.T) {
				t.Parallel()
				w := newWorld(seed)
				all, some := open(t), open(t)
				for _, s := range []*store.Store{all, some} {
					text := "apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: p}\nspec: {controls: {" + c.controls + "}}\n"
					err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
						_, err := tx.AddPolicyOf(ctx, tn, store.AssurancePolicies, store.Policy{Name: "p", YAML: text, Document: text})
						return err
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				for i := range reports {
					r := w.report(i)
					keep(t, all, r)
					keep(t, some, r)
				}
				read := 0
				for day := range days {
					for range w.rnd.IntN(20) {
						w.change()
					}
					db := w.database(t)
					if n, r, err := inventory.RematchReads(t.Context(), all, db, log, true); err != nil || n.Total() != reports || r != reports {
						t.Fatal(n, r, err)
					}
					n, r, err := inventory.RematchReads(t.Context(), some, db, log, false)
					if err != nil || n.Total() != reports {
						t.Fatal(n, err)
					}
					if day > 0 {
						read += r
					}
					want, got := strings.Split(whole(t, all), "\n"), strings.Split(whole(t, some), "\n")
					for i := range max(len(want), len(got)) {
						if i >= len(want) || i >= len(got) || want[i] != got[i] {
							t.Fatalf("day %d, line %d: read all\n%v\nread %d\n%v", day, i, want[min(i, len(want)-1)], r, got[min(i, len(got)-1)])
						}
					}
				}
				t.Logf("%d of %d reports read", read, reports*(days-1))
				if most := reports * (days - 1); c.steady == (read == most) || read == 0 {
					t.Errorf("%d of %d reports were read", read, most)
				}
			})
		}
	}
}

// TestRematchReads says which reports are read again and which are not.
func TestRematchReads(t *testing.T) {
	s := open(t)
	log := slog.New(slog.DiscardHandler)
	for i := range 3 {
		r := bill(fmt.Sprint("app", i), fmt.Sprint("sha256:", i), 0)
		r.Packages = []finding.Package{{ID: "p", Type: finding.Deb, Name: fmt.Sprint("lib", i), Version: "1"}}
		keep(t, s, r)
	}
	day := 0
	step := func(what string, want int, fixed map[string]string) {
		t.Helper()
		day++
		n, read, err := inventory.RematchReads(t.Context(), s, database(fmt.Sprint("d", day), fixed), log, false)
		if err != nil || n.Total() != 3 || read != want {
			t.Errorf("%s: %d of %d reports read, want %d; %v", what, read, n.Total(), want, err)
		}
	}
	step("nothing is known of them", 3, map[string]string{"lib0": "2"})
	step("the same", 0, map[string]string{"lib0": "2"})
	step("something about others", 0, map[string]string{"lib0": "2", "other": "2"})
	step("something about one", 1, map[string]string{"lib0": "2", "lib1": "2"})
	step("nothing about one any more", 1, map[string]string{"lib1": "2"})
	// One that is scanned anew has asked nothing yet.
	again := bill("app2", "sha256:2", 0)
	again.Packages = []finding.Package{{ID: "p", Type: finding.Deb, Name: "lib1", Version: "1"}}
	keep(t, s, again)
	step("scanned anew", 1, map[string]string{"lib1": "2"})
	was := version.Version
	defer func() { version.Version = was }()
	version.Version += "-next"
	step("another release of Limpet", 3, map[string]string{"lib1": "2"})
	step("the same again", 0, map[string]string{"lib1": "2"})
}
