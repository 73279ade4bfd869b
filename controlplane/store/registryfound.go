package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// RegistryRepository is a repository that was found in a registry.
type RegistryRepository struct {
	bun.BaseModel `bun:"table:registry_repositories"`
	Tenant        tenant.ID `bun:",pk"`
	RegistryID    string    `bun:",pk"`
	Repository    string    `bun:",pk"`
	Selected      bool      // by the registry's patterns
	FirstSeen     int64
	LastSeen      int64
	GoneAt        int64 // 0: it is there
}

// RegistryTag is a tag that was found.
type RegistryTag struct {
	bun.BaseModel `bun:"table:registry_tags"`
	Tenant        tenant.ID `bun:",pk"`
	RegistryID    string    `bun:",pk"`
	Repository    string    `bun:",pk"`
	Tag           string    `bun:",pk"`
	Digest        string    // "" if it was not asked for
	Platforms     []string  `bun:"type:text"`
	Created       int64     // when the image was made, or pushed where only that is told; 0: not known
	Selected      bool
	FirstSeen     int64
	LastSeen      int64
	GoneAt        int64
	EnqueuedAt    int64
}

// RegistryDelivery is a push notification that was read: its second copy does
// nothing.
type RegistryDelivery struct {
	bun.BaseModel `bun:"table:registry_deliveries"`
	Tenant        tenant.ID `bun:",pk"`
	RegistryID    string    `bun:",pk"`
	Digest        string    `bun:",pk"` // of its bytes
	At            int64
}

// foundBatch is how many rows are written by one statement.
const foundBatch = 200

// RegistryRepositories lists a registry's repositories by name; contains
// narrows to names that hold it.
func (r Reader) RegistryRepositories(ctx context.Context, t tenant.ID, id, contains string, p Page) ([]RegistryRepository, string, error) {
	var rows []RegistryRepository
	if err := repositories(r, t, id, contains, p).Scan(ctx, &rows); err != nil {
		return nil, "", fmt.Errorf("cannot list repositories: %w", err)
	}
	rows, next := cut(rows, p, func(a RegistryRepository) string { return a.Repository })
	return rows, next, nil
}

func repositories(r Reader, t tenant.ID, id, contains string, p Page) *bun.SelectQuery {
	q := r.db.NewSelect().Model((*RegistryRepository)(nil)).Where("tenant = ? AND registry_id = ?", t, id).Order("repository").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("repository > ?", p.Cursor)
	}
	if contains != "" {
		q = q.Where("LOWER(repository) LIKE ? ESCAPE '!'", "%"+escapeLike(strings.ToLower(contains))+"%")
	}
	return q
}

// RegistryTags lists what was found, by repository and tag; repository "" is
// all of them.
func (r Reader) RegistryTags(ctx context.Context, t tenant.ID, id, repository string, p Page) ([]RegistryTag, string, error) {
	var rows []RegistryTag
	if err := registryTags(r, t, id, repository, p).Scan(ctx, &rows); err != nil {
		return nil, "", fmt.Errorf("cannot list tags: %w", err)
	}
	rows, next := cut(rows, p, func(a RegistryTag) string { return a.Repository + ":" + a.Tag })
	return rows, next, nil
}

func registryTags(r Reader, t tenant.ID, id, repository string, p Page) *bun.SelectQuery {
	q := r.db.NewSelect().Model((*RegistryTag)(nil)).Where("tenant = ? AND registry_id = ?", t, id).Order("repository", "tag").Limit(int64(p.limit()) + 1)
	if repository != "" {
		q = q.Where("repository = ?", repository)
	}
	if p.Cursor != "" {
		repo, tag, _ := strings.Cut(p.Cursor, ":")
		q = q.Where("(repository, tag) > (?, ?)", repo, tag)
	}
	return q
}

// KnownTags gives what is known of one repository's tags, by tag.
func (r Reader) KnownTags(ctx context.Context, t tenant.ID, id, repository string) (map[string]RegistryTag, error) {
	var rows []RegistryTag
	if err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND registry_id = ? AND repository = ?", t, id, repository).Scan(ctx); err != nil {
		return nil, fmt.Errorf("cannot read tags of %q: %w", repository, err)
	}
	known := make(map[string]RegistryTag, len(rows))
	for _, row := range rows {
		known[row.Tag] = row
	}
	return known, nil
}

// PutRepositories writes repositories that were seen.
func (x *Tx) PutRepositories(ctx context.Context, t tenant.ID, id string, rows []RegistryRepository) error {
	for i := range rows {
		rows[i].Tenant, rows[i].RegistryID = t, id
	}
	return x.inBatches(ctx, len(rows), func(from, to int) *bun.InsertQuery {
		part := rows[from:to]
		return x.db.NewInsert().Model(&part).On("CONFLICT (tenant, registry_id, repository) DO UPDATE").
			Set("selected = EXCLUDED.selected, last_seen = EXCLUDED.last_seen, gone_at = 0")
	})
}

