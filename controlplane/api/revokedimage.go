package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// revokedImageView is an image that must not start.
type revokedImageView struct {
	Digest    string    `json:"digest"`
	Image     string    `json:"image" doc:"Its name, for people"`
	Groups    []string  `json:"groups" nullable:"false" doc:"Groups in which it must not start; empty: it must start nowhere"`
	Reason    string    `json:"reason"`
	RevokedBy string    `json:"revokedBy"`
	RevokedAt time.Time `json:"revokedAt"`
	Enforcers int       `json:"enforcers" doc:"Enforcers that report this image now"`
}

func viewRevokedImage(v store.RevokedImage, running int) revokedImageView {
	groups := v.InGroups
	if groups == nil {
		groups = []string{}
	}
	return revokedImageView{v.Digest, v.Image, groups, v.Reason, v.RevokedBy, store.Time(v.RevokedAt), running}
}

func (a *API) listRevokedImages(ctx context.Context, in *PageInput) (*listOutput[revokedImageView], error) {
	t := access.From(ctx).Tenant
	rows, next, err := a.Store.RevokedImages(ctx, t, in.page())
	if err != nil {
		return nil, err
	}
	var digests []string
	for _, v := range rows {
		digests = append(digests, v.Digest)
	}
	running, err := a.Store.EnforcersOfImages(ctx, t, digests)
	if err != nil {
		return nil, err
	}
	return newList(rows, next, func(v store.RevokedImage) revokedImageView { return viewRevokedImage(v, running[v.Digest]) }), nil
}

type postRevokedImageInput struct {
	DryInput
	Body struct {
		Digest string   `json:"digest" pattern:"^sha256:[0-9a-f]{64}$" doc:"Of the image that was wrapped, as enforcers report it"`
		Image  string   `json:"image,omitempty" maxLength:"512" doc:"Its name, for people; that of an enforcer that runs it if absent"`
		Groups []string `json:"groups,omitempty" maxItems:"100" doc:"Groups in which it must not start; absent: it must start nowhere"`
		Reason string   `json:"reason" minLength:"1" maxLength:"1024"`
	}
}

func (a *API) postRevokedImage(ctx context.Context, in *postRevokedImageInput) (*bodyOutput[revokedImageView], error) {
	who := access.From(ctx)
	v := store.RevokedImage{
		Digest: in.Body.Digest, Image: in.Body.Image, InGroups: slices.Compact(slices.Sorted(slices.Values(in.Body.Groups))), Reason: in.Body.Reason, RevokedBy: who.Name,
	}
	running := 0
	err := a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		for _, g := range v.InGroups {
			if _, err := c.Group(ctx, who.Tenant, g); err != nil {
				return huma.NewError(http.StatusUnprocessableEntity, err.Error())
			}
		}
		counts, err := c.EnforcersOfImages(ctx, who.Tenant, []string{v.Digest})
		if err != nil {
			return err
		}
		if running = counts[v.Digest]; v.Image == "" && running > 0 {
			if v.Image, err = c.ImageName(ctx, who.Tenant, v.Digest); err != nil {
				return err
			}
		}
		if v, err = c.AddRevokedImage(ctx, who.Tenant, v); err != nil {
			return err
		}
		if err := c.publishImage(ctx, who.Tenant, v); err != nil {
			return err
		}
		return c.record(ctx, "revoke", "image", v.Digest, nil, viewRevokedImage(v, running))
	})
	if err != nil {
		return nil, err
	}
	return &bodyOutput[revokedImageView]{Body: viewRevokedImage(v, running)}, nil
}

// publishImage asks for new bundles of the groups that a revocation concerns.
func (c *changes) publishImage(ctx context.Context, t tenant.ID, v store.RevokedImage) error {
	for cursor := ""; ; {
		groups, next, err := c.Groups(ctx, t, store.Page{Cursor: cursor, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		for _, g := range groups {
			if v.Concerns(g.Name) {
				c.publish(g.Name)
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}

// DigestInput names an image in the path.
type DigestInput struct {
	Digest string `path:"digest" maxLength:"71"`
}

type deleteRevokedImageInput struct {
	DigestInput
	DryInput
}

func (a *API) deleteRevokedImage(ctx context.Context, in *deleteRevokedImageInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		v, err := c.RevokedImage(ctx, t, in.Digest)
		if err != nil {
			return err
		}
		if err := c.DeleteRevokedImage(ctx, t, v.Digest); err != nil {
			return err
		}
		if err := c.publishImage(ctx, t, v); err != nil {
			return err
		}
		return c.record(ctx, "restore", "image", v.Digest, viewRevokedImage(v, 0), nil)
	})
}
