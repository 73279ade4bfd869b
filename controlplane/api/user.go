package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

type userView struct {
	Username    string     `json:"username"`
	Roles       []string   `json:"roles" nullable:"false"`
	CreatedAt   time.Time  `json:"createdAt"`
	UpdatedAt   time.Time  `json:"updatedAt"`
	LastLoginAt *time.Time `json:"lastLoginAt,omitempty"`
}

func viewUser(u store.User) userView {
	return userView{
		Username: u.Username, Roles: u.Roles, CreatedAt: store.Time(u.CreatedAt), UpdatedAt: store.Time(u.UpdatedAt), LastLoginAt: when(u.LastLoginAt),
	}
}

func (a *API) listUsers(ctx context.Context, in *PageInput) (*listOutput[userView], error) {
	rows, next, err := a.Store.Users(ctx, access.From(ctx).Tenant, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, viewUser), nil
}

type UsernameInput struct {
	Username string `path:"username" maxLength:"64"`
}

func (a *API) getUser(ctx context.Context, in *UsernameInput) (*oneOutput[userView], error) {
	u, err := a.Store.User(ctx, access.From(ctx).Tenant, in.Username)
	if err != nil {
		return nil, err
	}
	return &oneOutput[userView]{ETag: etag(u.Version), Body: viewUser(u)}, nil
}

type postUserInput struct {
	DryInput
	Body struct {
		Username string   `json:"username" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9._@-]*$"`
		Password string   `json:"password" maxLength:"256"`
		Roles    []string `json:"roles" minItems:"1" maxItems:"8"`
	}
}

func (a *API) postUser(ctx context.Context, in *postUserInput) (*oneOutput[userView], error) {
	t := access.From(ctx).Tenant
	b := in.Body
	if err := errors.Join(checkRoles(ctx, b.Roles), access.CheckPasswordForm(b.Username, b.Password)); err != nil {
		return nil, err
	}
	hash := access.HashPassword(b.Password)
	var u store.User
	err := a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		if u, err = c.AddUser(ctx, t, store.User{Username: b.Username, PasswordHash: hash, Roles: b.Roles}); err != nil {
			return err
		}
		return c.record(ctx, "create", "user", u.Username, nil, viewUser(u))
	})
	if err != nil {
		return nil, err
	}
	return &oneOutput[userView]{ETag: etag(u.Version), Body: viewUser(u)}, nil
}

// checkRoles refuses unknown roles and those that would give more than the
// caller has.
func checkRoles(ctx context.Context, roles []string) error {
	for _, r := range roles {
		if !access.IsRole(r) {
			return huma.NewError(http.StatusUnprocessableEntity, "there is no role "+r)
		}
	}
	if !access.From(ctx).MayGrant(roles) {
		return huma.NewError(http.StatusForbidden, "you cannot give permissions that you do not have")
	}
	return nil
}

type putUserInput struct {
	UsernameInput
	DryInput
	MatchInput
	Body struct {
		Username string   `json:"username,omitempty" doc:"Ignored; the path names the user"`
		Roles    []string `json:"roles" minItems:"1" maxItems:"8"`
		Password string   `json:"password,omitempty" maxLength:"256" doc:"A new password; all sessions of the user end"`
	}
}

func (a *API) putUser(ctx context.Context, in *putUserInput) (*oneOutput[userView], error) {
	t := access.From(ctx).Tenant
	if err := checkRoles(ctx, in.Body.Roles); err != nil {
		return nil, err
	}
	hash := ""
	if in.Body.Password != "" {
		if err := access.CheckPasswordForm(in.Username, in.Body.Password); err != nil {
			return nil, err
		}
		hash = access.HashPassword(in.Body.Password)
	}
	var u store.User
	err := a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		if u, err = c.User(ctx, t, in.Username); err != nil {
			return err
		}
		if err := in.check(u.Version); err != nil {
			return err
		}
		before := viewUser(u)
		u.Roles = in.Body.Roles
		if hash != "" {
			u.PasswordHash = hash
			if err := c.DeleteSessions(ctx, t, u.Username); err != nil {
				return err
			}
		}
		if u, err = c.SetUser(ctx, t, u); err != nil {
			return err
		}
		if err := oneAdministrator(ctx, c.Tx, t); err != nil {
			return err
		}
		return c.record(ctx, "update", "user", u.Username, before, viewUser(u))
	})
	if err != nil {
		return nil, err
	}
	return &oneOutput[userView]{ETag: etag(u.Version), Body: viewUser(u)}, nil
}

type deleteUserInput struct {
	UsernameInput
	DryInput
}

func (a *API) deleteUser(ctx context.Context, in *deleteUserInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		u, err := c.User(ctx, t, in.Username)
		if err != nil {
			return err
		}
		if err := c.DeleteUser(ctx, t, in.Username); err != nil {
			return err
		}
		if err := oneAdministrator(ctx, c.Tx, t); err != nil {
			return err
		}
		return c.record(ctx, "delete", "user", u.Username, viewUser(u), nil)
	})
}

// oneAdministrator refuses a change after which nobody could undo it.
func oneAdministrator(ctx context.Context, tx *store.Tx, t tenant.ID) error {
	if err := tx.Lock(ctx, t, "administrators"); err != nil {
		return err
	}
	cursor := ""
	for {
		rows, next, err := tx.Users(ctx, t, store.Page{Cursor: cursor, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		for _, u := range rows {
			if slices.Contains(u.Roles, access.Administrator) {
				return nil
			}
		}
		if next == "" {
			return huma.NewError(http.StatusConflict, "the last administrator must stay one")
		}
		cursor = next
	}
}
