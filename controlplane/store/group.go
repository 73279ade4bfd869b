package store

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Group is an enforcer group: the mode and the policies of its members.
type Group struct {
	bun.BaseModel `bun:"table:enforcer_groups"`
	Tenant        tenant.ID `bun:",pk"`
	Name          string    `bun:",pk"`
	Description   string
	Mode          string            // policy.Audit or policy.Enforce
	Labels        map[string]string `bun:"type:text"`
	OnNoPolicy    string            // workload.NoPolicyAudit or NoPolicyRefuse
	Learning      bool              // members report what their workloads do
	Registries    []string          `bun:"type:text"`                 // patterns of images that it takes; none: all
	Required      map[string]string `bun:"required_labels,type:text"` // labels that its workloads must have
	Version       int64
	CreatedAt     int64
	UpdatedAt     int64

	Policies []string `bun:"-"` // names, in the order they were assigned
}

type groupPolicyRow struct {
	bun.BaseModel `bun:"table:group_policies"`
	Tenant        tenant.ID `bun:",pk"`
	GroupName     string    `bun:",pk"`
	PolicyName    string    `bun:",pk"`
	Position      int64
	AssignedAt    int64
}

// Groups lists groups by name.
func (r Reader) Groups(ctx context.Context, t tenant.ID, p Page) ([]Group, string, error) {
	var rows []Group
	q := r.db.NewSelect().Model(&rows).Where("tenant = ?", t).Order("name").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("name > ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list groups: %w", err)
	}
	rows, next := cut(rows, p, func(g Group) string { return g.Name })
	return rows, next, r.loadPolicies(ctx, t, rows)
}

// CountGroups counts a tenant's groups.
func (r Reader) CountGroups(ctx context.Context, t tenant.ID) (int, error) {
	n, err := r.db.NewSelect().Model((*Group)(nil)).Where("tenant = ?", t).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot count groups: %w", err)
	}
	return int(n), nil
}

// Group gives one group.
func (r Reader) Group(ctx context.Context, t tenant.ID, name string) (Group, error) {
	rows := make([]Group, 1)
	err := r.db.NewSelect().Model(&rows[0]).Where("tenant = ? AND name = ?", t, name).Scan(ctx)
	if err := lookup(err, "group", name); err != nil {
		return Group{}, err
	}
	err = r.loadPolicies(ctx, t, rows)
	return rows[0], err
}

func (r Reader) loadPolicies(ctx context.Context, t tenant.ID, groups []Group) error {
	if len(groups) == 0 {
		return nil
	}
	names := make([]string, len(groups))
	at := make(map[string]*Group, len(groups))
	for i := range groups {
		names[i] = groups[i].Name
		groups[i].Policies = []string{}
		at[names[i]] = &groups[i]
	}
	var rows []groupPolicyRow
	err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND group_name IN (?)", t, bun.List(names)).
		Order("group_name", "position").Scan(ctx)
	if err != nil {
		return fmt.Errorf("cannot read assigned policies: %w", err)
	}
	for _, row := range rows {
		g := at[row.GroupName]
		g.Policies = append(g.Policies, row.PolicyName)
	}
	return nil
}

// GroupsOfPolicy names the groups that a policy is assigned to.
func (r Reader) GroupsOfPolicy(ctx context.Context, t tenant.ID, policy string) ([]string, error) {
	names := []string{}
	err := r.db.NewSelect().Model((*groupPolicyRow)(nil)).Column("group_name").
		Where("tenant = ? AND policy_name = ?", t, policy).Order("group_name").Scan(ctx, &names)
	if err != nil {
		return nil, fmt.Errorf("cannot read groups of policy %q: %w", policy, err)
	}
	return names, nil
}

// PoliciesOfGroup gives the assigned policies themselves with the time each
// was assigned, in order.
func (r Reader) PoliciesOfGroup(ctx context.Context, t tenant.ID, group string) ([]Policy, []time.Time, error) {
	var rows []struct {
		Policy     `bun:",extend"`
		AssignedAt int64
	}
	err := r.db.NewSelect().TableExpr("group_policies AS gp").
		ColumnExpr("p.*, gp.assigned_at").
		Join("JOIN policies AS p ON p.tenant = gp.tenant AND p.name = gp.policy_name").
		Where("gp.tenant = ? AND gp.group_name = ?", t, group).OrderExpr("gp.position").Scan(ctx, &rows)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read policies of group %q: %w", group, err)
	}
	policies, at := make([]Policy, len(rows)), make([]time.Time, len(rows))
	for i, row := range rows {
		policies[i], at[i] = row.Policy, Time(row.AssignedAt)
	}
	return policies, at, nil
}

