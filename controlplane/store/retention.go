package store

import (
	"context"
	"fmt"
	"time"
)

// retentionBatch is how many events one transaction of retention removes, so
// that ingest never waits long. By size fewer go at once, because the size is
// measured after each.
const (
	retentionBatch = 2000
	sizeBatch      = 500
)

// DeleteEventsBeforeAnyTenant removes a batch of events received before a
// time. It says how many went; 0 means that it is done.
func (x *Tx) DeleteEventsBeforeAnyTenant(ctx context.Context, before time.Time) (int64, error) {
	res, err := x.db.NewRaw(`DELETE FROM events WHERE seq IN (
		SELECT seq FROM events WHERE received_at < ? AND seq <= (SELECT MIN(seq) + ? FROM events) LIMIT ?)`,
		ns(before), retentionBatch, retentionBatch).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot remove old events: %w", err)
	}
	n, _ := res.RowsAffected()
	if n == 0 {
		_, err := x.db.NewRaw("DELETE FROM event_counts WHERE span < ?", ns(before)-ns(before)%hour).Exec(ctx)
		if err != nil {
			return 0, fmt.Errorf("cannot remove old counts: %w", err)
		}
	}
	return n, nil
}

// DeleteOldestEventsAnyTenant removes a batch of the oldest events, whatever
// their age.
func (x *Tx) DeleteOldestEventsAnyTenant(ctx context.Context) (int64, error) {
	res, err := x.db.NewRaw("DELETE FROM events WHERE seq <= (SELECT MIN(seq) + ? FROM events)", sizeBatch-1).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot remove oldest events: %w", err)
	}
	n, _ := res.RowsAffected()
	return n, nil
}

// InstallEventBytes is how much space events take, in bytes: on SQLite the
// used pages of the whole file, on PostgreSQL the table with its indexes.
func (r Reader) InstallEventBytes(ctx context.Context, d Dialect) (int64, error) {
	q := "SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)" +
		" - (SELECT freelist_count FROM pragma_freelist_count) * (SELECT page_size FROM pragma_page_size)"
	if d == Postgres {
		q = "SELECT pg_total_relation_size('events')"
	}
	var n int64
	if err := r.db.NewRaw(q).Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("cannot measure events: %w", err)
	}
	return n, nil
}

// GiveBackSpace returns free pages to the file system (SQLite), or lets
// PostgreSQL use the space of removed rows again.
func (s *Store) GiveBackSpace(ctx context.Context) error {
	q := "PRAGMA incremental_vacuum(4000)"
	if s.dialect == Postgres {
		q = "VACUUM events"
	}
	if _, err := s.write.ExecContext(ctx, q); err != nil {
		return fmt.Errorf("cannot give back space: %w", err)
	}
	return nil
}
