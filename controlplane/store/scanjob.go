package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// States of a scan job.
const (
	ScanWaiting   = "waiting"
	ScanLeased    = "leased"
	ScanDone      = "done"
	ScanFailed    = "failed"
	ScanCancelled = "cancelled"
)

// ScanJob is one thing that is to be scanned, or was.
type ScanJob struct {
	bun.BaseModel `bun:"table:scan_jobs"`
	Tenant        tenant.ID `bun:",pk"`
	ID            string    `bun:",pk"` // UUIDv7
	RiverID       int64     // of the row in River's table
	State         string
	Registry      string // whose credentials are lent; "" for none
	Reference     string
	Platform      string
	Reason        string            // manual, ci, webhook, rescan, schedule
	Labels        map[string]string `bun:"type:text"`
	Priority      int64             // 1 goes first
	Attempts      int64             // leases so far
	Failures      int64             // of them that workers called failed
	CreatedAt     int64
	CreatedBy     string
	RunAt         int64 // not before
	Lease         string
	Worker        string
	LeasedAt      int64
	ExpiresAt     int64
	Done          int64 // layers
	Of            int64
	FinishedAt    int64
	Error         string // of the last attempt
	ScanID        string
	ArtifactID    string
	Result        string
}

// ScanWorker is a worker that asked for work.
type ScanWorker struct {
	bun.BaseModel `bun:"table:scan_workers"`
	Tenant        tenant.ID `bun:",pk"`
	Name          string    `bun:",pk"`
	Version       string
	Address       string
	Slots         int64 // scans side by side
	FirstSeen     int64
	LastSeen      int64
	Done          int64
	Failed        int64
}

// ScanDelivery is a piece of a report on its way.
type ScanDelivery struct {
	bun.BaseModel `bun:"table:scan_deliveries"`
	Tenant        tenant.ID `bun:",pk"`
	Lease         string    `bun:",pk"`
	Piece         int64     `bun:",pk"`
	Data          []byte
}

// SQLAnyTenant is the connection that writes, for what keeps tables of its own here.
func (s *Store) SQLAnyTenant() *sql.DB { return s.write.DB }

// SQLAnyTenant is the transaction, for what keeps tables of its own here.
func (x *Tx) SQLAnyTenant() (*sql.Tx, error) {
	tx, ok := x.db.(bun.Tx)
	if !ok {
		return nil, errors.New("cannot use transaction: it is none of the database's")
	}
	return tx.Tx, nil
}

// ScanJobFilter narrows a list of scan jobs; zero fields match all.
type ScanJobFilter struct {
	State  string
	Reason string
	Worker string
	Query  string // part of the reference
}

func (f ScanJobFilter) scan(t tenant.ID) scan[idKey] {
	s := scan[idKey]{
		table: (*ScanJob)(nil), key: []string{"id"}, order: "id DESC",
		index: func(q *bun.SelectQuery) *bun.SelectQuery {
			q = q.Where("tenant = ?", t)
			if f.State != "" {
				q = q.Where("state = ?", f.State)
			}
			return q
		},
		after: behindID,
	}
	if f.Reason != "" || f.Worker != "" || f.Query != "" {
		s.needs = []string{"reason", "worker", "reference"}
		s.rest = func(q *bun.SelectQuery) *bun.SelectQuery {
			if f.Reason != "" {
				q = q.Where("c.reason = ?", f.Reason)
			}
			if f.Worker != "" {
				q = q.Where("c.worker = ?", f.Worker)
			}
			if f.Query != "" {
				q = q.Where("LOWER(c.reference) LIKE LOWER(?) ESCAPE '!'", "%"+escapeLike(f.Query)+"%")
			}
			return q
		}
	}
	return s
}

// ScanJobs lists scan jobs, the last one first.
func (r Reader) ScanJobs(ctx context.Context, t tenant.ID, f ScanJobFilter, p Page) ([]ScanJob, string, error) {
	ids, cursor, err := newest(ctx, r, f.scan(t), p)
	if err != nil {
		return nil, "", fmt.Errorf("cannot list scan jobs: %w", err)
	}
	if len(ids) == 0 {
		return nil, cursor, nil
	}
	var rows []ScanJob
	if err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND id IN (?)", t, bun.List(ids)).Order("id DESC").Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list scan jobs: %w", err)
	}
	return rows, cursor, nil
}

// ScanJob gives one.
func (r Reader) ScanJob(ctx context.Context, t tenant.ID, id string) (ScanJob, error) {
	var j ScanJob
	err := r.db.NewSelect().Model(&j).Where("tenant = ? AND id = ?", t, id).Scan(ctx)
	return j, lookup(err, "scan job", id)
}

