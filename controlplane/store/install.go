package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Names of the facts of an install.
const (
	installEpoch = "epoch"
	installSetup = "setup-code-hash"
)

type installRow struct {
	bun.BaseModel `bun:"table:install"`
	Name          string `bun:",pk"`
	Value         string
}

// InstallEpoch is the epoch of this install: the seconds since 1970 at which
// it was made, or last restored from a backup. It never falls, so that
// bundles made after a restore are newer than any made before it.
func (r Reader) InstallEpoch(ctx context.Context) (uint64, error) {
	v, err := r.installValue(ctx, installEpoch)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cannot read epoch: %w", err)
	}
	return n, nil
}

// InstallSetupHash is the hash of the one-time setup code, "" when there is none.
func (r Reader) InstallSetupHash(ctx context.Context) (string, error) {
	v, err := r.installValue(ctx, installSetup)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return v, err
}

func (r Reader) installValue(ctx context.Context, name string) (string, error) {
	var v string
	err := r.db.NewSelect().Model((*installRow)(nil)).Column("value").Where("name = ?", name).Scan(ctx, &v)
	return v, lookup(err, "install", name)
}

func (x *Tx) setInstall(ctx context.Context, name, value string) error {
	_, err := x.db.NewInsert().Model(&installRow{Name: name, Value: value}).
		On("CONFLICT (name) DO UPDATE").Set("value = EXCLUDED.value").Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return nil
}

// InitInstall makes the epoch and the default tenant on a new database. It
// changes nothing on one that has them.
func (x *Tx) InitInstall(ctx context.Context) error {
	if _, err := x.InstallEpoch(ctx); errors.Is(err, ErrNotFound) {
		if err := x.setInstall(ctx, installEpoch, strconv.FormatInt(Now().Unix(), 10)); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	_, err := x.db.NewInsert().Model(&tenantRow{ID: tenant.Default, CreatedAt: ns(Now())}).
		On("CONFLICT (id) DO NOTHING").Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot add default tenant: %w", err)
	}
	return nil
}

// RaiseInstallEpoch sets the epoch to now, and at least one above what it was.
func (x *Tx) RaiseInstallEpoch(ctx context.Context) (uint64, error) {
	old, err := x.InstallEpoch(ctx)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	epoch := max(old+1, uint64(Now().Unix()))
	return epoch, x.setInstall(ctx, installEpoch, strconv.FormatUint(epoch, 10))
}

// SetInstallSetupHash keeps the hash of the setup code; "" ends it.
func (x *Tx) SetInstallSetupHash(ctx context.Context, hash string) error {
	return x.setInstall(ctx, installSetup, hash)
}

type tenantRow struct {
	bun.BaseModel `bun:"table:tenants"`
	ID            tenant.ID `bun:",pk"`
	CreatedAt     int64
}

// InstallTenants lists every tenant.
func (r Reader) InstallTenants(ctx context.Context) ([]tenant.ID, error) {
	var ids []tenant.ID
	err := r.db.NewSelect().Model((*tenantRow)(nil)).Column("id").Order("id").Scan(ctx, &ids)
	if err != nil {
		return nil, fmt.Errorf("cannot list tenants: %w", err)
	}
	return ids, nil
}

// AddInstallTenant adds a tenant.
func (x *Tx) AddInstallTenant(ctx context.Context, id tenant.ID) error {
	_, err := x.db.NewInsert().Model(&tenantRow{ID: id, CreatedAt: ns(Now())}).Exec(ctx)
	return inserted(err, "tenant", string(id))
}

// InstallHasUsers says whether any tenant has a user: if none has, the
// install waits for its administrator.
func (r Reader) InstallHasUsers(ctx context.Context) (bool, error) {
	var one int
	err := r.db.NewRaw("SELECT 1 FROM users LIMIT 1").Scan(ctx, &one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot look for users: %w", err)
	}
	return true, nil
}
