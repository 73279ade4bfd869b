package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/limpet-security/limpet/internal/tenant"
)

const eventColumns = "tenant, enforcer_id, boot_id, sequence, id, at, observed_at, received_at, group_name, kind, verdict, control, image, search, payload"

var eventColumnNames = []string{"tenant", "enforcer_id", "boot_id", "sequence", "id", "at", "observed_at", "received_at",
	"group_name", "kind", "verdict", "control", "image", "search", "payload"}

func (e *Event) values() []any {
	return []any{string(e.Tenant), e.EnforcerID, e.BootID, e.Sequence, e.ID, e.At, e.ObservedAt, e.ReceivedAt,
		e.GroupName, e.Kind, e.Verdict, e.Control, e.Image, e.Search, e.Payload}
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
		") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING")
	if err != nil {
		return 0, err
	}
	defer func() { _ = insert.Close() }()
	counts := counter{}
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
		}
	}
	if err := counts.write(ctx, tx, "?,?,?,?,?,?,?"); err != nil {
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
		control TEXT, image TEXT, search TEXT, payload BYTEA) ON COMMIT DELETE ROWS`); err != nil {
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
	counts := counter{}
	for i := range events {
		e := &events[i]
		if k := (key{e.Tenant, e.EnforcerID, e.BootID, e.Sequence}); fresh[k] {
			counts.add(e)
			delete(fresh, k) // the same event twice in one batch counts once
		}
	}
	added := 0
	for _, n := range counts {
		added += n.rows
	}
	if err := counts.write(ctx, tx, "$1,$2,$3,$4,$5,$6,$7"); err != nil {
		return 0, err
	}
	return added, tx.Commit()
}

// minute is the width of a row of event_counts, in nanoseconds.
const minute = int64(60_000_000_000)

type countKey struct {
	tenant                         tenant.ID
	minute                         int64
	verdict, control, image, group string
}

type countValue struct {
	rows int
	sum  int64
}

// counter gathers what a batch adds to event_counts.
type counter map[countKey]countValue

func (c counter) add(e *Event) {
	k := countKey{e.Tenant, e.At - e.At%minute, e.Verdict, e.Control, e.Image, e.GroupName}
	v := c[k]
	c[k] = countValue{rows: v.rows + 1, sum: v.sum + max(e.Count, 1)}
}

func (c counter) write(ctx context.Context, tx *sql.Tx, params string) error {
	for k, v := range c {
		_, err := tx.ExecContext(ctx, "INSERT INTO event_counts (tenant, minute, verdict, control, image, group_name, n) VALUES ("+params+
			") ON CONFLICT (tenant, minute, verdict, control, image, group_name) DO UPDATE SET n = event_counts.n + EXCLUDED.n",
			string(k.tenant), k.minute, k.verdict, k.control, k.image, k.group, v.sum)
		if err != nil {
			return err
		}
	}
	return nil
}
