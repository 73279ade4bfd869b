package store

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Registry is a registry as it stands now. Document is JSON (spec.Spec),
// Sealed its secrets and Webhook the secret of its push notifications, both
// under the master key.
type Registry struct {
	bun.BaseModel `bun:"table:registries"`
	Tenant        tenant.ID `bun:",pk"`
	ID            string    `bun:",pk"`
	Name          string
	Description   string
	Type          string
	Document      string
	Sealed        []byte
	Secrets       []string `bun:"type:text"` // names of what is sealed
	Webhook       []byte
	Version       int64
	CreatedAt     int64
	UpdatedAt     int64
	UpdatedBy     string
	NextSync      int64 // 0: never
	SyncingUntil  int64 // somebody looks through it, and has until then to say so again
	SyncingBy     string
	RegistrySync
}

// RegistrySync is how looking through a registry went the last time.
type RegistrySync struct {
	SyncedAt     int64
	SyncTook     int64  // nanoseconds
	SyncState    string // "", ok, partial, failed
	SyncKind     string // what kind of problem
	SyncError    string
	Repositories int64
	Tags         int64
	Gone         int64
	Enqueued     int64
}

// Registries lists registries by name.
func (r Reader) Registries(ctx context.Context, t tenant.ID, p Page) ([]Registry, string, error) {
	var rows []Registry
	q := r.db.NewSelect().Model(&rows).ExcludeColumn("sealed", "webhook").Where("tenant = ?", t).Order("name").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("name > ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list registries: %w", err)
	}
	rows, next := cut(rows, p, func(a Registry) string { return a.Name })
	return rows, next, nil
}

// Registry gives one registry by identifier or name.
func (r Reader) Registry(ctx context.Context, t tenant.ID, idOrName string) (Registry, error) {
	var a Registry
	err := r.db.NewSelect().Model(&a).Where("tenant = ? AND (id = ? OR name = ?)", t, idOrName, idOrName).Scan(ctx)
	return a, lookup(err, "registry", idOrName)
}

// RegistryAnyTenant gives the registry that a push notification is sent to,
// whoever's it is: the notification's own secret is checked next.
func (r Reader) RegistryAnyTenant(ctx context.Context, id string) (Registry, error) {
	var a Registry
	err := r.db.NewSelect().Model(&a).Where("id = ?", id).Scan(ctx)
	return a, lookup(err, "registry", id)
}

// AddRegistry adds a registry.
func (x *Tx) AddRegistry(ctx context.Context, t tenant.ID, a Registry) (Registry, error) {
	now := ns(Now())
	a.Tenant, a.Version, a.CreatedAt, a.UpdatedAt = t, 1, now, now
	a.fill()
	_, err := x.db.NewInsert().Model(&a).Exec(ctx)
	return a, inserted(err, "registry", a.Name)
}

func (a *Registry) fill() {
	if a.Sealed == nil {
		a.Sealed = []byte{}
	}
	if a.Webhook == nil {
		a.Webhook = []byte{}
	}
	if a.Secrets == nil {
		a.Secrets = []string{}
	}
}

// SetRegistry writes what a person says of a registry whose version is still
// a.Version.
func (x *Tx) SetRegistry(ctx context.Context, t tenant.ID, a Registry) (Registry, error) {
	was := a.Version
	a.Tenant, a.Version, a.UpdatedAt = t, was+1, ns(Now())
	a.fill()
	res, err := x.db.NewUpdate().Model(&a).Column("description", "type", "document", "sealed", "secrets", "webhook", "version", "updated_at", "updated_by", "next_sync").
		Where("tenant = ? AND id = ? AND version = ?", t, a.ID, was).Exec(ctx)
	return a, changed(res, err, "registry", a.Name, ErrVersion)
}

