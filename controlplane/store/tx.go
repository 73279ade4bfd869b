package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Reader answers questions. Store is one (on its read pool), and so is Tx.
type Reader struct{ db bun.IDB }

// Tx is a transaction that may write. It is valid inside Store.Update only.
type Tx struct {
	Reader
	dialect Dialect
}

// Update runs f in a transaction that may write, and commits if f returns
// nil. Writers wait for each other on SQLite.
func (s *Store) Update(ctx context.Context, f func(ctx context.Context, tx *Tx) error) error {
	return s.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		return f(ctx, &Tx{Reader: Reader{db: tx}, dialect: s.dialect})
	})
}

// Lock makes other transactions that lock the same name wait until this one
// ends, so that what is read after it stays true until the commit. SQLite has
// one writer at a time anyway.
func (x *Tx) Lock(ctx context.Context, t tenant.ID, name string) error {
	if x.dialect == SQLite {
		return nil
	}
	if _, err := x.db.NewRaw("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", string(t)+"/"+name).Exec(ctx); err != nil {
		return fmt.Errorf("cannot lock %s: %w", name, err)
	}
	return nil
}

// errRollback ends a dry run.
var errRollback = errors.New("dry run")

// DryRun runs f like Update and then takes everything back: the answer tells
// whether f would have succeeded.
func (s *Store) DryRun(ctx context.Context, f func(ctx context.Context, tx *Tx) error) error {
	err := s.Update(ctx, func(ctx context.Context, tx *Tx) error {
		if err := f(ctx, tx); err != nil {
			return err
		}
		return errRollback
	})
	if errors.Is(err, errRollback) {
		return nil
	}
	return err
}

// lookup turns "no rows" into ErrNotFound.
func lookup(err error, kind, name string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%s %q: %w", kind, name, ErrNotFound)
	}
	return fmt.Errorf("cannot read %s %q: %w", kind, name, err)
}

// inserted turns a broken unique key into ErrExists.
func inserted(err error, kind, name string) error {
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" || strings.Contains(err.Error(), "UNIQUE constraint failed") {
		return fmt.Errorf("%s %q: %w", kind, name, ErrExists)
	}
	return fmt.Errorf("cannot add %s %q: %w", kind, name, err)
}

// changed checks that a conditional UPDATE or DELETE met one row.
func changed(res sql.Result, err error, kind, name string, none error) error {
	if err != nil {
		return fmt.Errorf("cannot change %s %q: %w", kind, name, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("cannot change %s %q: %w", kind, name, err)
	}
	if n == 0 {
		return fmt.Errorf("%s %q: %w", kind, name, none)
	}
	return nil
}

func ns(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// Time reads a column of nanoseconds; 0 is the zero time.
func Time(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// Now is what is written as the time of a change.
func Now() time.Time { return time.Now().UTC() }

// Page bounds a list. Cursor is what the page before gave, "" for the first.
type Page struct {
	Cursor string
	Limit  int
}

// Bounds of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

func (p Page) limit() int {
	switch {
	case p.Limit <= 0:
		return DefaultLimit
	case p.Limit > MaxLimit:
		return MaxLimit
	}
	return p.Limit
}
