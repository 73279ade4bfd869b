package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// MaxProfileItems bounds what is kept of one workload; occurrences of what
// comes beyond are counted as dropped.
const MaxProfileItems = 10_000

// MaxProfiles bounds the workloads of a group: which one it speaks of is an
// enforcer's own word.
const MaxProfiles = 200

// groupItems bounds what is kept of a group, in the same way: what is read of it
// at once is all there is.
var groupItems int64 = maxItemsRead

// ErrProfiles reports a workload more than MaxProfiles.
var ErrProfiles = errors.New("profiles of too many workloads are kept for this group")

// Profile is what is known of one workload of a group as a whole.
type Profile struct {
	bun.BaseModel `bun:"table:profiles"`
	Tenant        tenant.ID `bun:",pk"`
	GroupName     string    `bun:",pk"`
	Workload      string    `bun:",pk"` // image digest, or else image
	Image         string
	ImageDigest   string
	FirstSeen     int64
	LastSeen      int64
	LastNew       int64 // when something was seen for the first time
	ObservedNs    int64 // how long it was observed, all starts together
	Starts        int64
	Occurrences   int64 // in items
	Dropped       int64 // occurrences in no item
	MaxTasks      int64
}

// ProfileItem is one thing that a workload does.
type ProfileItem struct {
	bun.BaseModel `bun:"table:profile_items"`
	Tenant        tenant.ID `bun:",pk"`
	GroupName     string    `bun:",pk"`
	Workload      string    `bun:",pk"`
	ItemKey       int64     `bun:",pk"`
	Kind          string
	Body          string
	N             int64
	Starts        int64 // of the workload in which it was seen
	FirstSeen     int64
	LastSeen      int64
}

type profileBoot struct {
	bun.BaseModel `bun:"table:profile_boots"`
	Tenant        tenant.ID `bun:",pk"`
	EnforcerID    string    `bun:",pk"`
	BootID        string    `bun:",pk"`
	Sequence      int64
	At            int64
}

// ProfileDelta is one part of a profile, as an enforcer hands it in.
type ProfileDelta struct {
	Profile    // Group, Workload, Image, ImageDigest, FirstSeen, LastSeen, ObservedNs, Dropped, MaxTasks
	EnforcerID string
	BootID     string
	Sequence   int64
	Items      []ProfileItem // Starts is 1 for what is new in this boot, else 0
}

// AddProfile adds a part to a workload's profile. A part that is there
// already, by (enforcer, boot id, sequence), changes nothing: added is false.
func (x *Tx) AddProfile(ctx context.Context, t tenant.ID, d ProfileDelta) (added bool, err error) {
	if err := x.Lock(ctx, t, "profile of "+d.GroupName+" "+d.Workload); err != nil {
		return false, err
	}
	boot := profileBoot{Tenant: t, EnforcerID: d.EnforcerID, BootID: d.BootID}
	err = lookup(x.db.NewSelect().Model(&boot).WherePK().Scan(ctx), "profile", d.BootID)
	fresh := errors.Is(err, ErrNotFound)
	if err != nil && !fresh {
		return false, err
	}
	if !fresh && boot.Sequence >= d.Sequence {
		return false, nil
	}
	boot.Sequence, boot.At = d.Sequence, ns(Now())
	if _, err := x.db.NewInsert().Model(&boot).On("CONFLICT (tenant, enforcer_id, boot_id) DO UPDATE").
		Set("sequence = EXCLUDED.sequence, at = EXCLUDED.at").Exec(ctx); err != nil {
		return false, fmt.Errorf("cannot note part of a profile: %w", err)
	}
	var known []int64
	if err := x.db.NewSelect().Model((*ProfileItem)(nil)).Column("item_key").
		Where("tenant = ? AND group_name = ? AND workload = ?", t, d.GroupName, d.Workload).Scan(ctx, &known); err != nil {
		return false, fmt.Errorf("cannot read profile: %w", err)
	}
	have := make(map[int64]bool, len(known))
	for _, k := range known {
		have[k] = true
	}
	if len(known) == 0 {
		n, err := x.db.NewSelect().Model((*Profile)(nil)).Where("tenant = ? AND group_name = ? AND workload <> ?", t, d.GroupName, d.Workload).Count(ctx)
		if err != nil {
			return false, fmt.Errorf("cannot count profiles: %w", err)
		}
		if n >= MaxProfiles {
			return false, ErrProfiles
		}
	}
	room := int64(-1) // for things that are new; not counted yet
	p := d.Profile
	p.Tenant, p.LastNew = t, 0
	p.Starts = 0
	if fresh {
		p.Starts = 1
	}
	for _, it := range d.Items {
		if !have[it.ItemKey] {
			if room < 0 {
				n, err := x.db.NewSelect().Model((*ProfileItem)(nil)).Where("tenant = ? AND group_name = ?", t, d.GroupName).Count(ctx)
				if err != nil {
					return false, fmt.Errorf("cannot count what is known of a group: %w", err)
				}
				room = max(min(groupItems-int64(n), int64(MaxProfileItems-len(have))), 0)
			}
			if room == 0 {
				p.Dropped += it.N
				continue
			}
			room--
			have[it.ItemKey] = true
			p.LastNew = max(p.LastNew, it.FirstSeen)
		}
		p.Occurrences += it.N
		it.Tenant, it.GroupName, it.Workload = t, d.GroupName, d.Workload
		if _, err := x.db.NewInsert().Model(&it).On("CONFLICT (tenant, group_name, workload, item_key) DO UPDATE").
			Set("n = profile_item.n + EXCLUDED.n, starts = profile_item.starts + EXCLUDED.starts").
			Set("first_seen = CASE WHEN EXCLUDED.first_seen < profile_item.first_seen THEN EXCLUDED.first_seen ELSE profile_item.first_seen END").
			Set("last_seen = CASE WHEN EXCLUDED.last_seen > profile_item.last_seen THEN EXCLUDED.last_seen ELSE profile_item.last_seen END").
			Exec(ctx); err != nil {
			return false, fmt.Errorf("cannot keep part of a profile: %w", err)
		}
	}
	_, err = x.db.NewInsert().Model(&p).On("CONFLICT (tenant, group_name, workload) DO UPDATE").
		Set("image = EXCLUDED.image, starts = profile.starts + EXCLUDED.starts, occurrences = profile.occurrences + EXCLUDED.occurrences").
		Set("dropped = profile.dropped + EXCLUDED.dropped, observed_ns = profile.observed_ns + EXCLUDED.observed_ns").
		Set("max_tasks = CASE WHEN EXCLUDED.max_tasks > profile.max_tasks THEN EXCLUDED.max_tasks ELSE profile.max_tasks END").
		Set("last_seen = CASE WHEN EXCLUDED.last_seen > profile.last_seen THEN EXCLUDED.last_seen ELSE profile.last_seen END").
		Set("last_new = CASE WHEN EXCLUDED.last_new > profile.last_new THEN EXCLUDED.last_new ELSE profile.last_new END").
		Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("cannot keep profile: %w", err)
	}
	return true, nil
}

