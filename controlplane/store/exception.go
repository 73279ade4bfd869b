package store

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// States of an exception. An approved one whose time has passed is expired:
// that state is never written.
const (
	ExceptionRequested = "requested"
	ExceptionApproved  = "approved"
	ExceptionRefused   = "refused"
	ExceptionRevoked   = "revoked"
	ExceptionExpired   = "expired"
	ExceptionExpiring  = "expiring" // filter only: approved, and soon expired
)

// Exception is an exception as it stands now.
type Exception struct {
	bun.BaseModel `bun:"table:exceptions"`
	Tenant        tenant.ID `bun:",pk"`
	Name          string    `bun:",pk"`
	YAML          string    `bun:"yaml"`
	Document      string
	State         string
	Owner         string
	ExpiresAt     int64
	RequestedBy   string // as shown
	RequestedAs   string // the person behind it: who may not approve it
	RequestedAt   int64
	DecidedBy     string
	DecidedAt     int64
	Comment       string // of the decision
	Version       int64
}

// StateAt gives the state, expired ones included.
func (e Exception) StateAt(now time.Time) string {
	if e.State == ExceptionApproved && e.ExpiresAt <= ns(now) {
		return ExceptionExpired
	}
	return e.State
}

// ExceptionFilter narrows a list of exceptions; zero fields match all.
type ExceptionFilter struct {
	State string // one of the states above
	Now   time.Time
	Soon  time.Duration // what expiring means
	Query string        // part of the document
	NotBy string        // asked for by somebody else than this person
}

func (f ExceptionFilter) where(q *bun.SelectQuery) *bun.SelectQuery {
	now := ns(f.Now)
	switch f.State {
	case "":
	case ExceptionApproved:
		q = q.Where("state = ? AND expires_at > ?", ExceptionApproved, now)
	case ExceptionExpired:
		q = q.Where("state = ? AND expires_at <= ?", ExceptionApproved, now)
	case ExceptionExpiring:
		q = q.Where("state = ? AND expires_at > ? AND expires_at <= ?", ExceptionApproved, now, ns(f.Now.Add(f.Soon)))
	default:
		q = q.Where("state = ?", f.State)
	}
	if f.NotBy != "" {
		q = q.Where("requested_as <> ?", f.NotBy)
	}
	if f.Query != "" {
		q = q.Where("LOWER(document) LIKE LOWER(?) ESCAPE '!'", "%"+escapeLike(f.Query)+"%")
	}
	return q
}

func (f ExceptionFilter) list(r Reader, into any, t tenant.ID, p Page) (*bun.SelectQuery, error) {
	q := f.where(r.db.NewSelect().Model(into).Where("tenant = ?", t)).Order("expires_at", "name").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		at, name, err := cursorNamed(p.Cursor)
		if err != nil {
			return nil, err
		}
		q = q.Where("(expires_at, name) > (?, ?)", at, name)
	}
	return q, nil
}

// Exceptions lists exceptions, the first to expire first.
func (r Reader) Exceptions(ctx context.Context, t tenant.ID, f ExceptionFilter, p Page) ([]Exception, string, error) {
	var rows []Exception
	q, err := f.list(r, &rows, t, p)
	if err != nil {
		return nil, "", err
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list exceptions: %w", err)
	}
	rows, next := cut(rows, p, func(e Exception) string { return cursorName(e.ExpiresAt, e.Name) })
	return rows, next, nil
}

// CountExceptions counts exceptions.
func (r Reader) CountExceptions(ctx context.Context, t tenant.ID, f ExceptionFilter) (int, error) {
	n, err := f.where(r.db.NewSelect().Model((*Exception)(nil)).Where("tenant = ?", t)).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot count exceptions: %w", err)
	}
	return int(n), nil
}

// Exception gives one exception.
func (r Reader) Exception(ctx context.Context, t tenant.ID, name string) (Exception, error) {
	var e Exception
	err := r.db.NewSelect().Model(&e).Where("tenant = ? AND name = ?", t, name).Scan(ctx)
	return e, lookup(err, "exception", name)
}

// AddException adds an exception.
func (x *Tx) AddException(ctx context.Context, t tenant.ID, e Exception) (Exception, error) {
	e.Tenant, e.Version = t, 1
	_, err := x.db.NewInsert().Model(&e).Exec(ctx)
	return e, inserted(err, "exception", e.Name)
}

// SetException writes an exception whose version is still e.Version.
func (x *Tx) SetException(ctx context.Context, t tenant.ID, e Exception) (Exception, error) {
	was := e.Version
	e.Tenant, e.Version = t, was+1
	res, err := x.db.NewUpdate().Model(&e).ExcludeColumn("tenant", "name").Where("tenant = ? AND name = ? AND version = ?", t, e.Name, was).Exec(ctx)
	return e, changed(res, err, "exception", e.Name, ErrVersion)
}

// DeleteException removes an exception.
func (x *Tx) DeleteException(ctx context.Context, t tenant.ID, name string, version int64) error {
	res, err := x.db.NewDelete().Model((*Exception)(nil)).Where("tenant = ? AND name = ? AND version = ?", t, name, version).Exec(ctx)
	return changed(res, err, "exception", name, ErrVersion)
}
