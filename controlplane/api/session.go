package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/audit"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

func itoa(n int) string { return strconv.Itoa(n) }

type sessionView struct {
	User struct {
		Username string   `json:"username"`
		Roles    []string `json:"roles" nullable:"false"`
	} `json:"user"`
	Tenant      string              `json:"tenant"`
	Permissions []access.Permission `json:"permissions" nullable:"false"`
	CSRFToken   string              `json:"csrfToken,omitempty" doc:"Send it as X-CSRF-Token with every change"`
	ExpiresAt   *time.Time          `json:"expiresAt,omitempty"`
}

type sessionOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      sessionView
}

func viewSession(p access.Principal, expires time.Time) sessionView {
	v := sessionView{Tenant: string(p.Tenant), Permissions: p.Permissions, CSRFToken: p.CSRF}
	v.User.Username, v.User.Roles = p.Name, p.Roles
	if !expires.IsZero() {
		v.ExpiresAt = &expires
	}
	return v
}

type loginInput struct {
	Body struct {
		Username string `json:"username" maxLength:"64"`
		Password string `json:"password" maxLength:"256"`
		Remember bool   `json:"remember,omitempty" doc:"Stay signed in for 30 days"`
		Tenant   string `json:"tenant,omitempty" maxLength:"63"`
	}
}

func (a *API) postSession(ctx context.Context, in *loginInput) (*sessionOutput, error) {
	t := tenant.Default
	if in.Body.Tenant != "" {
		t = tenant.ID(in.Body.Tenant)
	}
	c := callerOf(ctx)
	bucket := "login:" + string(t) + "/" + in.Body.Username
	if err := a.attempt(c.remote, bucket); err != nil {
		return nil, err
	}
	u, err := a.Store.User(ctx, t, in.Body.Username)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err := access.CheckPassword(u.PasswordHash, in.Body.Password); err != nil {
		if errors.Is(err, access.ErrPassword) && u.Username != "" {
			a.note(ctx, t, audit.Change{Actor: u.Username, Action: "login-failed", Kind: "session", Name: u.Username, RemoteAddr: c.remote})
		}
		return nil, err
	}
	a.byUser.Forget(bucket)
	err = a.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.UserLoggedIn(ctx, t, u.Username); err != nil {
			return err
		}
		return audit.Write(ctx, tx, t, audit.Change{Actor: u.Username, Action: "login", Kind: "session", Name: u.Username, RemoteAddr: c.remote})
	})
	if err != nil {
		return nil, err
	}
	return a.signIn(ctx, t, u.Username, in.Body.Remember)
}

// note writes an audit record that belongs to no other change.
func (a *API) note(ctx context.Context, t tenant.ID, c audit.Change) {
	err := a.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return audit.Write(ctx, tx, t, c) })
	if err != nil {
		a.Log.ErrorContext(ctx, "cannot write audit record", "error", err)
	}
}

func (a *API) signIn(ctx context.Context, t tenant.ID, username string, remember bool) (*sessionOutput, error) {
	cookie, err := a.sessions.Open(ctx, t, username, remember)
	if err != nil {
		return nil, err
	}
	p, expires, err := a.sessions.Find(ctx, cookie.Value)
	if err != nil {
		return nil, err
	}
	return &sessionOutput{SetCookie: *cookie, Body: viewSession(p, expires)}, nil
}

func (a *API) getSession(ctx context.Context, _ *struct{}) (*bodyOutput[sessionView], error) {
	return &bodyOutput[sessionView]{Body: viewSession(access.From(ctx), callerOf(ctx).expires)}, nil
}

type signOutOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (a *API) deleteSession(ctx context.Context, _ *struct{}) (*signOutOutput, error) {
	cookie, err := a.sessions.Close(ctx, callerOf(ctx).cookie)
	if err != nil {
		return nil, err
	}
	return &signOutOutput{SetCookie: *cookie}, nil
}

type passwordInput struct {
	Body struct {
		Current string `json:"current" maxLength:"256"`
		New     string `json:"new" maxLength:"256"`
	}
}

// putPassword changes the own password and ends every other session.
func (a *API) putPassword(ctx context.Context, in *passwordInput) (*sessionOutput, error) {
	p := access.From(ctx)
	if err := a.attempt(callerOf(ctx).remote, "login:"+string(p.Tenant)+"/"+p.Name); err != nil {
		return nil, err
	}
	u, err := a.Store.User(ctx, p.Tenant, p.Name)
	if err != nil {
		return nil, err
	}
	if err := access.CheckPassword(u.PasswordHash, in.Body.Current); errors.Is(err, access.ErrPassword) {
		// Not 401: the session is good, only this field is wrong.
		return nil, huma.NewError(http.StatusUnprocessableEntity, "the current password is wrong",
			&huma.ErrorDetail{Location: "body.current", Message: "is wrong"})
	} else if err != nil {
		return nil, err
	}
	if err := access.CheckPasswordForm(u.Username, in.Body.New); err != nil {
		return nil, err
	}
	u.PasswordHash = access.HashPassword(in.Body.New)
	err = a.change(ctx, false, func(ctx context.Context, c *changes) error {
		if _, err := c.SetUser(ctx, p.Tenant, u); err != nil {
			return err
		}
		if err := c.DeleteSessions(ctx, p.Tenant, u.Username); err != nil {
			return err
		}
		return c.record(ctx, "change-password", "user", u.Username, nil, nil)
	})
	if err != nil {
		return nil, err
	}
	return a.signIn(ctx, p.Tenant, u.Username, false)
}
