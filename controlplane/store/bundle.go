package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// keptBundles is how many old bundles of a group stay, for the record.
const keptBundles = 20

// Bundle is a signed bundle of a group.
type Bundle struct {
	bun.BaseModel `bun:"table:bundles"`
	Tenant        tenant.ID `bun:",pk"`
	GroupName     string    `bun:",pk"`
	Epoch         int64     `bun:",pk"`
	Number        int64     `bun:",pk"`
	Digest        string    // of what is inside, without number and times
	Data          []byte
	CreatedAt     int64
	ExpiresAt     int64
}

// NewestBundle gives a group's newest bundle.
func (r Reader) NewestBundle(ctx context.Context, t tenant.ID, group string) (Bundle, error) {
	var b Bundle
	err := r.db.NewSelect().Model(&b).Where("tenant = ? AND group_name = ?", t, group).
		Order("epoch DESC", "number DESC").Limit(1).Scan(ctx)
	return b, lookup(err, "bundle of group", group)
}

// NextBundleNumber is the number the next bundle of a group gets in an epoch.
func (r Reader) NextBundleNumber(ctx context.Context, t tenant.ID, group string, epoch uint64) (uint64, error) {
	var last int64
	err := r.db.NewSelect().Model((*Bundle)(nil)).ColumnExpr("COALESCE(MAX(number), 0)").
		Where("tenant = ? AND group_name = ? AND epoch = ?", t, group, int64(epoch)).Scan(ctx, &last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("cannot number bundle of group %q: %w", group, err)
	}
	return uint64(last) + 1, nil
}

// AddBundle adds a bundle and removes the oldest beyond the last few.
func (x *Tx) AddBundle(ctx context.Context, t tenant.ID, b Bundle) error {
	b.Tenant, b.CreatedAt = t, ns(Now())
	if _, err := x.db.NewInsert().Model(&b).Exec(ctx); err != nil {
		return inserted(err, "bundle", b.GroupName)
	}
	_, err := x.db.NewDelete().Model((*Bundle)(nil)).
		Where("tenant = ? AND group_name = ? AND epoch = ? AND number <= ?", t, b.GroupName, b.Epoch, b.Number-keptBundles).Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot remove old bundles: %w", err)
	}
	return nil
}

// BundlesExpiringAnyTenant names tenant and group of each newest bundle that
// ends before a time.
func (r Reader) BundlesExpiringAnyTenant(ctx context.Context, before time.Time) ([]Group, error) {
	var rows []Group
	err := r.db.NewRaw(`SELECT g.tenant, g.name FROM enforcer_groups AS g WHERE NOT EXISTS (
		SELECT 1 FROM bundles AS b WHERE b.tenant = g.tenant AND b.group_name = g.name AND b.expires_at >= ?)`,
		ns(before)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot look for expiring bundles: %w", err)
	}
	return rows, nil
}
