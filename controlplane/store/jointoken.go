package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// ErrJoinToken reports a join token that does not exist, has expired or has
// no uses left. Which of the three is not told to who presents it.
var ErrJoinToken = errors.New("join token is not valid")

// JoinToken lets enforcers enrol into a group. Hash is the SHA-256 of its
// secret; MaxUses 0 means any number until it expires.
type JoinToken struct {
	bun.BaseModel `bun:"table:join_tokens"`
	Tenant        tenant.ID `bun:",pk"`
	ID            string    `bun:",pk"`
	GroupName     string
	Prefix        string
	Hash          string
	MaxUses       int64
	UsesLeft      int64
	CreatedBy     string
	CreatedAt     int64
	ExpiresAt     int64
}

// JoinTokens lists the tokens of a group, newest first.
func (r Reader) JoinTokens(ctx context.Context, t tenant.ID, group string, p Page) ([]JoinToken, string, error) {
	var rows []JoinToken
	q := r.db.NewSelect().Model(&rows).Where("tenant = ? AND group_name = ?", t, group).
		Order("id DESC").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("id < ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list join tokens: %w", err)
	}
	rows, next := cut(rows, p, func(j JoinToken) string { return j.ID })
	return rows, next, nil
}

// JoinToken gives one token of a group.
func (r Reader) JoinToken(ctx context.Context, t tenant.ID, group, id string) (JoinToken, error) {
	var j JoinToken
	err := r.db.NewSelect().Model(&j).Where("tenant = ? AND group_name = ? AND id = ?", t, group, id).Scan(ctx)
	return j, lookup(err, "join token", id)
}

// AddJoinToken adds a token.
func (x *Tx) AddJoinToken(ctx context.Context, t tenant.ID, j JoinToken) (JoinToken, error) {
	j.Tenant, j.UsesLeft, j.CreatedAt = t, j.MaxUses, ns(Now())
	_, err := x.db.NewInsert().Model(&j).Exec(ctx)
	return j, inserted(err, "join token", j.ID)
}

// UseJoinTokenAnyTenant takes one use of the token with that hash, or gives
// ErrJoinToken. The check and the count are one statement: two callers
// cannot share the last use.
func (x *Tx) UseJoinTokenAnyTenant(ctx context.Context, hash string, now time.Time) (JoinToken, error) {
	var j JoinToken
	res, err := x.db.NewUpdate().Model((*JoinToken)(nil)).
		Set("uses_left = CASE WHEN max_uses = 0 THEN 0 ELSE uses_left - 1 END").
		Where("hash = ? AND expires_at > ? AND (max_uses = 0 OR uses_left > 0)", hash, ns(now)).Exec(ctx)
	if err := changed(res, err, "join token", "", ErrJoinToken); err != nil {
		return j, err
	}
	if err := x.db.NewSelect().Model(&j).Where("hash = ?", hash).Scan(ctx); err != nil {
		return j, fmt.Errorf("cannot read join token: %w", err)
	}
	return j, nil
}

// DeleteJoinToken ends a token.
func (x *Tx) DeleteJoinToken(ctx context.Context, t tenant.ID, group, id string) error {
	res, err := x.db.NewDelete().Model((*JoinToken)(nil)).
		Where("tenant = ? AND group_name = ? AND id = ?", t, group, id).Exec(ctx)
	return changed(res, err, "join token", id, ErrNotFound)
}
