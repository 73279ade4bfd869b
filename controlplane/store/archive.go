package store

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/uptrace/bun"
)

// archived lists every table of an archive, in the order of writing. Sessions
// are left out, for a restored install asks people to sign in again, and so are
// reports on their way: their leases have ended.
var archived = []string{
	"tenants", "install", "keys", "users", "api_tokens", "audit", "reputation_lists", "policies", "policy_revisions", "assurance_policies", "assurance_policy_revisions", "assurance_tests", "exceptions", "assurance_changes", "enforcer_groups", "group_policies",
	"join_tokens", "bundles", "enforcers", "revoked_enforcers", "revoked_images", "profiles", "profile_items", "profile_boots", "findings", "finding_places",
	"registries", "registry_repositories", "registry_tags", "registry_deliveries",
	"scan_jobs", "scan_workers", "artifacts", "scans", "scan_pieces", "scan_questions", "artifact_vulnerabilities", "vulnerabilities", "artifact_packages", "inventory_days", "events", "event_counts",
}

// Errors of an archive.
var (
	ErrArchive  = errors.New("not a whole archive of Limpet")
	ErrNotEmpty = errors.New("the database holds an install already")
)

const (
	archiveName   = "limpet-archive"
	archiveFormat = 1
	maxLine       = 32 << 20 // bytes of one row as JSON
)

// An archive is lines of JSON: a head, then for each table a line that names
// it and its columns followed by its rows as arrays, then an end with the
// number of rows. Bytes are {"b": base64}.
type (
	archiveHead struct {
		Name   string    `json:"name"`
		Format int       `json:"format"`
		Schema int64     `json:"schema"`
		At     time.Time `json:"at"`
	}
	archiveTable struct {
		Table   string   `json:"table"`
		Columns []string `json:"columns"`
	}
	archiveEnd struct {
		End  bool  `json:"end"`
		Rows int64 `json:"rows"`
	}
	archiveBytes struct {
		B []byte `json:"b"`
	}
)