// ScanJobOfLease gives the job that a lease is or was the last of.
func (r Reader) ScanJobOfLease(ctx context.Context, t tenant.ID, lease string) (ScanJob, error) {
	var j ScanJob
	err := r.db.NewSelect().Model(&j).Where("tenant = ? AND lease = ? AND lease <> ''", t, lease).Scan(ctx)
	return j, lookup(err, "lease", lease)
}

// WaitingScanJob gives the job that waits for an image.
func (r Reader) WaitingScanJob(ctx context.Context, t tenant.ID, reference, platform string) (ScanJob, error) {
	var j ScanJob
	err := r.db.NewSelect().Model(&j).Where("tenant = ? AND reference = ? AND platform = ? AND state = 'waiting'", t, reference, platform).Scan(ctx)
	return j, lookup(err, "waiting scan job", reference)
}

// ExpiredScanJobsAnyTenant lists leases that were to end before a time; with a
// worker's name those of that worker, whenever they end.
func (r Reader) ExpiredScanJobsAnyTenant(ctx context.Context, at time.Time, worker string, limit int) ([]ScanJob, error) {
	var rows []ScanJob
	q := r.db.NewSelect().Model(&rows).Where("state = 'leased'").Order("expires_at").Limit(int64(limit))
	if worker == "" {
		q = q.Where("expires_at < ?", ns(at))
	} else {
		q = q.Where("worker = ?", worker)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("cannot list leases: %w", err)
	}
	return rows, nil
}

// OpenScanJobsAnyTenant lists jobs that have not ended, by tenant and id.
func (r Reader) OpenScanJobsAnyTenant(ctx context.Context, after ScanJob, limit int) ([]ScanJob, error) {
	var rows []ScanJob
	err := r.db.NewSelect().Model(&rows).Where("state IN ('waiting', 'leased') AND (tenant, id) > (?, ?)", after.Tenant, after.ID).
		Order("tenant", "id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot list scan jobs: %w", err)
	}
	return rows, nil
}

// AddScanJob adds a job. ErrExists: the same image waits already.
func (x *Tx) AddScanJob(ctx context.Context, t tenant.ID, j ScanJob) error {
	j.Tenant = t
	if j.Labels == nil {
		j.Labels = map[string]string{}
	}
	res, err := x.db.NewInsert().Model(&j).On("CONFLICT (tenant, reference, platform) WHERE state = 'waiting' DO NOTHING").Exec(ctx)
	return changed(res, err, "scan job", j.Reference, ErrExists)
}

// SetScanJob writes a job that was in a state under a lease; ErrVersion if it
// no longer is.
func (x *Tx) SetScanJob(ctx context.Context, t tenant.ID, j ScanJob, wasState, wasLease string) error {
	j.Tenant = t
	res, err := x.db.NewUpdate().Model(&j).Where("tenant = ? AND id = ? AND state = ? AND lease = ?", t, j.ID, wasState, wasLease).Exec(ctx)
	return changed(res, err, "scan job", j.ID, ErrVersion)
}

// ExtendLeasesAnyTenant lets no lease end before a time.
func (x *Tx) ExtendLeasesAnyTenant(ctx context.Context, until time.Time) error {
	_, err := x.db.NewUpdate().Model((*ScanJob)(nil)).Set("expires_at = ?", ns(until)).Where("state = 'leased' AND expires_at < ?", ns(until)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot extend leases: %w", err)
	}
	return nil
}

// DeleteScanJobsAnyTenant removes jobs that ended before a time, some at a
// time, and workers that were not seen since.
func (x *Tx) DeleteScanJobsAnyTenant(ctx context.Context, before time.Time, limit int) (int64, error) {
	var n int64
	for _, q := range []struct{ text string }{
		{"DELETE FROM scan_jobs WHERE (tenant, id) IN (SELECT tenant, id FROM scan_jobs WHERE finished_at > 0 AND finished_at < ? LIMIT ?)"},
		{"DELETE FROM scan_workers WHERE (tenant, name) IN (SELECT tenant, name FROM scan_workers WHERE last_seen < ? LIMIT ?)"},
	} {
		res, err := x.db.NewRaw(q.text, ns(before), limit).Exec(ctx)
		if err != nil {
			return n, fmt.Errorf("cannot remove old scan jobs: %w", err)
		}
		m, err := res.RowsAffected()
		if err != nil {
			return n, fmt.Errorf("cannot remove old scan jobs: %w", err)
		}
		n += m
	}
	return n, nil
}

