package api

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"fmt"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/publish"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

// BenchmarkInventoryLists asks the inventory's lists for their pages on SQLite, over
// 1,000,000 findings of 20,000 artefacts (LIMPET_BENCH_ROWS sets another number of
// findings): 10,000 vulnerabilities, one of which is in every second artefact.
func BenchmarkInventoryLists(b *testing.B) { inventoryLists(b, "sqlite", storetest.SQLite(b)) }

func inventoryLists(b *testing.B, driver, address string) {
	rows := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("LIMPET_BENCH_ROWS")); err == nil {
		rows = n
	}
	st, err := store.Open(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	secret, shown, hash := access.NewSecret(access.APITokenPrefix)
	err = st.Update(b.Context(), func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InitInstall(ctx); err != nil {
			return err
		}
		_, err := tx.AddAPIToken(ctx, "default", store.APIToken{ID: shown, Name: "bench", Prefix: shown, Hash: hash, Roles: []string{access.Administrator}})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	began := time.Now()
	fillInventory(b, db, driver, rows)
	fmt.Fprintf(os.Stderr, "%d findings made in %v\n", rows, time.Since(began).Round(time.Second))
	h := New(Config{Store: st, Publisher: publish.New(st, oneKey{key}), Live: &events.Hub{}, Version: "test"}).Handler()
	for _, path := range []string{
		"/artifacts", "/artifacts?kind=image", "/artifacts?result=fail", "/artifacts?q=team7", "/artifacts?q=no+such+words", "/artifacts?vulnerability=CVE-2020-1", "/artifacts?vulnerability=CVE-2020-77",
		"/artifacts?package=lib-7", "/artifacts/a77", "/artifacts/a77/vulnerabilities", "/artifacts/a77/packages",
		"/vulnerabilities", "/vulnerabilities?severity=critical", "/vulnerabilities?kev=true", "/vulnerabilities?fixable=true", "/vulnerabilities?q=CVE-2020-77",
		"/vulnerabilities/CVE-2020-1", "/vulnerabilities/CVE-2020-1/artifacts", "/vulnerabilities/CVE-2020-1/workloads", "/vulnerabilities/CVE-2020-77/workloads",
	} {
		b.Run(strings.TrimPrefix(path, "/"), func(b *testing.B) {
			report(b, func() {
				req := httptest.NewRequestWithContext(b.Context(), "GET", prefix+path, nil)
				req.Header.Set("Authorization", "Bearer "+secret)
				w := httptest.NewRecorder()
				if h.ServeHTTP(w, req); w.Code != 200 {
					b.Fatalf("%s: %d %s", path, w.Code, w.Body)
				}
			})
		})
	}
}

// fillInventory makes the rows in the database.
func fillInventory(b *testing.B, db *sql.DB, driver string, rows int) {
	b.Helper()
	db.SetMaxOpenConns(1)
	run := func(q string) {
		b.Helper()
		if _, err := db.ExecContext(b.Context(), q); err != nil {
			b.Fatalf("%v in %.200s", err, q)
		}
	}
	if driver == "sqlite" {
		run("PRAGMA synchronous = OFF")
		run("PRAGMA cache_size = -200000")
	} else {
		run("SET synchronous_commit = off")
	}
	series := func(n int) string {
		return fmt.Sprintf("WITH RECURSIVE g(n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM g WHERE n < %d) ", n)
	}
	const each = 50
	artifacts := max(rows/each, 100)
	run(series(artifacts) + `INSERT INTO artifacts (tenant, id, kind, name, digest, platform, os, created, size, labels, first_seen, scanned_at, scan_id, source, result, integrity,
		packages, critical, high, medium, low, negligible, unknown, fixable, secrets, malware, misconfigurations, repository, risk)
		SELECT 'default', 'a' || n, CASE WHEN n % 20 = 0 THEN 'host' ELSE 'image' END, 'registry.example/team' || (n % 200) || '/app' || n || ':1', 'sha256:' || n, 'linux/amd64', 'debian 12', '', 1, '{}',
		n, n, 's' || n, 'ci', CASE WHEN n % 3 = 0 THEN 'fail' ELSE 'pass' END, 'complete', 200, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 'registry.example/team' || (n % 200) || '/app' || n, n % 1000 FROM g`)
	run(series(artifacts) + `INSERT INTO scans (tenant, id, artifact_id, source, scanned_by, scanned_at, scanner, database_digest, database_built, result, verdict, report_bytes)
		SELECT 'default', 's' || n, 'a' || n, 'ci', 'me', n, '1', 'd', 1, 'pass', '{}', 1 FROM g`)
	found := `INSERT INTO artifact_vulnerabilities (tenant, artifact_id, vulnerability, package_id, package, package_version, package_type, severity, score, epss, kev, fixed_version, title, first_seen) `
	const rest = `'1.0', 'deb', n % 6, 5.0, 0.1, FALSE, CASE WHEN n % 2 = 0 THEN '2.0' ELSE '' END, 'a title of some length that says what is wrong', n FROM g`
	run(series(rows) + found + fmt.Sprintf(`SELECT 'default', 'a' || (n %% %d + 1), 'CVE-2020-' || (2 + n * 7919 %% 9999), 'p' || n, 'lib-' || (n %% 3000), `, artifacts) + rest)
	run(series(artifacts/2) + found + `SELECT 'default', 'a' || (2 * n), 'CVE-2020-1', 'q' || n, 'lib-1', ` + rest)
	run(`INSERT INTO vulnerabilities (tenant, vulnerability, severity, score, epss, kev, fixable, title, artifacts, first_seen)
		SELECT tenant, vulnerability, MAX(severity), MAX(score), MAX(epss), MIN(first_seen) % 50 = 0, TRUE, MAX(title), COUNT(DISTINCT artifact_id), MIN(first_seen) FROM artifact_vulnerabilities GROUP BY tenant, vulnerability`)
	run(series(rows) + fmt.Sprintf(`INSERT INTO artifact_packages (tenant, artifact_id, package_id, package, package_version, package_type, purl)
		SELECT 'default', 'a' || (n %% %d + 1), 'p' || n, 'lib-' || (n %% 3000), '1.0', 'deb', 'pkg:deb/lib' FROM g`, artifacts))
	run(series(10_000) + `INSERT INTO enforcers SELECT 'default', 'enforcer-' || n, 'group-' || (n % 50 + 1), 'micro', 'host-' || n, 'image-' || (n % 200), 'sha256:' || n, FALSE, '{}', '0.1.0', 'A1', '6.18', 'amd64',
		'boot', '10.0.0.1', FALSE, 7, '[]', '{}', 1, 1, 1, 1, 0, 0, 0, 0, 0 FROM g`)
	run("ANALYZE")
	if driver == "sqlite" { // or the first to write, who notes that a token was used, does it
		run("PRAGMA wal_checkpoint(TRUNCATE)")
	}
}
