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

// APIToken is a token of the HTTP API. Hash is the SHA-256 of its secret.
type APIToken struct {
	bun.BaseModel `bun:"table:api_tokens"`
	Tenant        tenant.ID `bun:",pk"`
	ID            string    `bun:",pk"`
	Name          string
	Prefix        string
	Hash          string
	Roles         []string `bun:"type:text"`
	CreatedBy     string
	CreatedAt     int64
	ExpiresAt     int64 // 0: never
	LastUsedAt    int64
}

// APITokens lists tokens, newest first.
func (r Reader) APITokens(ctx context.Context, t tenant.ID, p Page) ([]APIToken, string, error) {
	var rows []APIToken
	q := r.db.NewSelect().Model(&rows).Where("tenant = ?", t).Order("id DESC").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("id < ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list tokens: %w", err)
	}
	rows, next := cut(rows, p, func(a APIToken) string { return a.ID })
	return rows, next, nil
}

// APIToken gives one token.
func (r Reader) APIToken(ctx context.Context, t tenant.ID, id string) (APIToken, error) {
	var a APIToken
	err := r.db.NewSelect().Model(&a).Where("tenant = ? AND id = ?", t, id).Scan(ctx)
	return a, lookup(err, "token", id)
}

// APITokenAnyTenant finds the token with that hash, if it has not expired.
// The secret tells the tenant.
func (r Reader) APITokenAnyTenant(ctx context.Context, hash string, now time.Time) (APIToken, error) {
	var a APIToken
	err := r.db.NewSelect().Model(&a).Where("hash = ? AND (expires_at = 0 OR expires_at > ?)", hash, ns(now)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return a, fmt.Errorf("token: %w", ErrNotFound)
	}
	if err != nil {
		return a, fmt.Errorf("cannot read token: %w", err)
	}
	return a, nil
}

// AddAPIToken adds a token.
func (x *Tx) AddAPIToken(ctx context.Context, t tenant.ID, a APIToken) (APIToken, error) {
	a.Tenant, a.CreatedAt = t, ns(Now())
	_, err := x.db.NewInsert().Model(&a).Exec(ctx)
	return a, inserted(err, "token", a.Name)
}

// APITokenUsed notes when a token was used last.
func (x *Tx) APITokenUsed(ctx context.Context, t tenant.ID, id string, at time.Time) error {
	_, err := x.db.NewUpdate().Model((*APIToken)(nil)).Set("last_used_at = ?", ns(at)).
		Where("tenant = ? AND id = ?", t, id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot note use of token: %w", err)
	}
	return nil
}

// DeleteAPIToken ends a token.
func (x *Tx) DeleteAPIToken(ctx context.Context, t tenant.ID, id string) error {
	res, err := x.db.NewDelete().Model((*APIToken)(nil)).Where("tenant = ? AND id = ?", t, id).Exec(ctx)
	return changed(res, err, "token", id, ErrNotFound)
}
