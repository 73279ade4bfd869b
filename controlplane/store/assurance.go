package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// AssurancePolicy is an assurance policy as it stands now. YAML is the author's
// text, Document the same as JSON.
type AssurancePolicy struct {
	bun.BaseModel `bun:"table:assurance_policies"`
	Tenant        tenant.ID `bun:",pk"`
	Name          string    `bun:",pk"`
	YAML          string    `bun:"yaml"`
	Document      string
	Version       int64
	CreatedAt     int64
	UpdatedAt     int64
	UpdatedBy     string
}

// AssurancePolicies lists assurance policies by name.
func (r Reader) AssurancePolicies(ctx context.Context, t tenant.ID, p Page) ([]AssurancePolicy, string, error) {
	var rows []AssurancePolicy
	q := r.db.NewSelect().Model(&rows).Where("tenant = ?", t).Order("name").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("name > ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list assurance policies: %w", err)
	}
	rows, next := cut(rows, p, func(a AssurancePolicy) string { return a.Name })
	return rows, next, nil
}

// AssurancePolicy gives one assurance policy.
func (r Reader) AssurancePolicy(ctx context.Context, t tenant.ID, name string) (AssurancePolicy, error) {
	var a AssurancePolicy
	err := r.db.NewSelect().Model(&a).Where("tenant = ? AND name = ?", t, name).Scan(ctx)
	return a, lookup(err, "assurance policy", name)
}

// AddAssurancePolicy adds an assurance policy.
func (x *Tx) AddAssurancePolicy(ctx context.Context, t tenant.ID, a AssurancePolicy) (AssurancePolicy, error) {
	now := ns(Now())
	a.Tenant, a.Version, a.CreatedAt, a.UpdatedAt = t, 1, now, now
	_, err := x.db.NewInsert().Model(&a).Exec(ctx)
	return a, inserted(err, "assurance policy", a.Name)
}

// SetAssurancePolicy writes an assurance policy whose version is still a.Version.
func (x *Tx) SetAssurancePolicy(ctx context.Context, t tenant.ID, a AssurancePolicy) (AssurancePolicy, error) {
	was := a.Version
	a.Tenant, a.Version, a.UpdatedAt = t, was+1, ns(Now())
	res, err := x.db.NewUpdate().Model(&a).Column("yaml", "document", "version", "updated_at", "updated_by").
		Where("tenant = ? AND name = ? AND version = ?", t, a.Name, was).Exec(ctx)
	return a, changed(res, err, "assurance policy", a.Name, ErrVersion)
}

// DeleteAssurancePolicy removes an assurance policy.
func (x *Tx) DeleteAssurancePolicy(ctx context.Context, t tenant.ID, name string, version int64) error {
	res, err := x.db.NewDelete().Model((*AssurancePolicy)(nil)).
		Where("tenant = ? AND name = ? AND version = ?", t, name, version).Exec(ctx)
	return changed(res, err, "assurance policy", name, ErrVersion)
}
