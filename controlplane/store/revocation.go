package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Revocation is an enforcer whose certificate is refused, by a person's word.
// It is kept until the certificate has expired for good.
type Revocation struct {
	bun.BaseModel `bun:"table:revoked_enforcers"`
	Tenant        tenant.ID `bun:",pk"`
	ID            string    `bun:",pk"` // of the enforcer
	GroupName     string    // as it was last seen; "" if it was forgotten before
	Hostname      string
	Image         string
	Reason        string
	RevokedBy     string
	RevokedAt     int64
}

// Revocations lists revoked enforcers, the last enrolled first.
func (r Reader) Revocations(ctx context.Context, t tenant.ID, p Page) ([]Revocation, string, error) {
	var rows []Revocation
	q := r.db.NewSelect().Model(&rows).Where("tenant = ?", t).Order("id DESC").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("id < ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list revocations: %w", err)
	}
	rows, next := cut(rows, p, func(v Revocation) string { return v.ID })
	return rows, next, nil
}

// EnforcerRevoked says whether a person revoked this enforcer.
func (r Reader) EnforcerRevoked(ctx context.Context, t tenant.ID, id string) (bool, error) {
	n, err := r.db.NewSelect().Model((*Revocation)(nil)).Where("tenant = ? AND id = ?", t, id).Count(ctx)
	if err != nil {
		return false, fmt.Errorf("cannot look for revoked enforcer: %w", err)
	}
	return n > 0, nil
}

// RevokeEnforcer removes an enforcer, if it is still known, and refuses its
// certificate from now on. One that is revoked already is ErrExists.
func (x *Tx) RevokeEnforcer(ctx context.Context, t tenant.ID, v Revocation) error {
	v.Tenant, v.RevokedAt = t, ns(Now())
	if _, err := x.db.NewDelete().Model((*Enforcer)(nil)).Where("tenant = ? AND id = ?", t, v.ID).Exec(ctx); err != nil {
		return fmt.Errorf("cannot remove enforcer %q: %w", v.ID, err)
	}
	_, err := x.db.NewInsert().Model(&v).Exec(ctx)
	return inserted(err, "revocation of enforcer", v.ID)
}