// Profiles lists the workloads of a group whose profile is known.
func (r Reader) Profiles(ctx context.Context, t tenant.ID, group string, p Page) ([]Profile, string, error) {
	var rows []Profile
	q := r.db.NewSelect().Model(&rows).Where("tenant = ? AND group_name = ?", t, group).Order("workload").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("workload > ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list profiles: %w", err)
	}
	rows, next := cut(rows, p, func(p Profile) string { return p.Workload })
	return rows, next, nil
}

// ProfilesOfImage gives the profiles of workloads that run an image, in any
// group.
func (r Reader) ProfilesOfImage(ctx context.Context, t tenant.ID, digest string, limit int) ([]Profile, error) {
	var rows []Profile
	err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND image_digest = ?", t, digest).Order("group_name", "workload").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read profiles of an image: %w", err)
	}
	return rows, nil
}

// ProfileItems gives everything that a group's workloads do (one workload's if
// it is not ""), seen between two times (zero: no bound), the most frequent of
// a kind first.
func (r Reader) ProfileItems(ctx context.Context, t tenant.ID, group, workload string, from, until time.Time) ([]ProfileItem, error) {
	var rows []ProfileItem
	q := r.db.NewSelect().Model(&rows).Where("tenant = ? AND group_name = ?", t, group).
		Order("kind", "n DESC", "workload", "item_key").Limit(maxItemsRead)
	if workload != "" {
		q = q.Where("workload = ?", workload)
	}
	if !from.IsZero() {
		q = q.Where("last_seen >= ?", ns(from))
	}
	if !until.IsZero() {
		q = q.Where("first_seen < ?", ns(until))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("cannot read profile of group %q: %w", group, err)
	}
	return rows, nil
}

// maxItemsRead bounds what is read of a group at once.
const maxItemsRead = 50_000

// DeleteProfiles forgets what a group has learned.
func (x *Tx) DeleteProfiles(ctx context.Context, t tenant.ID, group string) (int64, error) {
	if _, err := x.db.NewDelete().Model((*ProfileItem)(nil)).Where("tenant = ? AND group_name = ?", t, group).Exec(ctx); err != nil {
		return 0, fmt.Errorf("cannot forget profiles: %w", err)
	}
	res, err := x.db.NewDelete().Model((*Profile)(nil)).Where("tenant = ? AND group_name = ?", t, group).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot forget profiles: %w", err)
	}
	n, _ := res.RowsAffected()
	return n, nil
}

// DeleteProfileBootsAnyTenant forgets which parts came from starts that are
// long over.
func (x *Tx) DeleteProfileBootsAnyTenant(ctx context.Context, before time.Time) error {
	if _, err := x.db.NewDelete().Model((*profileBoot)(nil)).Where("at < ?", ns(before)).Exec(ctx); err != nil {
		return fmt.Errorf("cannot forget starts: %w", err)
	}
	return nil
}

// ProfileItemPage lists what one workload does (of one kind if it is not ""),
// the most frequent first.
func (r Reader) ProfileItemPage(ctx context.Context, t tenant.ID, group, workload, kind string, p Page) ([]ProfileItem, string, error) {
	var rows []ProfileItem
	q := r.db.NewSelect().Model(&rows).Where("tenant = ? AND group_name = ? AND workload = ?", t, group, workload).
		Order("n DESC", "item_key").Limit(int64(p.limit()) + 1)
	if kind != "" {
		q = q.Where("kind = ?", kind)
	}
	if p.Cursor != "" {
		at, err := cursorNumbers(p.Cursor, 2)
		if err != nil {
			return nil, "", err
		}
		q = q.Where("(n < ? OR n = ? AND item_key > ?)", at[0], at[0], at[1])
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list profile of %q: %w", workload, err)
	}
	rows, next := cut(rows, p, func(it ProfileItem) string { return cursorText(it.N, it.ItemKey) })
	return rows, next, nil
}
