package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
)

type joinTokenView struct {
	ID        string    `json:"id"`
	Group     string    `json:"group"`
	Prefix    string    `json:"prefix" doc:"How the token begins"`
	MaxUses   int64     `json:"maxUses" doc:"0: any number until it expires"`
	UsesLeft  int64     `json:"usesLeft"`
	CreatedBy string    `json:"createdBy"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	Expired   bool      `json:"expired"`
	Secret    string    `json:"secret,omitempty" doc:"The token; shown once, when it is made"`
	Token     string    `json:"token,omitempty" doc:"The same as secret"`
}

func viewJoinToken(j store.JoinToken) joinTokenView {
	return joinTokenView{
		ID: j.ID, Group: j.GroupName, Prefix: j.Prefix, MaxUses: j.MaxUses, UsesLeft: j.UsesLeft, CreatedBy: j.CreatedBy,
		CreatedAt: store.Time(j.CreatedAt), ExpiresAt: store.Time(j.ExpiresAt), Expired: store.Time(j.ExpiresAt).Before(time.Now()),
	}
}

type listJoinInput struct {
	NameInput
	PageInput
}

func (a *API) listJoinTokens(ctx context.Context, in *listJoinInput) (*listOutput[joinTokenView], error) {
	t := access.From(ctx).Tenant
	if _, err := a.Store.Group(ctx, t, in.Name); err != nil {
		return nil, err
	}
	rows, next, err := a.Store.JoinTokens(ctx, t, in.Name, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, viewJoinToken), nil
}

type postJoinInput struct {
	NameInput
	Body struct {
		TTLSeconds int64 `json:"ttlSeconds,omitempty" minimum:"60" maximum:"31536000" default:"3600"`
		MaxUses    int64 `json:"maxUses,omitempty" minimum:"0" maximum:"1000000" doc:"0 or absent: any number until it expires"`
	}
}

func (a *API) postJoinToken(ctx context.Context, in *postJoinInput) (*bodyOutput[joinTokenView], error) {
	p := access.From(ctx)
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	ttl := in.Body.TTLSeconds
	if ttl == 0 {
		ttl = 3600
	}
	secret, shown, hash := access.NewSecret(access.JoinTokenPrefix)
	var row store.JoinToken
	err = a.change(ctx, false, func(ctx context.Context, c *changes) (err error) {
		if _, err := c.Group(ctx, p.Tenant, in.Name); err != nil {
			return err
		}
		row, err = c.AddJoinToken(ctx, p.Tenant, store.JoinToken{
			ID: id.String(), GroupName: in.Name, Prefix: shown, Hash: hash, MaxUses: in.Body.MaxUses, CreatedBy: p.Name,
			ExpiresAt: time.Now().Add(time.Duration(ttl) * time.Second).UnixNano(),
		})
		if err != nil {
			return err
		}
		return c.record(ctx, "create", "join-token", in.Name+"/"+row.ID, nil, viewJoinToken(row))
	})
	if err != nil {
		return nil, err
	}
	v := viewJoinToken(row)
	v.Secret, v.Token = secret, secret
	return &bodyOutput[joinTokenView]{Body: v}, nil
}

type deleteJoinInput struct {
	NameInput
	IDInput
}

func (a *API) deleteJoinToken(ctx context.Context, in *deleteJoinInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, false, func(ctx context.Context, c *changes) error {
		row, err := c.JoinToken(ctx, t, in.Name, in.ID)
		if err != nil {
			return err
		}
		if err := c.DeleteJoinToken(ctx, t, in.Name, in.ID); err != nil {
			return err
		}
		return c.record(ctx, "delete", "join-token", in.Name+"/"+row.ID, viewJoinToken(row), nil)
	})
}