// DeleteRegistry removes a registry with everything that was found in it.
func (x *Tx) DeleteRegistry(ctx context.Context, t tenant.ID, id string, version int64) error {
	for _, model := range []any{(*RegistryTag)(nil), (*RegistryRepository)(nil), (*RegistryDelivery)(nil)} {
		if _, err := x.db.NewDelete().Model(model).Where("tenant = ? AND registry_id = ?", t, id).Exec(ctx); err != nil {
			return fmt.Errorf("cannot remove what was found in registry %q: %w", id, err)
		}
	}
	res, err := x.db.NewDelete().Model((*Registry)(nil)).Where("tenant = ? AND id = ? AND version = ?", t, id, version).Exec(ctx)
	return changed(res, err, "registry", id, ErrVersion)
}

// WantSync lets a registry be looked through at a time.
func (x *Tx) WantSync(ctx context.Context, t tenant.ID, id string, at time.Time) error {
	res, err := x.db.NewUpdate().Model((*Registry)(nil)).Set("next_sync = ?", ns(at)).Where("tenant = ? AND id = ?", t, id).Exec(ctx)
	return changed(res, err, "registry", id, ErrNotFound)
}

// dueRegistries asks for the registries whose time has come.
func dueRegistries(r Reader, now time.Time, rows *[]Registry) *bun.SelectQuery {
	return r.db.NewSelect().Model(rows).Where("next_sync > 0 AND next_sync <= ?", ns(now)).Order("next_sync", "id")
}

// TakeDueRegistryAnyTenant gives a registry whose time has come and lets nobody
// else have it until a time; false if there is none. Of several servers one
// gets it.
func (s *Store) TakeDueRegistryAnyTenant(ctx context.Context, by string, now, until time.Time) (Registry, bool, error) {
	var rows []Registry
	if err := dueRegistries(s.Reader, now, &rows).Where("syncing_until < ?", ns(now)).Limit(1).Scan(ctx); err != nil {
		return Registry{}, false, fmt.Errorf("cannot look for registries that are due: %w", err)
	}
	if len(rows) == 0 {
		return Registry{}, false, nil
	}
	a, mine := rows[0], false
	err := s.Update(ctx, func(ctx context.Context, tx *Tx) error {
		res, err := tx.db.NewUpdate().Model((*Registry)(nil)).Set("syncing_until = ?, syncing_by = ?", ns(until), by).
			Where("id = ? AND syncing_until < ?", a.ID, ns(now)).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		mine = n == 1
		return err
	})
	if err != nil {
		return Registry{}, false, fmt.Errorf("cannot take registry %q: %w", a.Name, err)
	}
	return a, mine, nil
}

// KeepRegistry says that whoever took a registry still works on it.
func (x *Tx) KeepRegistry(ctx context.Context, t tenant.ID, id, by string, until time.Time) error {
	res, err := x.db.NewUpdate().Model((*Registry)(nil)).Set("syncing_until = ?", ns(until)).Where("tenant = ? AND id = ? AND syncing_by = ?", t, id, by).Exec(ctx)
	return changed(res, err, "registry", id, ErrVersion)
}

// EndSync writes how it went, gives the registry back, and says when it is
// next: but if somebody asked for a sooner time meanwhile, that stands.
func (x *Tx) EndSync(ctx context.Context, t tenant.ID, id, by string, began time.Time, s RegistrySync, next time.Time) error {
	res, err := x.db.NewUpdate().Model((*Registry)(nil)).
		Set("syncing_until = 0, syncing_by = ''").
		Set("synced_at = ?, sync_took = ?, sync_state = ?, sync_kind = ?, sync_error = ?", s.SyncedAt, s.SyncTook, s.SyncState, s.SyncKind, s.SyncError).
		Set("repositories = ?, tags = ?, gone = ?, enqueued = ?", s.Repositories, s.Tags, s.Gone, s.Enqueued).
		Set("next_sync = CASE WHEN next_sync > ? THEN next_sync ELSE ? END", ns(began), ns(next)).
		Where("tenant = ? AND id = ? AND syncing_by = ?", t, id, by).Exec(ctx)
	return changed(res, err, "registry", id, ErrVersion)
}
