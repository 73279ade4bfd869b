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

// Session is one sign-in. TokenHash is what the session manager hashed; the
// token itself is in the browser only.
type Session struct {
	bun.BaseModel `bun:"table:sessions"`
	Tenant        tenant.ID
	Username      string
	TokenHash     string `bun:",pk"`
	Data          []byte
	ExpiresAt     int64
}

// SessionAnyTenant finds a session that has not expired; found is false if
// there is none. The token tells the tenant.
func (r Reader) SessionAnyTenant(ctx context.Context, hash string, now time.Time) (data []byte, found bool, err error) {
	var row Session
	err = r.db.NewSelect().Model(&row).Where("token_hash = ? AND expires_at > ?", hash, ns(now)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("cannot read session: %w", err)
	}
	return row.Data, true, nil
}

// PutSession keeps a session.
func (x *Tx) PutSession(ctx context.Context, t tenant.ID, s Session) error {
	s.Tenant = t
	_, err := x.db.NewInsert().Model(&s).On("CONFLICT (token_hash) DO UPDATE").
		Set("tenant = EXCLUDED.tenant").Set("username = EXCLUDED.username").
		Set("data = EXCLUDED.data").Set("expires_at = EXCLUDED.expires_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot keep session: %w", err)
	}
	return nil
}

// DeleteSessionAnyTenant ends the session with that token hash.
func (x *Tx) DeleteSessionAnyTenant(ctx context.Context, hash string) error {
	if _, err := x.db.NewDelete().Model((*Session)(nil)).Where("token_hash = ?", hash).Exec(ctx); err != nil {
		return fmt.Errorf("cannot end session: %w", err)
	}
	return nil
}

// DeleteSessions ends every session of a user.
func (x *Tx) DeleteSessions(ctx context.Context, t tenant.ID, username string) error {
	_, err := x.db.NewDelete().Model((*Session)(nil)).Where("tenant = ? AND username = ?", t, username).Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot end sessions of %q: %w", username, err)
	}
	return nil
}

// DeleteExpiredAnyTenant removes sessions, join tokens and API tokens that
// ended before a time, and says how many rows went.
func (x *Tx) DeleteExpiredAnyTenant(ctx context.Context, before time.Time) (int64, error) {
	var total int64
	for _, table := range []string{"sessions", "join_tokens", "api_tokens"} {
		res, err := x.db.NewRaw("DELETE FROM ? WHERE expires_at <> 0 AND expires_at < ?", bunIdent(table), ns(before)).Exec(ctx)
		if err != nil {
			return total, fmt.Errorf("cannot remove expired %s: %w", table, err)
		}
		n, _ := res.RowsAffected()
		total += n
	}
	return total, nil
}
