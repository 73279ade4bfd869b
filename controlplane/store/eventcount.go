package store

import (
	"context"
	"fmt"
	"time"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Bucket is the number of events of one verdict in one span of time.
type Bucket struct {
	Start   int64
	Verdict string
	N       int64
}

// EventTimeline counts events by verdict in spans of `width` between from and
// to, of one group or of all (""). Spans without events are left out. A width
// of whole hours counts whole hours: the one that from lies in is.
func (r Reader) EventTimeline(ctx context.Context, t tenant.ID, group string, from, to time.Time, width time.Duration) ([]Bucket, error) {
	w, dimension, least := max(int64(width), minute), byTime, minute
	if w%hour == 0 {
		dimension, least = byHour, hour
	}
	var rows []Bucket
	err := r.db.NewSelect().TableExpr("event_counts").
		ColumnExpr("span - span % ? AS start, verdict, SUM(n) AS n", w).
		Where("tenant = ? AND dimension = ? AND group_name = ? AND span >= ? AND span < ?", t, dimension, group, ns(from)-ns(from)%least, ns(to)).
		GroupExpr("1, 2").OrderExpr("1, 2").Limit(maxBuckets).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot count events: %w", err)
	}
	return rows, nil
}

// maxBuckets bounds a timeline.
const maxBuckets = 5000

// Top is one name and its number of events.
type Top struct {
	Name string
	N    int64
}

// EventTop counts events by "control" or "image" (audit and deny only) and
// gives the first few. Whole hours are counted: the one that from lies in is.
func (r Reader) EventTop(ctx context.Context, t tenant.ID, group, by string, from, to time.Time, limit int) ([]Top, error) {
	if by != byControl && by != byImage {
		return nil, fmt.Errorf("cannot count events by %q: not a column", by)
	}
	var rows []Top
	err := r.db.NewSelect().TableExpr("event_counts").ColumnExpr("name, SUM(n) AS n").
		Where("tenant = ? AND dimension = ? AND group_name = ? AND span >= ? AND span < ?", t, by, group, ns(from)-ns(from)%hour, ns(to)).
		Where("verdict IN ('audit', 'deny')").
		GroupExpr("1").OrderExpr("2 DESC, 1").Limit(int64(limit)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot count events: %w", err)
	}
	return rows, nil
}