// AddGroup adds a group; its version becomes 1.
func (x *Tx) AddGroup(ctx context.Context, t tenant.ID, g Group) (Group, error) {
	now := ns(Now())
	g.origins()
	g.Tenant, g.Version, g.CreatedAt, g.UpdatedAt = t, 1, now, now
	if _, err := x.db.NewInsert().Model(&g).Exec(ctx); err != nil {
		return g, inserted(err, "group", g.Name)
	}
	return g, x.assign(ctx, t, g)
}

// origins writes what is not set as empty, not as null.
func (g *Group) origins() {
	if g.Registries == nil {
		g.Registries = []string{}
	}
	if g.Required == nil {
		g.Required = map[string]string{}
	}
}

// SetGroup writes a group whose version is still g.Version.
func (x *Tx) SetGroup(ctx context.Context, t tenant.ID, g Group) (Group, error) {
	was := g.Version
	g.origins()
	g.Tenant, g.Version, g.UpdatedAt = t, was+1, ns(Now())
	res, err := x.db.NewUpdate().Model(&g).
		Column("description", "mode", "labels", "on_no_policy", "learning", "registries", "required_labels", "version", "updated_at").
		Where("tenant = ? AND name = ? AND version = ?", t, g.Name, was).Exec(ctx)
	if err := changed(res, err, "group", g.Name, ErrVersion); err != nil {
		return g, err
	}
	return g, x.assign(ctx, t, g)
}

// assign makes the group's policies those of g.Policies. A policy that was
// assigned before keeps the time it was assigned at.
func (x *Tx) assign(ctx context.Context, t tenant.ID, g Group) error {
	var before []groupPolicyRow
	err := x.db.NewSelect().Model(&before).Where("tenant = ? AND group_name = ?", t, g.Name).Scan(ctx)
	if err != nil {
		return fmt.Errorf("cannot read assigned policies: %w", err)
	}
	since := make(map[string]int64, len(before))
	for _, row := range before {
		since[row.PolicyName] = row.AssignedAt
	}
	if len(before) > 0 {
		_, err := x.db.NewDelete().Model((*groupPolicyRow)(nil)).
			Where("tenant = ? AND group_name = ?", t, g.Name).Exec(ctx)
		if err != nil {
			return fmt.Errorf("cannot assign policies: %w", err)
		}
	}
	for i, name := range g.Policies {
		if _, err := x.Policy(ctx, t, name); err != nil {
			return err
		}
		row := groupPolicyRow{Tenant: t, GroupName: g.Name, PolicyName: name, Position: int64(i), AssignedAt: since[name]}
		if row.AssignedAt == 0 {
			row.AssignedAt = ns(Now())
		}
		if _, err := x.db.NewInsert().Model(&row).Exec(ctx); err != nil {
			return inserted(err, "assigned policy", name)
		}
	}
	return nil
}

// DeleteGroup removes a group that has no enforcer, with its join tokens.
// Its bundles stay: the numbers they used must not be used again.
func (x *Tx) DeleteGroup(ctx context.Context, t tenant.ID, name string, version int64) error {
	n, err := x.db.NewSelect().Model((*Enforcer)(nil)).Where("tenant = ? AND group_name = ?", t, name).Count(ctx)
	if err != nil {
		return fmt.Errorf("cannot count enforcers of group %q: %w", name, err)
	}
	if n > 0 {
		return fmt.Errorf("group %q has %d enforcers: %w", name, n, ErrInUse)
	}
	for _, row := range []any{(*groupPolicyRow)(nil), (*JoinToken)(nil), (*ProfileItem)(nil), (*Profile)(nil)} {
		_, err := x.db.NewDelete().Model(row).Where("tenant = ? AND group_name = ?", t, name).Exec(ctx)
		if err != nil {
			return fmt.Errorf("cannot delete group %q: %w", name, err)
		}
	}
	res, err := x.db.NewDelete().Model((*Group)(nil)).
		Where("tenant = ? AND name = ? AND version = ?", t, name, version).Exec(ctx)
	return changed(res, err, "group", name, ErrVersion)
}
