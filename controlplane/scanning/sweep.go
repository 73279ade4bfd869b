package scanning

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river/rivertype"

	"github.com/limpet-security/limpet/controlplane/store"
)

const (
	sweepMost   = 200 // rows of one look
	cleanEvery  = time.Hour
	keepInRiver = 24 * time.Hour // River's rows of jobs that ended
)

// Run takes back lost leases and forgets what is old, until ctx ends.
func (q *Queue) Run(ctx context.Context) {
	tick := time.NewTicker(max(q.TTL/4, 10*time.Millisecond))
	defer tick.Stop()
	var cleaned time.Time
	for {
		if err := q.sweep(ctx); err != nil && ctx.Err() == nil {
			q.Log.ErrorContext(ctx, "cannot take back lost leases", "error", err)
		}
		if now := time.Now(); now.Sub(cleaned) > cleanEvery {
			if err := q.clean(ctx); err != nil && ctx.Err() == nil {
				q.Log.ErrorContext(ctx, "cannot remove old scan jobs", "error", err)
			}
			cleaned = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweep takes back the leases that ran out.
func (q *Queue) sweep(ctx context.Context) error {
	rows, err := q.Store.ExpiredScanJobsAnyTenant(ctx, store.Now(), "", sweepMost)
	if err != nil {
		return err
	}
	for _, j := range rows {
		q.Log.WarnContext(ctx, "lease of a scan is lost", "job", j.ID, "worker", j.Worker, "reference", j.Reference)
		if err := q.lose(ctx, j, fmt.Sprintf("%s fell silent while it scanned", j.Worker)); err != nil {
			return err
		}
	}
	if len(rows) > 0 {
		q.Wake()
	}
	return nil
}

func (q *Queue) clean(ctx context.Context) error {
	for {
		var n int64
		err := q.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			if err := q.river.forget(ctx, tx, store.Now().Add(-keepInRiver), sweepMost); err != nil {
				return err
			}
			n, err = tx.DeleteScanJobsAnyTenant(ctx, store.Now().Add(-keepEnded), sweepMost)
			return err
		})
		if err != nil || n < sweepMost {
			return err
		}
	}
}

// repair makes the queue whole when a server starts. While no server was there
// nobody could renew: each lease lasts from now. What this server's own workers
// held waits again. What waits and is unknown to River, after a restore, is
// queued there anew.
func (q *Queue) repair(ctx context.Context) error {
	err := q.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.ExtendLeasesAnyTenant(ctx, store.Now().Add(q.TTL))
	})
	if err != nil {
		return err
	}
	for q.Inside != "" {
		rows, err := q.Store.ExpiredScanJobsAnyTenant(ctx, store.Now(), q.Inside, sweepMost)
		if err != nil {
			return err
		}
		for _, j := range rows {
			if err := q.lose(ctx, j, "the server stopped while it scanned"); err != nil {
				return err
			}
		}
		if len(rows) < sweepMost {
			break
		}
	}
	for after := (store.ScanJob{}); ; {
		rows, err := q.Store.OpenScanJobsAnyTenant(ctx, after, sweepMost)
		if err != nil {
			return err
		}
		err = q.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
			for _, j := range rows {
				if err := q.known(ctx, tx, j); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(rows) < sweepMost {
			return nil
		}
		after = rows[len(rows)-1]
	}
}

// known queues a job that waits and that River does not know.
func (q *Queue) known(ctx context.Context, tx *store.Tx, j store.ScanJob) error {
	if j.State != store.ScanWaiting {
		return nil
	}
	if err := tx.Lock(ctx, j.Tenant, "scan-queue"); err != nil {
		return err
	}
	known, err := q.river.has(ctx, tx, j.RiverID, rivertype.JobStateAvailable)
	if err != nil || known {
		return err
	}
	now, err := tx.ScanJob(ctx, j.Tenant, j.ID)
	if err != nil || now.State != store.ScanWaiting || now.RiverID != j.RiverID {
		return err
	}
	if now.RiverID, err = q.river.insert(ctx, tx, now); err != nil {
		return err
	}
	return tx.SetScanJob(ctx, j.Tenant, now, store.ScanWaiting, now.Lease)
}
