package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// ControlState is what an enforcer says of one control.
type ControlState struct {
	Control string `json:"control"`
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Errno   int32  `json:"errno,omitempty"`
}

// Enforcer is a member of a group as its last heartbeat showed it.
type Enforcer struct {
	bun.BaseModel   `bun:"table:enforcers"`
	Tenant          tenant.ID `bun:",pk"`
	ID              string    `bun:",pk"`
	GroupName       string
	Kind            string
	Hostname        string
	Image           string
	ImageDigest     string
	Claimed         bool
	Labels          map[string]string `bun:"type:text"`
	Version         string
	Rung            string
	Kernel          string
	Arch            string
	BootID          string
	RemoteAddr      string
	Stopping        bool
	Tasks           int64
	Controls        []ControlState    `bun:"type:text"`
	Facilities      map[string]string `bun:"type:text"`
	BundleEpoch     int64
	BundleNumber    int64
	EventsGenerated int64
	EventsAcked     int64
	EventsDropped   int64
	EventsSpooled   int64
	SkewNs          int64
	FirstSeen       int64
	LastSeen        int64
}

// EnforcerFilter narrows a list; zero fields match all.
type EnforcerFilter struct {
	Group     string
	Query     string    // part of id, hostname or image
	SeenAfter time.Time // connected: last seen after, and not stopping
	SeenUntil time.Time // stale: last seen at or before, or stopping
}

func (f EnforcerFilter) apply(q *bun.SelectQuery) *bun.SelectQuery {
	if f.Group != "" {
		q = q.Where("group_name = ?", f.Group)
	}
	if f.Query != "" {
		like := "%" + escapeLike(strings.ToLower(f.Query)) + "%"
		q = q.Where(`(LOWER(id) LIKE ? ESCAPE '!' OR LOWER(hostname) LIKE ? ESCAPE '!' OR LOWER(image) LIKE ? ESCAPE '!')`, like, like, like)
	}
	if !f.SeenAfter.IsZero() {
		q = q.Where("last_seen > ? AND NOT stopping", ns(f.SeenAfter))
	}
	if !f.SeenUntil.IsZero() {
		q = q.Where("(last_seen <= ? OR stopping)", ns(f.SeenUntil))
	}
	return q
}

// escapeLike takes the meaning from LIKE's wildcards; '!' escapes.
func escapeLike(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

// Enforcers lists enforcers, the last enrolled first.
func (r Reader) Enforcers(ctx context.Context, t tenant.ID, f EnforcerFilter, p Page) ([]Enforcer, string, error) {
	var rows []Enforcer
	q := f.apply(r.db.NewSelect().Model(&rows).Where("tenant = ?", t)).Order("id DESC").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("id < ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list enforcers: %w", err)
	}
	rows, next := cut(rows, p, func(e Enforcer) string { return e.ID })
	return rows, next, nil
}

// CountEnforcers counts the enforcers that f matches.
func (r Reader) CountEnforcers(ctx context.Context, t tenant.ID, f EnforcerFilter) (int, error) {
	n, err := f.apply(r.db.NewSelect().Model((*Enforcer)(nil)).Where("tenant = ?", t)).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot count enforcers: %w", err)
	}
	return int(n), nil
}

// EnforcersByGroup counts members and connected members of every group.
func (r Reader) EnforcersByGroup(ctx context.Context, t tenant.ID, seenAfter time.Time) (map[string][2]int, error) {
	var rows []struct {
		GroupName        string
		Total, Connected int
	}
	err := r.db.NewSelect().Model((*Enforcer)(nil)).ColumnExpr("group_name, COUNT(*) AS total").
		ColumnExpr("SUM(CASE WHEN last_seen > ? AND NOT stopping THEN 1 ELSE 0 END) AS connected", ns(seenAfter)).
		Where("tenant = ?", t).Group("group_name").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot count enforcers: %w", err)
	}
	m := make(map[string][2]int, len(rows))
	for _, row := range rows {
		m[row.GroupName] = [2]int{row.Total, row.Connected}
	}
	return m, nil
}

// EnforcersByVersion counts enforcers by the version they run.
func (r Reader) EnforcersByVersion(ctx context.Context, t tenant.ID) (map[string]int, error) {
	var rows []struct {
		Version string
		N       int
	}
	err := r.db.NewSelect().Model((*Enforcer)(nil)).ColumnExpr("version, COUNT(*) AS n").
		Where("tenant = ?", t).Group("version").Limit(MaxLimit).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot count versions: %w", err)
	}
	m := make(map[string]int, len(rows))
	for _, row := range rows {
		m[row.Version] = row.N
	}
	return m, nil
}

// Enforcer gives one enforcer.
func (r Reader) Enforcer(ctx context.Context, t tenant.ID, id string) (Enforcer, error) {
	var e Enforcer
	err := r.db.NewSelect().Model(&e).Where("tenant = ? AND id = ?", t, id).Scan(ctx)
	return e, lookup(err, "enforcer", id)
}

// PutEnforcer adds an enforcer or writes what its heartbeat said. Kind,
// kernel, arch and first_seen stay as they were at enrolment.
func (x *Tx) PutEnforcer(ctx context.Context, t tenant.ID, e Enforcer) error {
	e.Tenant = t
	q := x.db.NewInsert().Model(&e).On("CONFLICT (tenant, id) DO UPDATE")
	for _, c := range []string{
		"group_name", "hostname", "image", "image_digest", "claimed", "labels", "version", "rung", "boot_id", "remote_addr",
		"stopping", "tasks", "controls", "facilities", "bundle_epoch", "bundle_number", "events_generated", "events_acked",
		"events_dropped", "events_spooled", "skew_ns", "last_seen",
	} {
		q = q.Set("? = EXCLUDED.?", bunIdent(c), bunIdent(c))
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("cannot keep enforcer %q: %w", e.ID, err)
	}
	return nil
}

// DeleteGhostsAnyTenant removes enforcers not seen since `seen`, those that
// said they were stopping not since `stopped`, and revocations older than
// `revoked`. It says how many enforcers went.
func (x *Tx) DeleteGhostsAnyTenant(ctx context.Context, seen, stopped, revoked time.Time) (int64, error) {
	res, err := x.db.NewDelete().Model((*Enforcer)(nil)).
		Where("last_seen < ? OR (stopping AND last_seen < ?)", ns(seen), ns(stopped)).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot remove ghosts: %w", err)
	}
	n, _ := res.RowsAffected()
	if _, err := x.db.NewDelete().Model((*Revocation)(nil)).Where("revoked_at < ?", ns(revoked)).Exec(ctx); err != nil {
		return n, fmt.Errorf("cannot remove old revocations: %w", err)
	}
	return n, nil
}
