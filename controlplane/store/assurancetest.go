package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// AssuranceTests are the tests that are kept with an assurance policy. YAML is
// the author's text; Reports, what they judge, as package inventory packs it.
type AssuranceTests struct {
	bun.BaseModel `bun:"table:assurance_tests"`
	Tenant        tenant.ID `bun:",pk"`
	Policy        string    `bun:",pk"`
	YAML          string    `bun:"yaml"`
	Reports       []byte
	Digest        string // of Reports, before they were packed
	Version       int64
	UpdatedAt     int64
	UpdatedBy     string
}

// AssuranceTests gives the tests of a policy.
func (r Reader) AssuranceTests(ctx context.Context, t tenant.ID, policy string) (AssuranceTests, error) {
	var row AssuranceTests
	err := r.db.NewSelect().Model(&row).Where("tenant = ? AND policy = ?", t, policy).Scan(ctx)
	return row, lookup(err, "tests of assurance policy", policy)
}

// PutAssuranceTests keeps tests in the place of those of Version; 0: there are none.
func (x *Tx) PutAssuranceTests(ctx context.Context, t tenant.ID, row AssuranceTests) (AssuranceTests, error) {
	was := row.Version
	row.Tenant, row.Version, row.UpdatedAt = t, was+1, ns(Now())
	if was == 0 {
		_, err := x.db.NewInsert().Model(&row).Exec(ctx)
		return row, inserted(err, "tests of assurance policy", row.Policy)
	}
	res, err := x.db.NewUpdate().Model(&row).ExcludeColumn("tenant", "policy").
		Where("tenant = ? AND policy = ? AND version = ?", t, row.Policy, was).Exec(ctx)
	return row, changed(res, err, "tests of assurance policy", row.Policy, ErrVersion)
}

// DeleteAssuranceTests removes the tests of a policy, if there are any.
func (x *Tx) DeleteAssuranceTests(ctx context.Context, t tenant.ID, policy string) error {
	if _, err := x.db.NewDelete().Model((*AssuranceTests)(nil)).Where("tenant = ? AND policy = ?", t, policy).Exec(ctx); err != nil {
		return fmt.Errorf("cannot remove tests of assurance policy %q: %w", policy, err)
	}
	return nil
}
