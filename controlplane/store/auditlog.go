package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// scan finds the keys of what f matches.
func (f AuditFilter) scan(t tenant.ID) scan[string] {
	indexed := map[string]string{}
	left := map[string]string{"actor": f.Actor, "action": f.Action, "object_kind": f.ObjectKind, "object_name": f.ObjectName}
	by := func(columns ...string) bool {
		for _, c := range columns {
			if left[c] == "" {
				return false
			}
		}
		for _, c := range columns {
			indexed[c] = left[c]
			delete(left, c)
		}
		return true
	}
	_ = by("object_kind", "object_name") || by("actor") || by("action") || by("object_kind")
	where := func(q *bun.SelectQuery, columns map[string]string) *bun.SelectQuery {
		for _, c := range slices.Sorted(maps.Keys(columns)) {
			if columns[c] != "" {
				q = q.Where("? = ?", bunIdent(c), columns[c])
			}
		}
		return q
	}
	s := scan[string]{
		table: (*AuditRecord)(nil), key: []string{"id"}, order: "id DESC",
		index: func(q *bun.SelectQuery) *bun.SelectQuery { return where(q.Where("tenant = ?", t), indexed) },
		after: func(q *bun.SelectQuery, id string) *bun.SelectQuery { return q.Where("id < ?", id) },
	}
	if strings.Join(slices.Collect(maps.Values(left)), "") != "" {
		s.needs = []string{"actor", "action", "object_kind", "object_name"}
		s.rest = func(q *bun.SelectQuery) *bun.SelectQuery { return where(q, left) }
	}
	return s
}

// AuditRecords lists records, newest first. A page may be short or empty
// although next is set, like a page of events.
func (r Reader) AuditRecords(ctx context.Context, t tenant.ID, f AuditFilter, p Page) (rows []AuditRecord, next string, err error) {
	var after *string
	if p.Cursor != "" {
		after = &p.Cursor
	}
	keys, more, err := f.scan(t).page(ctx, r, after, p.limit())
	if err == nil && len(keys) > 0 {
		err = r.db.NewSelect().Model(&rows).Where("tenant = ? AND id IN (?)", t, bun.List(keys)).Order("id DESC").Scan(ctx)
	}
	if err != nil {
		return nil, "", fmt.Errorf("cannot list audit records: %w", err)
	}
	if more != nil {
		next = *more
	}
	return rows, next, nil
}

// AppendAudit adds a record. There is no way to change or remove one.
func (x *Tx) AppendAudit(ctx context.Context, t tenant.ID, a AuditRecord) error {
	a.Tenant = t
	_, err := x.db.NewInsert().Model(&a).Exec(ctx)
	return inserted(err, "audit record", a.ID)
}
