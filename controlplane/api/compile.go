package api

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/limpet-security/limpet/controlplane/publish"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/internal/verdict"
)

// compileGroup compiles a group's policies as its enforcers do.
func compileGroup(ctx context.Context, r store.Reader, t tenant.ID, g store.Group, image string) (*verdict.Engine, error) {
	policies, err := publish.Policies(ctx, r, t, g.Name, time.Now())
	if err != nil {
		return nil, err
	}
	lists, err := publish.Lists(ctx, r, t, policies)
	if err != nil {
		return nil, err
	}
	e, err := verdict.Compile(policies, verdict.Workload{
		Image: image, Labels: maps.Clone(g.Labels), Group: g.Name, GroupMode: policy.Mode(g.Mode), Lists: lists,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot compile policies of group %q: %w", g.Name, err)
	}
	return e, nil
}