// PutScanDelivery keeps a piece of a report; the same piece twice is one.
func (x *Tx) PutScanDelivery(ctx context.Context, t tenant.ID, d ScanDelivery) error {
	d.Tenant = t
	if _, err := x.db.NewInsert().Model(&d).On("CONFLICT (tenant, lease, piece) DO UPDATE").Set("data = EXCLUDED.data").Exec(ctx); err != nil {
		return fmt.Errorf("cannot keep piece of report: %w", err)
	}
	return nil
}

// ScanDeliveryData gives a piece of a report; ErrNotFound past the last.
func (r Reader) ScanDeliveryData(ctx context.Context, t tenant.ID, lease string, piece int64) ([]byte, error) {
	var d ScanDelivery
	err := r.db.NewSelect().Model(&d).Where("tenant = ? AND lease = ? AND piece = ?", t, lease, piece).Scan(ctx)
	return d.Data, lookup(err, "piece of report", lease)
}

// DeleteScanDelivery removes the pieces of a lease.
func (x *Tx) DeleteScanDelivery(ctx context.Context, t tenant.ID, lease string) error {
	if _, err := x.db.NewDelete().Model((*ScanDelivery)(nil)).Where("tenant = ? AND lease = ?", t, lease).Exec(ctx); err != nil {
		return fmt.Errorf("cannot remove pieces of report: %w", err)
	}
	return nil
}

// SeenScanWorker notes that a worker asked for work, or ended some.
func (x *Tx) SeenScanWorker(ctx context.Context, t tenant.ID, w ScanWorker) error {
	w.Tenant = t
	w.LastSeen = ns(Now())
	w.FirstSeen = w.LastSeen
	q := x.db.NewInsert().Model(&w).On("CONFLICT (tenant, name) DO UPDATE").Set("last_seen = EXCLUDED.last_seen").
		Set("done = scan_worker.done + EXCLUDED.done").Set("failed = scan_worker.failed + EXCLUDED.failed")
	if w.Version != "" {
		q = q.Set("version = EXCLUDED.version").Set("address = EXCLUDED.address").Set("slots = EXCLUDED.slots")
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("cannot note worker: %w", err)
	}
	return nil
}

// ScanWorkers lists the workers that were seen, by name.
func (r Reader) ScanWorkers(ctx context.Context, t tenant.ID, p Page) ([]ScanWorker, string, error) {
	var rows []ScanWorker
	q := r.db.NewSelect().Model(&rows).Where("tenant = ?", t).Order("name").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("name > ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list workers: %w", err)
	}
	rows, next := cut(rows, p, func(w ScanWorker) string { return w.Name })
	return rows, next, nil
}

// CountedScanJobs is how far jobs are counted: more is "at least so many".
const CountedScanJobs = 10_000

// CountScanJobs counts the jobs in a state up to CountedScanJobs.
func (r Reader) CountScanJobs(ctx context.Context, t tenant.ID, state string) (n int64, err error) {
	err = r.db.NewRaw("SELECT COUNT(*) FROM (SELECT 1 FROM scan_jobs WHERE tenant = ? AND state = ? LIMIT ?) AS c", t, state, CountedScanJobs).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("cannot count scan jobs: %w", err)
	}
	return n, nil
}

// CountScanJobsSince counts the jobs that ended since a time up to CountedScanJobs.
func (r Reader) CountScanJobsSince(ctx context.Context, t tenant.ID, since time.Time) (n int64, err error) {
	err = r.db.NewRaw("SELECT COUNT(*) FROM (SELECT 1 FROM scan_jobs WHERE tenant = ? AND finished_at > 0 AND finished_at >= ? LIMIT ?) AS c",
		t, ns(since), CountedScanJobs).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("cannot count scan jobs: %w", err)
	}
	return n, nil
}

// OldestScanJob gives when the job that waits longest was asked for; the zero
// time if none waits.
func (r Reader) OldestScanJob(ctx context.Context, t tenant.ID) (time.Time, error) {
	var at []int64
	err := r.db.NewSelect().Model((*ScanJob)(nil)).Column("created_at").Where("tenant = ? AND state = 'waiting'", t).Order("id").Limit(1).Scan(ctx, &at)
	if err != nil || len(at) == 0 {
		if err != nil {
			err = fmt.Errorf("cannot read scan jobs: %w", err)
		}
		return time.Time{}, err
	}
	return Time(at[0]), nil
}

// ScanJobDue says whether a job waits that may be leased.
func (r Reader) ScanJobDue(ctx context.Context, t tenant.ID, now time.Time) (bool, error) {
	var ids []string
	err := r.db.NewSelect().Model((*ScanJob)(nil)).Column("id").Where("tenant = ? AND state = 'waiting' AND run_at <= ?", t, ns(now)).Limit(1).Scan(ctx, &ids)
	if err != nil {
		return false, fmt.Errorf("cannot read scan jobs: %w", err)
	}
	return len(ids) > 0, nil
}
