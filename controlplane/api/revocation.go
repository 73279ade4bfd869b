package api

import (
	"context"
	"errors"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
)

// revocationView is an enforcer whose certificate is refused.
type revocationView struct {
	EnforcerID string    `json:"enforcerId"`
	Group      string    `json:"group" doc:"As it was last seen; empty if it had been forgotten"`
	Hostname   string    `json:"hostname"`
	Image      string    `json:"image"`
	Reason     string    `json:"reason"`
	RevokedBy  string    `json:"revokedBy"`
	RevokedAt  time.Time `json:"revokedAt"`
}

func viewRevocation(v store.Revocation) revocationView {
	return revocationView{v.ID, v.GroupName, v.Hostname, v.Image, v.Reason, v.RevokedBy, store.Time(v.RevokedAt)}
}

func (a *API) listRevocations(ctx context.Context, in *PageInput) (*listOutput[revocationView], error) {
	rows, next, err := a.Store.Revocations(ctx, access.From(ctx).Tenant, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, viewRevocation), nil
}

type postRevocationInput struct {
	DryInput
	Body struct {
		EnforcerID string `json:"enforcerId" pattern:"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" doc:"Also one that is not listed any more: its certificate may still be good"`
		Reason     string `json:"reason,omitempty" maxLength:"1024"`
	}
}

func (a *API) postRevocation(ctx context.Context, in *postRevocationInput) (*bodyOutput[revocationView], error) {
	var v store.Revocation
	err := a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		v, err = c.revoke(ctx, in.Body.EnforcerID, in.Body.Reason, true)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &bodyOutput[revocationView]{Body: viewRevocation(v)}, nil
}

func (a *API) deleteEnforcer(ctx context.Context, in *IDInput) (*noOutput, error) {
	return nil, a.change(ctx, false, func(ctx context.Context, c *changes) error {
		_, err := c.revoke(ctx, in.ID, "", false)
		return err
	})
}

// revoke refuses an enforcer from now on. One that is not known is an error,
// but for forgotten, which takes its identifier for good.
func (c *changes) revoke(ctx context.Context, id, reason string, forgotten bool) (store.Revocation, error) {
	v := store.Revocation{ID: id, Reason: reason, RevokedBy: c.who.Name}
	e, err := c.Enforcer(ctx, c.who.Tenant, id)
	if err != nil && (!forgotten || !errors.Is(err, store.ErrNotFound)) {
		return v, err
	}
	v.GroupName, v.Hostname, v.Image = e.GroupName, e.Hostname, e.Image
	if err := c.RevokeEnforcer(ctx, c.who.Tenant, v); err != nil {
		return v, err
	}
	v.RevokedAt = store.Now().UnixNano()
	return v, c.record(ctx, "revoke", "enforcer", id, nil, viewRevocation(v))
}
