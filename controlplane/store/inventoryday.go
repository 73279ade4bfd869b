package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// KeptDays is how many days of the inventory's history are kept.
const KeptDays = 400

// InventoryDay is the inventory of a tenant as it was on a day.
type InventoryDay struct {
	bun.BaseModel `bun:"table:inventory_days"`
	Tenant        tenant.ID `bun:",pk"`
	Day           string    `bun:",pk"` // 2026-11-22, UTC
	CountedAt     int64
	Artifacts     int64
	Failing       int64 // whose newest verdict is fail
	Risk          int64 // sum over all artefacts
	Exploited     int64 // artefacts with something that is known to be exploited
	Critical      int64 // vulnerabilities, artefact by artefact
	High          int64
	Medium        int64
	Low           int64
	Fixable       int64
	Running       int64 // different images that enforcers run
	Unscanned     int64 // of those, never scanned
}

// InventoryNow counts the inventory as it is.
func (r Reader) InventoryNow(ctx context.Context, t tenant.ID) (InventoryDay, error) {
	now := Now()
	d := InventoryDay{}
	err := r.db.NewSelect().TableExpr("artifacts").ColumnExpr(`COUNT(*) AS artifacts, COALESCE(SUM(CASE WHEN result = 'fail' THEN 1 ELSE 0 END), 0) AS failing,
		COALESCE(SUM(risk), 0) AS risk, COALESCE(SUM(CASE WHEN exploited > 0 THEN 1 ELSE 0 END), 0) AS exploited,
		COALESCE(SUM(critical), 0) AS critical, COALESCE(SUM(high), 0) AS high, COALESCE(SUM(medium), 0) AS medium, COALESCE(SUM(low), 0) AS low,
		COALESCE(SUM(fixable), 0) AS fixable`).Where("tenant = ?", t).Scan(ctx, &d)
	if err != nil {
		return d, fmt.Errorf("cannot count the inventory: %w", err)
	}
	d.Tenant, d.Day, d.CountedAt = t, now.Format("2006-01-02"), ns(now)
	images, err := r.RunningImages(ctx, t)
	if err != nil {
		return d, err
	}
	d.Running = int64(len(images))
	for _, i := range images {
		if !i.Scanned {
			d.Unscanned++
		}
	}
	return d, nil
}

// RunningImage is an image that enforcers run, by their own word.
type RunningImage struct {
	Image       string
	ImageDigest string
	Enforcers   int64
	Scanned     bool // some artefact has its digest
}

// MaxRunningImages bounds how many different images are looked at.
const MaxRunningImages = 20_000

// RunningImages lists the images that enforcers run, those that most do first.
func (r Reader) RunningImages(ctx context.Context, t tenant.ID) ([]RunningImage, error) {
	var rows []RunningImage
	err := r.db.NewSelect().TableExpr("enforcers AS e").ColumnExpr("MAX(e.image) AS image, e.image_digest, COUNT(*) AS enforcers").
		ColumnExpr("EXISTS (SELECT 1 FROM artifacts AS a WHERE a.tenant = ? AND a.digest = e.image_digest) AS scanned", t).
		Where("e.tenant = ? AND NOT e.stopping AND e.image_digest <> ''", t).GroupExpr("e.image_digest").
		OrderExpr("enforcers DESC, e.image_digest").Limit(MaxRunningImages).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot list images that run: %w", err)
	}
	return rows, nil
}

// InventoryDays lists the days since one, the oldest first.
func (r Reader) InventoryDays(ctx context.Context, t tenant.ID, since string) ([]InventoryDay, error) {
	var rows []InventoryDay
	err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND day >= ?", t, since).Order("day").Limit(KeptDays).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read the inventory's history: %w", err)
	}
	return rows, nil
}

// PutInventoryDay keeps a day in place of what was counted of it before, and
// forgets what is older than oldest.
func (x *Tx) PutInventoryDay(ctx context.Context, t tenant.ID, d InventoryDay, oldest string) error {
	d.Tenant = t
	_, err := x.db.NewDelete().Model((*InventoryDay)(nil)).Where("tenant = ? AND (day = ? OR day < ?)", d.Tenant, d.Day, oldest).Exec(ctx)
	if err == nil {
		_, err = x.db.NewInsert().Model(&d).Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("cannot keep the inventory's day: %w", err)
	}
	return nil
}

// RunningChanges says which vulnerabilities are run by another number of
// enforcers than stands beside them: the numbers, and the vulnerabilities.
func (r Reader) RunningChanges(ctx context.Context, t tenant.ID) (map[int64][]string, error) {
	var have []struct {
		ImageDigest, Vulnerability string
	}
	err := r.db.NewSelect().Distinct().TableExpr("artifacts AS a").ColumnExpr("a.digest AS image_digest, v.vulnerability").
		Join("JOIN artifact_vulnerabilities AS v ON v.tenant = a.tenant AND v.artifact_id = a.id").
		Where("a.tenant = ? AND a.digest IN (SELECT image_digest FROM enforcers WHERE tenant = ? AND NOT stopping AND image_digest <> '')", t, t).Scan(ctx, &have)
	if err != nil {
		return nil, fmt.Errorf("cannot count what runs: %w", err)
	}
	images, err := r.RunningImages(ctx, t)
	if err != nil {
		return nil, err
	}
	on := map[string]int64{}
	for _, i := range images {
		on[i.ImageDigest] = i.Enforcers
	}
	want := map[string]int64{}
	for _, h := range have {
		want[h.Vulnerability] += on[h.ImageDigest]
	}
	var was []Vulnerability
	if err := r.db.NewSelect().Model(&was).Column("vulnerability", "running").Where("tenant = ? AND running > 0", t).Scan(ctx); err != nil {
		return nil, fmt.Errorf("cannot count what runs: %w", err)
	}
	for _, v := range was {
		if n, ok := want[v.Vulnerability]; ok && n == v.Running {
			delete(want, v.Vulnerability)
		} else if !ok {
			want[v.Vulnerability] = 0
		}
	}
	out := map[int64][]string{}
	for id, n := range want {
		out[n] = append(out[n], id)
	}
	return out, nil
}

// SetRunning writes what RunningChanges found.
func (x *Tx) SetRunning(ctx context.Context, t tenant.ID, changes map[int64][]string) error {
	for _, n := range slices.Sorted(maps.Keys(changes)) {
		for ids := range slices.Chunk(changes[n], insertBatch) {
			_, err := x.db.NewUpdate().Model((*Vulnerability)(nil)).Set("running = ?", n).Where("tenant = ? AND vulnerability IN (?)", t, bun.List(ids)).Exec(ctx)
			if err != nil {
				return fmt.Errorf("cannot keep what runs: %w", err)
			}
		}
	}
	return nil
}
