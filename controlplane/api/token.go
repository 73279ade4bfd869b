package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
)

type tokenView struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Prefix     string     `json:"prefix" doc:"How the token begins"`
	Roles      []string   `json:"roles" nullable:"false"`
	CreatedBy  string     `json:"createdBy"`
	CreatedAt  time.Time  `json:"createdAt"`
	ExpiresAt  *time.Time `json:"expiresAt,omitempty" doc:"Absent: never"`
	LastUsedAt *time.Time `json:"lastUsedAt,omitempty"`
	Token      string     `json:"token,omitempty" doc:"The secret; shown once, when it is made"`
}

func viewToken(t store.APIToken) tokenView {
	return tokenView{
		ID: t.ID, Name: t.Name, Prefix: t.Prefix, Roles: t.Roles, CreatedBy: t.CreatedBy,
		CreatedAt: store.Time(t.CreatedAt), ExpiresAt: when(t.ExpiresAt), LastUsedAt: when(t.LastUsedAt),
	}
}

func (a *API) listTokens(ctx context.Context, in *PageInput) (*listOutput[tokenView], error) {
	rows, next, err := a.Store.APITokens(ctx, access.From(ctx).Tenant, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, viewToken), nil
}

type postTokenInput struct {
	Body struct {
		Name       string     `json:"name" minLength:"1" maxLength:"64"`
		Roles      []string   `json:"roles" minItems:"1" maxItems:"8"`
		ExpiresAt  *time.Time `json:"expiresAt,omitempty"`
		TTLSeconds int64      `json:"ttlSeconds,omitempty" minimum:"60" maximum:"315360000"`
	}
}

func (a *API) postToken(ctx context.Context, in *postTokenInput) (*bodyOutput[tokenView], error) {
	p := access.From(ctx)
	if err := checkRoles(ctx, in.Body.Roles); err != nil {
		return nil, err
	}
	var expires int64
	switch now := time.Now(); {
	case in.Body.ExpiresAt != nil:
		if !in.Body.ExpiresAt.After(now) {
			return nil, huma.NewError(http.StatusUnprocessableEntity, "expiresAt is in the past")
		}
		expires = in.Body.ExpiresAt.UnixNano()
	case in.Body.TTLSeconds > 0:
		expires = now.Add(time.Duration(in.Body.TTLSeconds) * time.Second).UnixNano()
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	secret, shown, hash := access.NewSecret(access.APITokenPrefix)
	var row store.APIToken
	err = a.change(ctx, false, func(ctx context.Context, c *changes) (err error) {
		row, err = c.AddAPIToken(ctx, p.Tenant, store.APIToken{
			ID: id.String(), Name: in.Body.Name, Prefix: shown, Hash: hash, Roles: in.Body.Roles, CreatedBy: p.Person, ExpiresAt: expires,
		})
		if err != nil {
			return err
		}
		return c.record(ctx, "create", "token", row.Name, nil, viewToken(row))
	})
	if err != nil {
		return nil, err
	}
	v := viewToken(row)
	v.Token = secret
	return &bodyOutput[tokenView]{Body: v}, nil
}

func (a *API) deleteToken(ctx context.Context, in *IDInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, false, func(ctx context.Context, c *changes) error {
		row, err := c.APIToken(ctx, t, in.ID)
		if err != nil {
			return err
		}
		if err := c.DeleteAPIToken(ctx, t, in.ID); err != nil {
			return err
		}
		return c.record(ctx, "delete", "token", row.Name, viewToken(row), nil)
	})
}
