package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// User is a person who may sign in. PasswordHash is an argon2id string.
type User struct {
	bun.BaseModel `bun:"table:users"`
	Tenant        tenant.ID `bun:",pk"`
	Username      string    `bun:",pk"`
	PasswordHash  string
	Roles         []string `bun:"type:text"`
	Version       int64
	CreatedAt     int64
	UpdatedAt     int64
	LastLoginAt   int64
}

// Users lists users by name.
func (r Reader) Users(ctx context.Context, t tenant.ID, p Page) ([]User, string, error) {
	var rows []User
	q := r.db.NewSelect().Model(&rows).Where("tenant = ?", t).Order("username").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("username > ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list users: %w", err)
	}
	rows, next := cut(rows, p, func(u User) string { return u.Username })
	return rows, next, nil
}

// cut drops the row that was read beyond the page, and names the last row of
// the page as the cursor if there was one.
func cut[T any](rows []T, p Page, key func(T) string) ([]T, string) {
	if len(rows) <= p.limit() {
		return rows, ""
	}
	rows = rows[:p.limit()]
	return rows, key(rows[len(rows)-1])
}

// User gives one user.
func (r Reader) User(ctx context.Context, t tenant.ID, username string) (User, error) {
	var u User
	err := r.db.NewSelect().Model(&u).Where("tenant = ? AND username = ?", t, username).Scan(ctx)
	return u, lookup(err, "user", username)
}

// AddUser adds a user; its version becomes 1.
func (x *Tx) AddUser(ctx context.Context, t tenant.ID, u User) (User, error) {
	now := ns(Now())
	u.Tenant, u.Version, u.CreatedAt, u.UpdatedAt = t, 1, now, now
	_, err := x.db.NewInsert().Model(&u).Exec(ctx)
	return u, inserted(err, "user", u.Username)
}

// SetUser writes roles and password hash of a user whose version is still
// u.Version.
func (x *Tx) SetUser(ctx context.Context, t tenant.ID, u User) (User, error) {
	was := u.Version
	u.Version, u.UpdatedAt = was+1, ns(Now())
	res, err := x.db.NewUpdate().Model(&u).Column("roles", "password_hash", "version", "updated_at").
		Where("tenant = ? AND username = ? AND version = ?", t, u.Username, was).Exec(ctx)
	return u, changed(res, err, "user", u.Username, ErrVersion)
}

// UserLoggedIn notes the time of a login.
func (x *Tx) UserLoggedIn(ctx context.Context, t tenant.ID, username string) error {
	res, err := x.db.NewUpdate().Model((*User)(nil)).Set("last_login_at = ?", ns(Now())).
		Where("tenant = ? AND username = ?", t, username).Exec(ctx)
	return changed(res, err, "user", username, ErrNotFound)
}

// DeleteUser removes a user and their sessions.
func (x *Tx) DeleteUser(ctx context.Context, t tenant.ID, username string) error {
	res, err := x.db.NewDelete().Model((*User)(nil)).
		Where("tenant = ? AND username = ?", t, username).Exec(ctx)
	if err := changed(res, err, "user", username, ErrNotFound); err != nil {
		return err
	}
	return x.DeleteSessions(ctx, t, username)
}
