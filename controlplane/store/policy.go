package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Policy is a RuntimePolicy as it stands now. YAML is the author's text,
// Document the same as JSON.
type Policy struct {
	bun.BaseModel `bun:"table:policies"`
	Tenant        tenant.ID `bun:",pk"`
	Name          string    `bun:",pk"`
	YAML          string    `bun:"yaml"`
	Document      string
	Revision      int64 // 1, 2, 3 ...
	CreatedAt     int64
	UpdatedAt     int64
	UpdatedBy     string
}

// PolicyRevision is a policy as it stood once.
type PolicyRevision struct {
	bun.BaseModel `bun:"table:policy_revisions"`
	Tenant        tenant.ID `bun:",pk"`
	Name          string    `bun:",pk"`
	Revision      int64     `bun:",pk"`
	YAML          string    `bun:"yaml"`
	Document      string
	UpdatedAt     int64
	UpdatedBy     string
}

// Policies lists policies by name.
func (r Reader) Policies(ctx context.Context, t tenant.ID, p Page) ([]Policy, string, error) {
	var rows []Policy
	q := r.db.NewSelect().Model(&rows).Where("tenant = ?", t).Order("name").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("name > ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list policies: %w", err)
	}
	rows, next := cut(rows, p, func(a Policy) string { return a.Name })
	return rows, next, nil
}

// CountPolicies counts a tenant's policies.
func (r Reader) CountPolicies(ctx context.Context, t tenant.ID) (int, error) {
	n, err := r.db.NewSelect().Model((*Policy)(nil)).Where("tenant = ?", t).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot count policies: %w", err)
	}
	return int(n), nil
}

// Policy gives one policy.
func (r Reader) Policy(ctx context.Context, t tenant.ID, name string) (Policy, error) {
	var p Policy
	err := r.db.NewSelect().Model(&p).Where("tenant = ? AND name = ?", t, name).Scan(ctx)
	return p, lookup(err, "policy", name)
}

// PolicyRevisions lists how a policy stood, newest first. The cursor is a
// revision number.
func (r Reader) PolicyRevisions(ctx context.Context, t tenant.ID, name string, p Page) ([]PolicyRevision, string, error) {
	var rows []PolicyRevision
	q := r.db.NewSelect().Model(&rows).Where("tenant = ? AND name = ?", t, name).Order("revision DESC").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		n, err := cursorNumbers(p.Cursor, 1)
		if err != nil {
			return nil, "", err
		}
		q = q.Where("revision < ?", n[0])
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list revisions of policy %q: %w", name, err)
	}
	rows, next := cut(rows, p, func(a PolicyRevision) string { return cursorText(a.Revision) })
	return rows, next, nil
}

// AddPolicy adds a policy. Its revision follows the last one a policy of
// that name ever had, so that a revision number is never used twice.
func (x *Tx) AddPolicy(ctx context.Context, t tenant.ID, p Policy) (Policy, error) {
	var last int64
	err := x.db.NewSelect().Model((*PolicyRevision)(nil)).ColumnExpr("COALESCE(MAX(revision), 0)").
		Where("tenant = ? AND name = ?", t, p.Name).Scan(ctx, &last)
	if err != nil {
		return p, fmt.Errorf("cannot read revisions of policy %q: %w", p.Name, err)
	}
	now := ns(Now())
	p.Tenant, p.Revision, p.CreatedAt, p.UpdatedAt = t, last+1, now, now
	if _, err := x.db.NewInsert().Model(&p).Exec(ctx); err != nil {
		return p, inserted(err, "policy", p.Name)
	}
	return p, x.addRevision(ctx, t, p)
}

// SetPolicy writes a policy whose revision is still p.Revision.
func (x *Tx) SetPolicy(ctx context.Context, t tenant.ID, p Policy) (Policy, error) {
	was := p.Revision
	p.Tenant, p.Revision, p.UpdatedAt = t, was+1, ns(Now())
	res, err := x.db.NewUpdate().Model(&p).Column("yaml", "document", "revision", "updated_at", "updated_by").
		Where("tenant = ? AND name = ? AND revision = ?", t, p.Name, was).Exec(ctx)
	if err := changed(res, err, "policy", p.Name, ErrVersion); err != nil {
		return p, err
	}
	return p, x.addRevision(ctx, t, p)
}

func (x *Tx) addRevision(ctx context.Context, t tenant.ID, p Policy) error {
	_, err := x.db.NewInsert().Model(&PolicyRevision{
		Tenant: t, Name: p.Name, Revision: p.Revision, YAML: p.YAML, Document: p.Document,
		UpdatedAt: p.UpdatedAt, UpdatedBy: p.UpdatedBy,
	}).Exec(ctx)
	return inserted(err, "policy revision", p.Name)
}

// DeletePolicy removes a policy that no group uses. Its revisions stay.
func (x *Tx) DeletePolicy(ctx context.Context, t tenant.ID, name string, revision int64) error {
	groups, err := x.GroupsOfPolicy(ctx, t, name)
	if err != nil {
		return err
	}
	if len(groups) > 0 {
		return fmt.Errorf("policy %q is assigned to group %q: %w", name, groups[0], ErrInUse)
	}
	res, err := x.db.NewDelete().Model((*Policy)(nil)).
		Where("tenant = ? AND name = ? AND revision = ?", t, name, revision).Exec(ctx)
	return changed(res, err, "policy", name, ErrVersion)
}