// WriteInstallArchive writes every table as it stood at one moment, while the
// server may go on writing. Without events, their rows and counts are left out.
func (s *Store) WriteInstallArchive(ctx context.Context, w io.Writer, events bool) (rows int64, err error) {
	opts := &sql.TxOptions{}
	if s.dialect == Postgres {
		opts = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	tx, err := s.read.DB.BeginTx(ctx, opts)
	if err != nil {
		return 0, fmt.Errorf("cannot write archive: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	schema, err := s.SchemaVersion(ctx)
	if err != nil {
		return 0, err
	}
	enc := json.NewEncoder(w)
	if err := enc.Encode(archiveHead{archiveName, archiveFormat, schema, Now()}); err != nil {
		return 0, fmt.Errorf("cannot write archive: %w", err)
	}
	for _, table := range archived {
		if !events && (table == "events" || table == "event_counts") {
			continue
		}
		n, err := writeTable(ctx, tx, enc, table)
		if err != nil {
			return rows, fmt.Errorf("cannot write table %s to archive: %w", table, err)
		}
		rows += n
	}
	if err := enc.Encode(archiveEnd{true, rows}); err != nil {
		return rows, fmt.Errorf("cannot write archive: %w", err)
	}
	return rows, nil
}

func writeTable(ctx context.Context, tx *sql.Tx, enc *json.Encoder, table string) (n int64, err error) {
	q := "SELECT * FROM " + table
	if table == "events" {
		q += " ORDER BY seq"
	}
	rows, err := tx.QueryContext(ctx, q)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	if err := enc.Encode(archiveTable{table, columns}); err != nil {
		return 0, err
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return 0, err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		for i, v := range values {
			switch v := v.(type) {
			case []byte:
				values[i] = archiveBytes{v}
			case int64:
				if types[i].DatabaseTypeName() == "BOOLEAN" { // SQLite keeps 0 and 1
					values[i] = v != 0
				}
			}
		}
		if err := enc.Encode(values); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// ReadInstallArchive fills an empty database from an archive, which may come
// from the other dialect, and raises the epoch. All of it happens or nothing.
func (s *Store) ReadInstallArchive(ctx context.Context, r io.Reader) (rows int64, err error) {
	err = s.write.RunInTx(ctx, nil, func(ctx context.Context, btx bun.Tx) error {
		tx := &Tx{Reader: Reader{db: btx}, dialect: s.dialect}
		for _, table := range []string{"users", "keys", "enforcer_groups", "events"} {
			var n int
			if err := btx.NewRaw("SELECT COUNT(*) FROM (SELECT 1 FROM ? LIMIT 1) AS t", bunIdent(table)).Scan(ctx, &n); err != nil {
				return fmt.Errorf("cannot look at table %s: %w", table, err)
			}
			if n > 0 {
				return ErrNotEmpty
			}
		}
		for _, table := range archived {
			if _, err := btx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
				return fmt.Errorf("cannot empty table %s: %w", table, err)
			}
		}
		if rows, err = s.readArchive(ctx, btx.Tx, r); err != nil {
			return err
		}
		if s.dialect == Postgres {
			_, err := btx.ExecContext(ctx, "SELECT setval(pg_get_serial_sequence('events', 'seq'), (SELECT COALESCE(MAX(seq), 0) + 1 FROM events), false)")
			if err != nil {
				return fmt.Errorf("cannot number events: %w", err)
			}
		}
		_, err := tx.RaiseInstallEpoch(ctx)
		return err
	})
	return rows, err
}

func (s *Store) readArchive(ctx context.Context, tx *sql.Tx, r io.Reader) (rows int64, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	if !lines.Scan() {
		return 0, errors.Join(ErrArchive, lines.Err())
	}
	var head archiveHead
	if err := json.Unmarshal(lines.Bytes(), &head); err != nil || head.Name != archiveName {
		return 0, ErrArchive
	}
	schema, err := s.SchemaVersion(ctx)
	if err != nil {
		return 0, err
	}
	if head.Format != archiveFormat || head.Schema > schema {
		return 0, fmt.Errorf("%w: it was written by a newer version (format %d, schema %d)", ErrArchive, head.Format, head.Schema)
	}
	var insert *sql.Stmt
	var width int
	defer func() {
		if insert != nil {
			_ = insert.Close()
		}
	}()
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) > 0 && line[0] == '[' {
			if insert == nil {
				return rows, fmt.Errorf("%w: a row stands before its table", ErrArchive)
			}
			values, err := archiveRow(line, width)
			if err != nil {
				return rows, err
			}
			if _, err := insert.ExecContext(ctx, values...); err != nil {
				return rows, fmt.Errorf("cannot restore a row: %w", err)
			}
			rows++
			continue
		}
		var next struct {
			archiveTable
			archiveEnd
		}
		if err := json.Unmarshal(line, &next); err != nil {
			return rows, fmt.Errorf("%w: %w", ErrArchive, err)
		}
		if next.End {
			if next.Rows != rows {
				return rows, fmt.Errorf("%w: it promises %d rows and has %d", ErrArchive, next.Rows, rows)
			}
			return rows, completeCounts(ctx, tx, head.Schema)
		}
		if insert != nil {
			_ = insert.Close()
		}
		if insert, err = s.insertInto(ctx, tx, next.archiveTable); err != nil {
			return rows, err
		}
		width = len(next.Columns)
	}
	return rows, errors.Join(ErrArchive, lines.Err())
}

// completeCounts makes the counts that archives have had since schema 4 out of
// those that they had before.
func completeCounts(ctx context.Context, tx *sql.Tx, schema int64) error {
	if schema >= 4 {
		return nil
	}
	for _, q := range []string{
		`INSERT INTO event_counts (tenant, dimension, span, name, group_name, verdict, n)
			SELECT tenant, 'hour', span - span % 3600000000000, '', group_name, verdict, SUM(n) FROM event_counts
			WHERE dimension = '' GROUP BY tenant, span - span % 3600000000000, group_name, verdict`,
		`INSERT INTO event_counts (tenant, dimension, span, name, group_name, verdict, n)
			SELECT tenant, dimension, span, name, '', verdict, SUM(n) FROM event_counts
			WHERE group_name <> '' GROUP BY tenant, dimension, span, name, verdict`,
	} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("cannot complete the counts of an older archive: %w", err)
		}
	}
	return nil
}

// insertInto prepares the statement for a table's rows. Names are checked
// against what this version has before they stand in SQL.
func (s *Store) insertInto(ctx context.Context, tx *sql.Tx, t archiveTable) (*sql.Stmt, error) {
	known := false
	for _, name := range archived {
		known = known || name == t.Table
	}
	if !known || len(t.Columns) == 0 || len(t.Columns) > 64 {
		return nil, fmt.Errorf("%w: unknown table %.60q", ErrArchive, t.Table)
	}
	marks := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		if c == "" || strings.Trim(c, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return nil, fmt.Errorf("%w: column %.60q of table %s", ErrArchive, c, t.Table)
		}
		marks[i] = "?"
		if s.dialect == Postgres {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
	}
	stmt, err := tx.PrepareContext(ctx, "INSERT INTO "+t.Table+` ("`+strings.Join(t.Columns, `", "`)+`") VALUES (`+strings.Join(marks, ", ")+")")
	if err != nil {
		return nil, fmt.Errorf("cannot restore table %s: %w", t.Table, err)
	}
	return stmt, nil
}

func archiveRow(line []byte, width int) ([]any, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var values []any
	if err := dec.Decode(&values); err != nil || len(values) != width {
		return nil, fmt.Errorf("%w: a row is damaged", ErrArchive)
	}
	for i, v := range values {
		switch v := v.(type) {
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				return nil, fmt.Errorf("%w: a number is damaged", ErrArchive)
			}
			values[i] = n
		case map[string]any:
			var b archiveBytes
			raw, err := json.Marshal(v)
			if err == nil {
				err = json.Unmarshal(raw, &b)
			}
			if err != nil {
				return nil, fmt.Errorf("%w: bytes are damaged", ErrArchive)
			}
			values[i] = b.B
			if b.B == nil {
				values[i] = []byte{}
			}
		case []any:
			return nil, fmt.Errorf("%w: a row is damaged", ErrArchive)
		}
	}
	return values, nil
}
