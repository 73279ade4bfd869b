package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

type keyRow struct {
	bun.BaseModel `bun:"table:keys"`
	Tenant        tenant.ID `bun:",pk"` // "" for keys of the install
	Name          string    `bun:",pk"`
	Sealed        []byte
	UpdatedAt     int64
}

// Key gives a sealed key.
func (r Reader) Key(ctx context.Context, t tenant.ID, name string) ([]byte, error) {
	var row keyRow
	err := r.db.NewSelect().Model(&row).Where("tenant = ? AND name = ?", t, name).Scan(ctx)
	return row.Sealed, lookup(err, "key", name)
}

// AddKey keeps a sealed key under a name that has none yet (else ErrExists).
func (x *Tx) AddKey(ctx context.Context, t tenant.ID, name string, sealed []byte) error {
	res, err := x.db.NewInsert().Model(&keyRow{Tenant: t, Name: name, Sealed: sealed, UpdatedAt: ns(Now())}).
		On("CONFLICT (tenant, name) DO NOTHING").Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot keep key %q: %w", name, err)
	}
	return changed(res, nil, "key", name, ErrExists)
}