// PutTags writes tags that were seen. A tag's first sight stays, and the time
// it was last enqueued unless it is again.
func (x *Tx) PutTags(ctx context.Context, t tenant.ID, id string, rows []RegistryTag) error {
	for i := range rows {
		rows[i].Tenant, rows[i].RegistryID = t, id
		if rows[i].Platforms == nil {
			rows[i].Platforms = []string{}
		}
	}
	return x.inBatches(ctx, len(rows), func(from, to int) *bun.InsertQuery {
		part := rows[from:to]
		return x.db.NewInsert().Model(&part).On("CONFLICT (tenant, registry_id, repository, tag) DO UPDATE").
			Set("digest = EXCLUDED.digest, platforms = EXCLUDED.platforms, created = EXCLUDED.created, selected = EXCLUDED.selected").
			Set("last_seen = EXCLUDED.last_seen, gone_at = 0").
			Set("enqueued_at = CASE WHEN EXCLUDED.enqueued_at > 0 THEN EXCLUDED.enqueued_at ELSE registry_tag.enqueued_at END")
	})
}

func (x *Tx) inBatches(ctx context.Context, n int, insert func(from, to int) *bun.InsertQuery) error {
	for from := 0; from < n; from += foundBatch {
		if _, err := insert(from, min(n, from+foundBatch)).Exec(ctx); err != nil {
			return fmt.Errorf("cannot keep what was found: %w", err)
		}
	}
	return nil
}

// TagsGone marks the tags of a repository that were not seen since a time.
func (x *Tx) TagsGone(ctx context.Context, t tenant.ID, id, repository string, since, now time.Time) error {
	_, err := x.db.NewUpdate().Model((*RegistryTag)(nil)).Set("gone_at = ?, selected = ?", ns(now), false).
		Where("tenant = ? AND registry_id = ? AND repository = ? AND last_seen < ? AND gone_at = 0", t, id, repository, ns(since)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot mark tags that are gone: %w", err)
	}
	return nil
}

// RepositoriesGone marks the repositories that were not seen since a time, with
// all their tags; tags of repositories that are no longer chosen are not either.
func (x *Tx) RepositoriesGone(ctx context.Context, t tenant.ID, id string, since, now time.Time) error {
	_, err := x.db.NewUpdate().Model((*RegistryRepository)(nil)).Set("gone_at = ?", ns(now)).
		Where("tenant = ? AND registry_id = ? AND last_seen < ? AND gone_at = 0", t, id, ns(since)).Exec(ctx)
	those := func(which string) *bun.SelectQuery {
		return x.db.NewSelect().Model((*RegistryRepository)(nil)).Column("repository").Where("tenant = ? AND registry_id = ? AND "+which, t, id)
	}
	if err == nil {
		_, err = x.db.NewUpdate().Model((*RegistryTag)(nil)).Set("gone_at = ?, selected = ?", ns(now), false).
			Where("tenant = ? AND registry_id = ? AND gone_at = 0 AND repository IN (?)", t, id, those("gone_at > 0")).Exec(ctx)
	}
	if err == nil {
		_, err = x.db.NewUpdate().Model((*RegistryTag)(nil)).Set("selected = ?", false).
			Where("tenant = ? AND registry_id = ? AND selected AND repository IN (?)", t, id, those("NOT selected")).Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("cannot mark repositories that are gone: %w", err)
	}
	return nil
}

// Found counts what a registry holds: repositories and tags that are there and
// chosen, and tags that are gone.
func (r Reader) Found(ctx context.Context, t tenant.ID, id string) (repositories, tags, gone int64, err error) {
	var n struct{ Tags, Gone int64 }
	err = r.db.NewSelect().Model((*RegistryTag)(nil)).
		ColumnExpr("COALESCE(SUM(CASE WHEN gone_at = 0 AND selected THEN 1 ELSE 0 END), 0) AS tags").
		ColumnExpr("COALESCE(SUM(CASE WHEN gone_at > 0 THEN 1 ELSE 0 END), 0) AS gone").
		Where("tenant = ? AND registry_id = ?", t, id).Scan(ctx, &n)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("cannot count tags: %w", err)
	}
	count, err := r.db.NewSelect().Model((*RegistryRepository)(nil)).Where("tenant = ? AND registry_id = ? AND gone_at = 0 AND selected", t, id).Count(ctx)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("cannot count repositories: %w", err)
	}
	return int64(count), n.Tags, n.Gone, nil
}

// AddDelivery remembers a push notification; false if it was read already.
func (x *Tx) AddDelivery(ctx context.Context, t tenant.ID, id, digest string, now time.Time) (bool, error) {
	res, err := x.db.NewInsert().Model(&RegistryDelivery{Tenant: t, RegistryID: id, Digest: digest, At: ns(now)}).
		On("CONFLICT (tenant, registry_id, digest) DO NOTHING").Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("cannot remember push notification: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// ForgetDelivery lets a push notification come again: it could not be acted on.
func (x *Tx) ForgetDelivery(ctx context.Context, t tenant.ID, id, digest string) error {
	if _, err := x.db.NewDelete().Model((*RegistryDelivery)(nil)).Where("tenant = ? AND registry_id = ? AND digest = ?", t, id, digest).Exec(ctx); err != nil {
		return fmt.Errorf("cannot forget push notification: %w", err)
	}
	return nil
}

// DeleteDeliveriesAnyTenant forgets push notifications that are old.
func (x *Tx) DeleteDeliveriesAnyTenant(ctx context.Context, before time.Time) error {
	if _, err := x.db.NewDelete().Model((*RegistryDelivery)(nil)).Where("at < ?", ns(before)).Exec(ctx); err != nil {
		return fmt.Errorf("cannot forget push notifications: %w", err)
	}
	return nil
}
