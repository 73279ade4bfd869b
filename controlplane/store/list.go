package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// ReputationList is a list of addresses and names with a bad name. Content is
// the author's text, Packed what enforcers are given.
type ReputationList struct {
	bun.BaseModel `bun:"table:reputation_lists"`
	Tenant        tenant.ID `bun:",pk"`
	Name          string    `bun:",pk"`
	Description   string
	Format        string
	CSVColumn     string `bun:"csv_column"`
	Content       string
	Packed        []byte
	Digest        string // of Packed
	Entries       int64
	Ranges        int64
	Names         int64
	Version       int64
	CreatedAt     int64
	UpdatedAt     int64
	UpdatedBy     string
}

// ReputationLists lists reputation lists by name, without what is in them.
func (r Reader) ReputationLists(ctx context.Context, t tenant.ID, p Page) ([]ReputationList, string, error) {
	var rows []ReputationList
	q := r.db.NewSelect().Model(&rows).ExcludeColumn("content", "packed").Where("tenant = ?", t).Order("name").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("name > ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list reputation lists: %w", err)
	}
	rows, next := cut(rows, p, func(a ReputationList) string { return a.Name })
	return rows, next, nil
}

// ReputationList gives one list with its text.
func (r Reader) ReputationList(ctx context.Context, t tenant.ID, name string) (ReputationList, error) {
	var l ReputationList
	err := r.db.NewSelect().Model(&l).ExcludeColumn("packed").Where("tenant = ? AND name = ?", t, name).Scan(ctx)
	return l, lookup(err, "reputation list", name)
}

// PackedLists gives those of the named lists that exist, by name, as enforcers
// are given them: only Name and Packed are filled in.
func (r Reader) PackedLists(ctx context.Context, t tenant.ID, names []string) ([]ReputationList, error) {
	var rows []ReputationList
	if len(names) == 0 {
		return nil, nil
	}
	err := r.db.NewSelect().Model(&rows).Column("name", "packed").Where("tenant = ? AND name IN (?)", t, bun.List(names)).Order("name").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read reputation lists: %w", err)
	}
	return rows, nil
}

// PoliciesNaming gives the policies in whose document a name stands, as a word
// of its own: the caller looks where.
func (r Reader) PoliciesNaming(ctx context.Context, t tenant.ID, name string) ([]Policy, error) {
	var rows []Policy
	err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND document LIKE ? ESCAPE '!'", t, `%"`+escapeLike(name)+`"%`).Order("name").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot look for policies that name %q: %w", name, err)
	}
	return rows, nil
}

// AddReputationList adds a list.
func (x *Tx) AddReputationList(ctx context.Context, t tenant.ID, l ReputationList) (ReputationList, error) {
	now := ns(Now())
	l.Tenant, l.Version, l.CreatedAt, l.UpdatedAt = t, 1, now, now
	_, err := x.db.NewInsert().Model(&l).Exec(ctx)
	return l, inserted(err, "reputation list", l.Name)
}

// SetReputationList writes a list whose version is still l.Version.
func (x *Tx) SetReputationList(ctx context.Context, t tenant.ID, l ReputationList) (ReputationList, error) {
	was := l.Version
	l.Tenant, l.Version, l.UpdatedAt = t, was+1, ns(Now())
	res, err := x.db.NewUpdate().Model(&l).ExcludeColumn("tenant", "name", "created_at").
		Where("tenant = ? AND name = ? AND version = ?", t, l.Name, was).Exec(ctx)
	return l, changed(res, err, "reputation list", l.Name, ErrVersion)
}

// DeleteReputationList removes a list. That no policy uses it is for the
// caller to know.
func (x *Tx) DeleteReputationList(ctx context.Context, t tenant.ID, name string, version int64) error {
	res, err := x.db.NewDelete().Model((*ReputationList)(nil)).
		Where("tenant = ? AND name = ? AND version = ?", t, name, version).Exec(ctx)
	return changed(res, err, "reputation list", name, ErrVersion)
}
