package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/internal/workload"
)

type members struct {
	Total     int `json:"total"`
	Connected int `json:"connected"`
}

type groupView struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Mode        string            `json:"mode" enum:"audit,enforce"`
	Labels      map[string]string `json:"labels"`
	Policies    []string          `json:"policies" nullable:"false"`
	OnNoPolicy  string            `json:"onNoPolicy" enum:"audit,refuse"`
	Learning    bool              `json:"learning"`
	Registries  []string          `json:"registries" nullable:"false"`
	Required    map[string]string `json:"requiredLabels"`
	Members     members           `json:"members"`
	Version     int64             `json:"version" doc:"The ETag without its quotes"`
	CreatedAt   time.Time         `json:"createdAt"`
	UpdatedAt   time.Time         `json:"updatedAt"`
}

func viewGroup(g store.Group, m [2]int) groupView {
	return groupView{
		Name: g.Name, Description: g.Description, Mode: g.Mode, Labels: labelsOf(g.Labels), Policies: g.Policies, OnNoPolicy: g.OnNoPolicy, Learning: g.Learning,
		Registries: append([]string{}, g.Registries...), Required: labelsOf(g.Required),
		Members: members{m[0], m[1]}, Version: g.Version, CreatedAt: store.Time(g.CreatedAt), UpdatedAt: store.Time(g.UpdatedAt),
	}
}

// GroupFields is what a person decides about a group. The fields after
// OnNoPolicy are shown by the server and ignored when they come back.
type GroupFields struct {
	Description string            `json:"description,omitempty" maxLength:"1024"`
	Mode        string            `json:"mode,omitempty" enum:"audit,enforce" doc:"The weaker of this and a control's own mode holds; audit if absent"`
	Labels      map[string]string `json:"labels,omitempty"`
	Policies    *[]string         `json:"policies,omitempty" maxItems:"100" doc:"Names; a new group without this field gets the policy named default"`
	OnNoPolicy  string            `json:"onNoPolicy,omitempty" enum:"audit,refuse" doc:"What a wrapped image does when it starts without a valid policy; audit if absent"`
	Learning    *bool             `json:"learning,omitempty" doc:"Members report what their workloads do, so that a policy can be proposed; absent: as it is"`
	Registries  *[]string         `json:"registries,omitempty" maxItems:"256" doc:"Images that the group takes, such as registry.example.com/shop/**: others are refused at enrolment and at the start in enforce mode, reported in audit mode. Empty: all; absent: as it is"`
	Required    map[string]string `json:"requiredLabels,omitempty" doc:"Labels that a workload of the group must have, * for any value; absent: as they are"`

	Members   *members   `json:"members,omitempty" readOnly:"true"`
	Version   int64      `json:"version,omitempty" readOnly:"true"`
	CreatedAt *time.Time `json:"createdAt,omitempty" readOnly:"true"`
	UpdatedAt *time.Time `json:"updatedAt,omitempty" readOnly:"true"`
}

const maxLabels, maxLabel = 64, 256

func (f GroupFields) into(g *store.Group) error {
	if len(f.Labels) > maxLabels {
		return huma.NewError(http.StatusUnprocessableEntity, "a group has at most 64 labels")
	}
	for k, v := range f.Labels {
		if k == "" || len(k) > maxLabel || len(v) > maxLabel {
			return huma.NewError(http.StatusUnprocessableEntity, "the key of a label has 1 to 256 bytes, its value at most 256")
		}
	}
	if err := f.origins(g); err != nil {
		return err
	}
	g.Description, g.Mode, g.Labels, g.OnNoPolicy = f.Description, f.Mode, f.Labels, f.OnNoPolicy
	if f.Learning != nil {
		g.Learning = *f.Learning
	}
	if g.Mode == "" {
		g.Mode = string(policy.Audit)
	}
	if g.OnNoPolicy == "" {
		g.OnNoPolicy = workload.NoPolicyAudit
	}
	if g.Labels == nil {
		g.Labels = map[string]string{}
	}
	if f.Policies != nil {
		g.Policies = slices.Clone(*f.Policies)
		sorted := slices.Sorted(slices.Values(g.Policies))
		if len(slices.Compact(sorted)) != len(g.Policies) {
			return huma.NewError(http.StatusUnprocessableEntity, "a policy is assigned twice")
		}
	}
	if g.Policies == nil {
		g.Policies = []string{}
	}
	return nil
}

func (a *API) members(ctx context.Context) (map[string][2]int, error) {
	return a.Store.EnforcersByGroup(ctx, access.From(ctx).Tenant, time.Now().Add(-a.StaleAfter))
}

func (a *API) listGroups(ctx context.Context, in *PageInput) (*listOutput[groupView], error) {
	t := access.From(ctx).Tenant
	rows, next, err := a.Store.Groups(ctx, t, in.page())
	if err != nil {
		return nil, err
	}
	m, err := a.members(ctx)
	if err != nil {
		return nil, err
	}
	return newList(rows, next, func(g store.Group) groupView { return viewGroup(g, m[g.Name]) }), nil
}

