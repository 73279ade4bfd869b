package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/limpet-security/limpet/internal/tenant"
)

const eventColumns = "tenant, enforcer_id, boot_id, sequence, id, at, observed_at, received_at, group_name, kind, verdict, control, image, search, payload, item"

var eventColumnNames = []string{"tenant", "enforcer_id", "boot_id", "sequence", "id", "at", "observed_at", "received_at",
	"group_name", "kind", "verdict", "control", "image", "search", "payload", "item"}

func (e *Event) values() []any {
	return []any{string(e.Tenant), e.EnforcerID, e.BootID, e.Sequence, e.ID, e.At, e.ObservedAt, e.ReceivedAt,
		e.GroupName, e.Kind, e.Verdict, e.Control, e.Image, e.Search, e.Payload, e.Item}
}

// AddEventsAnyTenant commits a batch in one transaction: each event carries
// its own tenant, because batches of many enforcers are committed together.
// An event whose (tenant, enforcer, boot id, sequence) is there already is
// left out. It returns how many were new; when it returns without an error
// all of them are on disk.
func (s *Store) AddEventsAnyTenant(ctx context.Context, events []Event) (added int, err error) {
	if len(events) == 0 {
		return 0, nil
	}
	if s.dialect == Postgres {
		added, err = s.copyEvents(ctx, events)
	} else {
		added, err = s.insertEvents(ctx, events)
	}
	if err != nil {
		return 0, fmt.Errorf("cannot commit %d events: %w", len(events), err)
	}
	return added, nil
}

// insertEvents is the way of SQLite: one prepared statement, run per row.
func (s *Store) insertEvents(ctx context.Context, events []Event) (int, error) {
	tx, err := s.write.DB.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	insert, err := tx.PrepareContext(ctx, "INSERT INTO events ("+eventColumns+
		") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING")
	if err != nil {
		return 0, err
	}
	defer func() { _ = insert.Close() }()
	counts, causes := counter{}, causes{}
	added := 0
	for i := range events {
		res, err := insert.ExecContext(ctx, events[i].values()...)
		if err != nil {
			return 0, err
		}
		if n, err := res.RowsAffected(); err != nil {
			return 0, err
		} else if n == 1 {
			added++
			counts.add(&events[i])
			causes.add(&events[i])
		}
	}
	if err := counts.write(ctx, tx, "?,?,?,?,?,?,?"); err != nil {
		return 0, err
	}
	if err := causes.write(ctx, tx, s.dialect); err != nil {
		return 0, err
	}
	return added, tx.Commit()
}

// copyEvents is the way of PostgreSQL: COPY into a temporary table, then one
// INSERT that says which rows were new.
func (s *Store) copyEvents(ctx context.Context, events []Event) (int, error) {
	conn, err := s.write.DB.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE IF NOT EXISTS incoming (n BIGINT, tenant TEXT, enforcer_id TEXT, boot_id TEXT,
		sequence BIGINT, id TEXT, at BIGINT, observed_at BIGINT, received_at BIGINT, group_name TEXT, kind TEXT, verdict TEXT,
		control TEXT, image TEXT, search TEXT, payload BYTEA, item BIGINT) ON COMMIT DELETE ROWS`); err != nil {
		return 0, err
	}
	err = conn.Raw(func(driver any) error {
		c := driver.(*stdlib.Conn).Conn()
		_, err := c.CopyFrom(ctx, pgx.Identifier{"incoming"}, append([]string{"n"}, eventColumnNames...),
			pgx.CopyFromSlice(len(events), func(i int) ([]any, error) {
				return append([]any{int64(i)}, events[i].values()...), nil
			}))
		return err
	})
	if err != nil {
		return 0, err
	}
	rows, err := tx.QueryContext(ctx, "INSERT INTO events ("+eventColumns+") SELECT "+eventColumns+
		" FROM incoming ORDER BY n ON CONFLICT (tenant, enforcer_id, boot_id, sequence) DO NOTHING"+
		" RETURNING tenant, enforcer_id, boot_id, sequence")
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	type key struct {
		tenant         tenant.ID
		enforcer, boot string
		sequence       int64
	}
	fresh := make(map[key]bool, len(events))
	for rows.Next() {
		var k key
		if err := rows.Scan(&k.tenant, &k.enforcer, &k.boot, &k.sequence); err != nil {
			return 0, err
		}
		fresh[k] = true
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	counts, causes := counter{}, causes{}
	added := len(fresh)
	for i := range events {
		e := &events[i]
		if k := (key{e.Tenant, e.EnforcerID, e.BootID, e.Sequence}); fresh[k] {
			counts.add(e)
			causes.add(e)
			delete(fresh, k) // the same event twice in one batch counts once
		}
	}
	if err := counts.write(ctx, tx, "$1,$2,$3,$4,$5,$6,$7"); err != nil {
		return 0, err
	}
	if err := causes.write(ctx, tx, s.dialect); err != nil {
		return 0, err
	}
	return added, tx.Commit()
}

// Widths of the spans of event_counts, in nanoseconds.
const (
	minute = int64(60_000_000_000)
	hour   = 60 * minute
)

// Dimensions of event_counts.
const (
	byTime    = "" // by minute
	byHour    = "hour"
	byControl = "control"
	byImage   = "image"
)

type countKey struct {
	tenant    tenant.ID
	dimension string
	span      int64
	name      string
	group     string
	verdict   string
}

// counter gathers what a batch adds to event_counts.
type counter map[countKey]int64

// add counts an event for its group and for all groups together ("").
func (c counter) add(e *Event) {
	n := max(e.Count, 1)
	one := func(dimension, name string, width int64) {
		k := countKey{e.Tenant, dimension, e.At - e.At%width, name, e.GroupName, e.Verdict}
		c[k] += n
		if k.group != "" {
			k.group = ""
			c[k] += n
		}
	}
	one(byTime, "", minute)
	one(byHour, "", hour)
	if e.Control != "" {
		one(byControl, e.Control, hour)
	}
	if e.Image != "" {
		one(byImage, e.Image, hour)
	}
}

func (c counter) write(ctx context.Context, tx *sql.Tx, params string) error {
	if len(c) == 0 {
		return nil
	}
	add, err := tx.PrepareContext(ctx, "INSERT INTO event_counts (tenant, dimension, span, name, group_name, verdict, n) VALUES ("+params+
		") ON CONFLICT (tenant, dimension, group_name, span, name, verdict) DO UPDATE SET n = event_counts.n + EXCLUDED.n")
	if err != nil {
		return err
	}
	defer func() { _ = add.Close() }()
	// In one order for all writers, so that two never wait for each other.
	for _, k := range slices.SortedFunc(maps.Keys(c), func(a, b countKey) int {
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.dimension, b.dimension), cmp.Compare(a.group, b.group),
			cmp.Compare(a.span, b.span), cmp.Compare(a.name, b.name), cmp.Compare(a.verdict, b.verdict))
	}) {
		if _, err := add.ExecContext(ctx, string(k.tenant), k.dimension, k.span, k.name, k.group, k.verdict, c[k]); err != nil {
			return err
		}
	}
	return nil
}
