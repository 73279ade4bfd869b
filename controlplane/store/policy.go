package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Policy is a policy as it stands now, of either kind. YAML is the author's
// text, Document the same as JSON.
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
	Note          string `bun:"-"` // why it was changed; kept with the revision
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
	Note          string // why, by who wrote it
}

// PolicyKind is a kind of policies: its tables and what messages call it.
type PolicyKind struct {
	Noun      string
	table     string
	revisions string
}

// The kinds of policies.
var (
	RuntimePolicies   = PolicyKind{"policy", "policies", "policy_revisions"}
	AssurancePolicies = PolicyKind{"assurance policy", "assurance_policies", "assurance_policy_revisions"}
)

func (k PolicyKind) selects(r Reader, into any) *bun.SelectQuery {
	return r.db.NewSelect().Model(into).ModelTableExpr("? AS policy", bun.Ident(k.table))
}

// PoliciesOf lists policies of a kind by name.
func (r Reader) PoliciesOf(ctx context.Context, t tenant.ID, k PolicyKind, p Page) ([]Policy, string, error) {
	var rows []Policy
	q := k.selects(r, &rows).Where("tenant = ?", t).Order("name").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("name > ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list %s: %w", k.table, err)
	}
	rows, next := cut(rows, p, func(a Policy) string { return a.Name })
	return rows, next, nil
}

// PolicyOf gives one policy of a kind.
func (r Reader) PolicyOf(ctx context.Context, t tenant.ID, k PolicyKind, name string) (Policy, error) {
	var p Policy
	err := k.selects(r, &p).Where("tenant = ? AND name = ?", t, name).Scan(ctx)
	return p, lookup(err, k.Noun, name)
}

// RevisionsOf lists how a policy stood, newest first. The cursor is a
// revision number.
func (r Reader) RevisionsOf(ctx context.Context, t tenant.ID, k PolicyKind, name string, p Page) ([]PolicyRevision, string, error) {
	var rows []PolicyRevision
	q := r.db.NewSelect().Model(&rows).ModelTableExpr("? AS policy_revision", bun.Ident(k.revisions)).
		Where("tenant = ? AND name = ?", t, name).Order("revision DESC").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		n, err := cursorNumbers(p.Cursor, 1)
		if err != nil {
			return nil, "", err
		}
		q = q.Where("revision < ?", n[0])
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list revisions of %s %q: %w", k.Noun, name, err)
	}
	rows, next := cut(rows, p, func(a PolicyRevision) string { return cursorText(a.Revision) })
	return rows, next, nil
}

// AddPolicyOf adds a policy. Its revision follows the last one a policy of
// that name ever had, so that a revision number is never used twice.
func (x *Tx) AddPolicyOf(ctx context.Context, t tenant.ID, k PolicyKind, p Policy) (Policy, error) {
	var last int64
	err := x.db.NewSelect().TableExpr("?", bun.Ident(k.revisions)).ColumnExpr("COALESCE(MAX(revision), 0)").
		Where("tenant = ? AND name = ?", t, p.Name).Scan(ctx, &last)
	if err != nil {
		return p, fmt.Errorf("cannot read revisions of %s %q: %w", k.Noun, p.Name, err)
	}
	now := ns(Now())
	p.Tenant, p.Revision, p.CreatedAt, p.UpdatedAt = t, last+1, now, now
	if _, err := x.db.NewInsert().Model(&p).ModelTableExpr("?", bun.Ident(k.table)).Exec(ctx); err != nil {
		return p, inserted(err, k.Noun, p.Name)
	}
	return p, x.addRevision(ctx, t, k, p)
}

// SetPolicyOf writes a policy whose revision is still p.Revision.
func (x *Tx) SetPolicyOf(ctx context.Context, t tenant.ID, k PolicyKind, p Policy) (Policy, error) {
	was := p.Revision
	p.Tenant, p.Revision, p.UpdatedAt = t, was+1, ns(Now())
	res, err := x.db.NewUpdate().Model(&p).ModelTableExpr("? AS policy", bun.Ident(k.table)).Column("yaml", "document", "revision", "updated_at", "updated_by").
		Where("tenant = ? AND name = ? AND revision = ?", t, p.Name, was).Exec(ctx)
	if err := changed(res, err, k.Noun, p.Name, ErrVersion); err != nil {
		return p, err
	}
	return p, x.addRevision(ctx, t, k, p)
}

func (x *Tx) addRevision(ctx context.Context, t tenant.ID, k PolicyKind, p Policy) error {
	_, err := x.db.NewInsert().Model(&PolicyRevision{
		Tenant: t, Name: p.Name, Revision: p.Revision, YAML: p.YAML, Document: p.Document, UpdatedAt: p.UpdatedAt, UpdatedBy: p.UpdatedBy, Note: p.Note,
	}).ModelTableExpr("?", bun.Ident(k.revisions)).Exec(ctx)
	return inserted(err, k.Noun+" revision", p.Name)
}

// DeletePolicyOf removes a policy that no group uses. Its revisions stay.
func (x *Tx) DeletePolicyOf(ctx context.Context, t tenant.ID, k PolicyKind, name string, revision int64) error {
	if k == RuntimePolicies {
		groups, err := x.GroupsOfPolicy(ctx, t, name)
		if err != nil {
			return err
		}
		if len(groups) > 0 {
			return fmt.Errorf("policy %q is assigned to group %q: %w", name, groups[0], ErrInUse)
		}
	}
	if k == AssurancePolicies {
		if err := x.DeleteAssuranceTests(ctx, t, name); err != nil {
			return err
		}
	}
	res, err := x.db.NewDelete().Model((*Policy)(nil)).ModelTableExpr("? AS policy", bun.Ident(k.table)).
		Where("tenant = ? AND name = ? AND revision = ?", t, name, revision).Exec(ctx)
	return changed(res, err, k.Noun, name, ErrVersion)
}

// CountPolicies counts a tenant's runtime policies.
func (r Reader) CountPolicies(ctx context.Context, t tenant.ID) (int, error) {
	n, err := r.db.NewSelect().Model((*Policy)(nil)).Where("tenant = ?", t).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot count policies: %w", err)
	}
	return int(n), nil
}

// Policy gives one runtime policy.
func (r Reader) Policy(ctx context.Context, t tenant.ID, name string) (Policy, error) {
	return r.PolicyOf(ctx, t, RuntimePolicies, name)
}

// AddPolicy adds a runtime policy.
func (x *Tx) AddPolicy(ctx context.Context, t tenant.ID, p Policy) (Policy, error) {
	return x.AddPolicyOf(ctx, t, RuntimePolicies, p)
}