func (a *API) getGroup(ctx context.Context, in *NameInput) (*oneOutput[groupView], error) {
	g, err := a.Store.Group(ctx, access.From(ctx).Tenant, in.Name)
	if err != nil {
		return nil, err
	}
	return a.oneGroup(ctx, g)
}

func (a *API) oneGroup(ctx context.Context, g store.Group) (*oneOutput[groupView], error) {
	m, err := a.members(ctx)
	if err != nil {
		return nil, err
	}
	return &oneOutput[groupView]{ETag: etag(g.Version), Body: viewGroup(g, m[g.Name])}, nil
}

type postGroupInput struct {
	DryInput
	Body struct {
		Name string `json:"name" pattern:"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$" maxLength:"63"`
		GroupFields
	}
}

func (a *API) postGroup(ctx context.Context, in *postGroupInput) (*oneOutput[groupView], error) {
	t := access.From(ctx).Tenant
	var g store.Group
	err := a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		g = store.Group{Name: in.Body.Name}
		if in.Body.Policies == nil {
			if _, err := c.Policy(ctx, t, DefaultPolicy); err == nil {
				g.Policies = []string{DefaultPolicy}
			}
		}
		if err := in.Body.into(&g); err != nil {
			return err
		}
		if g, err = c.AddGroup(ctx, t, g); err != nil {
			return err
		}
		c.publish(g.Name)
		return c.record(ctx, "create", "group", g.Name, nil, viewGroup(g, [2]int{}))
	})
	if err != nil {
		return nil, err
	}
	return a.oneGroup(ctx, g)
}

type putGroupInput struct {
	NameInput
	DryInput
	MatchInput
	Body struct {
		Name string `json:"name,omitempty" doc:"If present, that of the path"`
		GroupFields
	}
}

func (a *API) putGroup(ctx context.Context, in *putGroupInput) (*oneOutput[groupView], error) {
	t := access.From(ctx).Tenant
	if in.Body.Name != "" && in.Body.Name != in.Name {
		return nil, huma.NewError(http.StatusUnprocessableEntity, "a group cannot be renamed")
	}
	var g store.Group
	err := a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		if g, err = c.Group(ctx, t, in.Name); err != nil {
			return err
		}
		if err := in.check(g.Version); err != nil {
			return err
		}
		before := g
		if err := in.Body.into(&g); err != nil {
			return err
		}
		if sameGroup(before, g) {
			return nil
		}
		if g, err = c.SetGroup(ctx, t, g); err != nil {
			return err
		}
		c.publish(g.Name)
		return c.record(ctx, "update", "group", g.Name, viewGroup(before, [2]int{}), viewGroup(g, [2]int{}))
	})
	if err != nil {
		return nil, err
	}
	return a.oneGroup(ctx, g)
}

func sameGroup(a, b store.Group) bool {
	return a.Description == b.Description && a.Mode == b.Mode && a.OnNoPolicy == b.OnNoPolicy && a.Learning == b.Learning &&
		maps.Equal(a.Labels, b.Labels) && slices.Equal(a.Registries, b.Registries) && maps.Equal(a.Required, b.Required) && slices.Equal(a.Policies, b.Policies)
}

type deleteNamedInput struct {
	NameInput
	DryInput
	MatchInput
}

func (a *API) deleteGroup(ctx context.Context, in *deleteNamedInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		g, err := c.Group(ctx, t, in.Name)
		if err != nil {
			return err
		}
		if err := in.checkIfGiven(g.Version); err != nil {
			return err
		}
		if err := c.DeleteGroup(ctx, t, g.Name, g.Version); err != nil {
			return err
		}
		return c.record(ctx, "delete", "group", g.Name, viewGroup(g, [2]int{}), nil)
	})
}

// effectiveView is what a group's policies come to. Policies with an image or
// label scope are counted for a workload that is given, or else for one that
// has the group's labels and no image.
type effectiveView struct {
	GroupMode  string                     `json:"groupMode"`
	Controls   []verdict.EffectiveControl `json:"controls" nullable:"false"`
	Items      []verdict.EffectiveControl `json:"items" nullable:"false" doc:"The same as controls"`
	OutOfScope []string                   `json:"outOfScope" nullable:"false" doc:"Assigned policies that are not meant for this workload"`
}

type effectiveInput struct {
	NameInput
	Image string `query:"image" maxLength:"512"`
}

func (a *API) getEffective(ctx context.Context, in *effectiveInput) (*bodyOutput[effectiveView], error) {
	t := access.From(ctx).Tenant
	g, err := a.Store.Group(ctx, t, in.Name)
	if err != nil {
		return nil, err
	}
	engine, err := compileGroup(ctx, a.Store.Reader, t, g, in.Image)
	if err != nil {
		return nil, err
	}
	v := effectiveView{GroupMode: g.Mode, Controls: engine.Effective(), OutOfScope: engine.OutOfScope()}
	v.Items = v.Controls
	if v.OutOfScope == nil {
		v.OutOfScope = []string{}
	}
	return &bodyOutput[effectiveView]{Body: v}, nil
}
