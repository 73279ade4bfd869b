package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// AuditRecord is one change that somebody made. Before and After are JSON
// texts without secrets, "" where there was or is nothing.
type AuditRecord struct {
	bun.BaseModel `bun:"table:audit"`
	Tenant        tenant.ID `bun:",pk"`
	ID            string    `bun:",pk"` // UUIDv7
	At            int64
	Actor         string
	Action        string
	ObjectKind    string
	ObjectName    string
	Before        string
	After         string
	RemoteAddr    string
}

// AuditFilter narrows a list of audit records; zero fields match all.
type AuditFilter struct {
	Actor, Action, ObjectKind, ObjectName string
}

// AuditRecords lists records, newest first.
func (r Reader) AuditRecords(ctx context.Context, t tenant.ID, f AuditFilter, p Page) ([]AuditRecord, string, error) {
	var rows []AuditRecord
	q := r.db.NewSelect().Model(&rows).Where("tenant = ?", t).Order("id DESC").Limit(int64(p.limit()) + 1)
	for column, v := range map[string]string{
		"actor": f.Actor, "action": f.Action, "object_kind": f.ObjectKind, "object_name": f.ObjectName,
	} {
		if v != "" {
			q = q.Where("? = ?", bunIdent(column), v)
		}
	}
	if p.Cursor != "" {
		q = q.Where("id < ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list audit records: %w", err)
	}
	rows, next := cut(rows, p, func(a AuditRecord) string { return a.ID })
	return rows, next, nil
}

// AppendAudit adds a record. There is no way to change or remove one.
func (x *Tx) AppendAudit(ctx context.Context, t tenant.ID, a AuditRecord) error {
	a.Tenant = t
	_, err := x.db.NewInsert().Model(&a).Exec(ctx)
	return inserted(err, "audit record", a.ID)
}
