package inventory_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/finding"
)

// copier makes artefacts out of those that are kept, within the database: each
// with a name, a digest, a report and rows of its own. Packages' rows, which a
// re-match neither reads nor writes, are not copied.
type copier struct {
	testing.TB
	db      *sql.DB
	sqlite  bool
	columns map[string][]string
	made    map[string]*sql.Stmt
}

var copied = []string{"artifacts", "scans", "scan_pieces", "scan_questions", "artifact_vulnerabilities"}

// copies gives each artefact so many more that there are n in all.
func copies(b testing.TB, s *store.Store, driver, address string, n int) {
	b.Helper()
	db, err := sql.Open(driver, address)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	c := &copier{b, db, driver == "sqlite", map[string][]string{}, map[string]*sql.Stmt{}}
	if c.sqlite {
		c.run("PRAGMA synchronous = OFF")
		c.run("PRAGMA cache_size = -400000")
	} else {
		c.run("SET synchronous_commit = off")
	}
	for _, t := range copied {
		q := "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '" + t + "'"
		if c.sqlite {
			q = "SELECT name FROM pragma_table_info('" + t + "')"
		}
		c.columns[t] = c.texts(q)
	}
	q := "SELECT indexdef FROM pg_indexes WHERE tablename = 'artifact_vulnerabilities' AND indexname NOT LIKE '%pkey'"
	if c.sqlite {
		q = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'artifact_vulnerabilities' AND sql IS NOT NULL"
	}
	indexes := c.texts(q)
	for _, x := range indexes { // made again at the end, which is faster
		c.run("DROP INDEX " + strings.Fields(x)[2])
	}
	all, err := s.ArtifactsByID(b.Context(), tn, "", n)
	if err != nil || len(all) == 0 {
		b.Fatal(len(all), err)
	}
	for i, a := range all {
		c.copies(s, a, i, len(all), n)
	}
	for _, x := range indexes {
		c.run(x)
	}
	c.run("UPDATE vulnerabilities SET artifacts = (SELECT COUNT(DISTINCT v.artifact_id) FROM artifact_vulnerabilities AS v WHERE v.tenant = vulnerabilities.tenant AND v.vulnerability = vulnerabilities.vulnerability)")
	c.run("ANALYZE")
}

// copies makes the artefacts i+step, i+2*step, ... below n out of one.
func (c *copier) copies(s *store.Store, a store.Artifact, i, step, n int) {
	c.Helper()
	packed, err := s.ScanPieces(c.Context(), tn, a.ScanID)
	if err != nil {
		c.Fatal(err)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		c.Fatal(err)
	}
	defer d.Close()
	text, err := d.DecodeAll(packed, nil)
	if err != nil {
		c.Fatal(err)
	}
	var r finding.Report
	if err := json.Unmarshal(text, &r); err != nil {
		c.Fatal(err)
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		c.Fatal(err)
	}
	defer e.Close()
	type copied struct {
		id, name, digest, scan string
		report                 []byte
	}
	made := make(chan copied, 8)
	go func() {
		defer close(made)
		for k := i + step; k < n; k += step {
			x := copied{name: fmt.Sprintf("registry.example/copies%d/app%d:%d", k%200, k%5000, k), digest: fmt.Sprintf("sha256:%064x", k+1<<32), scan: fmt.Sprintf("%s-%d", a.ScanID, k)}
			x.id = store.ArtifactID(a.Kind, x.name, x.digest)
			x.report = e.EncodeAll(bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(a.Name), []byte(x.name)), []byte(a.Digest), []byte(x.digest)), nil)
			made <- x
		}
	}()
	c.run("BEGIN")
	for x := range made {
		c.row("artifacts", "id", a.ID, "id", x.id, "name", x.name, "digest", x.digest, "scan_id", x.scan, "repository", store.Repository(a.Kind, x.name))
		c.row("scans", "id", a.ScanID, "id", x.scan, "artifact_id", x.id)
		c.row("scan_pieces", "scan_id", a.ScanID, "scan_id", x.scan, "data", x.report)
		c.row("scan_questions", "scan_id", a.ScanID, "scan_id", x.scan)
		c.row("artifact_vulnerabilities", "artifact_id", a.ID, "artifact_id", x.id)
	}
	c.run("COMMIT")
}

// row copies the rows of a table of which a column is some text, with other values in some columns.
func (c *copier) row(table, column, was string, other ...any) {
	c.Helper()
	var args []any
	mark := func(v any) string {
		args = append(args, v)
		if c.sqlite {
			return "?"
		}
		if _, bytes := v.([]byte); bytes {
			return fmt.Sprintf("$%d::bytea", len(args))
		}
		return fmt.Sprintf("$%d::text", len(args))
	}
	values := slices.Clone(c.columns[table])
	for i := 0; i < len(other); i += 2 {
		values[slices.Index(values, other[i].(string))] = mark(other[i+1])
	}
	where := mark(was)
	if c.made[table] == nil {
		q := "INSERT INTO " + table + " (" + strings.Join(c.columns[table], ", ") + ") SELECT " + strings.Join(values, ", ") + " FROM " + table +
			" WHERE tenant = '" + string(tn) + "' AND " + column + " = " + where
		made, err := c.db.PrepareContext(context.Background(), q)
		if err != nil {
			c.Fatalf("%v in %.200s", err, q)
		}
		c.made[table] = made
	}
	if _, err := c.made[table].ExecContext(context.Background(), args...); err != nil {
		c.Fatalf("%v: copying %s", err, table)
	}
}

func (c *copier) run(q string) {
	c.Helper()
	if _, err := c.db.ExecContext(context.Background(), q); err != nil {
		c.Fatalf("%v in %.200s", err, q)
	}
}

func (c *copier) texts(q string) (all []string) {
	c.Helper()
	rows, err := c.db.QueryContext(context.Background(), q)
	if err != nil {
		c.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			c.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil || len(all) == 0 {
		c.Fatal(q, err)
	}
	return all
}
