package scanning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river/rivertype"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/worker"
)

// lookEvery is how often a worker that waits looks for what other servers
// queued, and for what was put off.
const lookEvery = time.Second

// Lease lends the job that is due first, or waits for one; nil if none came.
func (q *Queue) Lease(ctx context.Context, t tenant.ID, h worker.Hello, address string) (*worker.Job, error) {
	err := q.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.SeenScanWorker(ctx, t, store.ScanWorker{Name: h.Worker, Version: cmp.Or(h.Version, "unknown"), Address: address, Slots: int64(h.Slots)})
	})
	if err != nil {
		return nil, err
	}
	end := time.NewTimer(time.Duration(h.Wait) * time.Second)
	defer end.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		woken := q.wake.Wait()
		j, err := q.take(ctx, t, h.Worker)
		if err != nil {
			return nil, err
		}
		if j != nil {
			job, err := q.handOver(ctx, *j)
			if err != nil || job != nil {
				return job, err
			}
			continue
		}
		select {
		case <-woken:
		case <-look.C:
		case <-end.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take leases a job in the database; nil if none is due.
func (q *Queue) take(ctx context.Context, t tenant.ID, name string) (*store.ScanJob, error) {
	if due, err := q.Store.ScanJobDue(ctx, t, store.Now()); err != nil || !due {
		return nil, err
	}
	var got *store.ScanJob
	err := q.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		got = nil
		for {
			id, river, err := q.river.next(ctx, tx, t, name)
			if err != nil || id == "" {
				return err
			}
			j, err := tx.ScanJob(ctx, t, id)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if err != nil || j.State != store.ScanWaiting || j.RiverID != river {
				// River has what we have not: after a restore. It is nobody's.
				if err := q.river.end(ctx, tx, store.ScanJob{RiverID: river, State: store.ScanCancelled}); err != nil {
					return err
				}
				continue
			}
			was, now := j.Lease, store.Now()
			j.State, j.Lease, j.Worker, j.Attempts = store.ScanLeased, uuid.NewString(), name, j.Attempts+1
			j.LeasedAt, j.ExpiresAt, j.Done, j.Of = now.UnixNano(), now.Add(q.TTL).UnixNano(), 0, 0
			got = &j
			return tx.SetScanJob(ctx, t, j, store.ScanWaiting, was)
		}
	})
	return got, err
}

// handOver gives the worker what it needs. A job that cannot be handed over has
// failed this time.
func (q *Queue) handOver(ctx context.Context, j store.ScanJob) (*worker.Job, error) {
	access, err := q.lent(ctx, j)
	if err != nil {
		return nil, q.Fail(ctx, j.Tenant, j.Lease, worker.Failure{Reason: err.Error()})
	}
	if ctx.Err() != nil { // nobody is there any more
		return nil, q.Return(context.WithoutCancel(ctx), j.Tenant, j.Lease)
	}
	return &worker.Job{ID: j.ID, Lease: j.Lease, Reference: j.Reference, Platform: j.Platform, TTL: int(q.TTL.Milliseconds()), Access: access}, nil
}

// Renew makes a lease last for its whole time again.
func (q *Queue) Renew(ctx context.Context, t tenant.ID, lease string, p worker.Progress) error {
	return q.change(ctx, t, lease, func(_ context.Context, _ *store.Tx, j *store.ScanJob, now time.Time) error {
		last := store.Time(j.LeasedAt).Add(q.MaxRun)
		if now.After(last) {
			return fmt.Errorf("it took longer than %v: %w", q.MaxRun, worker.ErrLost)
		}
		j.Done, j.Of = int64(p.Done), int64(p.Of)
		j.ExpiresAt = min(now.Add(q.TTL).UnixNano(), last.UnixNano())
		return nil
	})
}

// Fail ends an attempt: the job waits for the next one, or has failed.
func (q *Queue) Fail(ctx context.Context, t tenant.ID, lease string, f worker.Failure) error {
	err := q.change(ctx, t, lease, func(ctx context.Context, tx *store.Tx, j *store.ScanJob, now time.Time) error {
		j.Failures++
		j.Error = clip(f.Reason)
		if err := tx.SeenScanWorker(ctx, t, store.ScanWorker{Name: j.Worker, Failed: 1}); err != nil {
			return err
		}
		if f.Permanent || j.Failures >= int64(q.MaxFailures) {
			j.State, j.FinishedAt = store.ScanFailed, now.UnixNano()
			return q.river.end(ctx, tx, *j)
		}
		pause := min(q.Backoff<<min(j.Failures-1, 16), maxBackoff)
		return q.again(ctx, tx, j, now, now.Add(pause))
	})
	if errors.Is(err, worker.ErrLost) {
		// The same word twice is heard once.
		if j, err := q.Store.ScanJobOfLease(ctx, t, lease); err == nil && (j.State == store.ScanFailed || j.State == store.ScanWaiting) {
			return nil
		}
	}
	return err
}

// Return gives a job back untouched: it waits again at once.
func (q *Queue) Return(ctx context.Context, t tenant.ID, lease string) error {
	err := q.change(ctx, t, lease, func(ctx context.Context, tx *store.Tx, j *store.ScanJob, now time.Time) error {
		j.Attempts--
		return q.again(ctx, tx, j, now, now)
	})
	if err == nil {
		q.Wake()
	}
	return err
}

// lose takes a job back from a worker that fell silent.
func (q *Queue) lose(ctx context.Context, was store.ScanJob, why string) error {
	err := q.change(ctx, was.Tenant, was.Lease, func(ctx context.Context, tx *store.Tx, j *store.ScanJob, now time.Time) error {
		if was.ExpiresAt != j.ExpiresAt {
			return worker.ErrLost // it was renewed meanwhile
		}
		if !now.Before(store.Time(j.LeasedAt).Add(q.MaxRun)) {
			why, j.Failures = fmt.Sprintf("%s took longer than %v", j.Worker, q.MaxRun), j.Failures+1
		}
		j.Error = why
		if j.Attempts >= maxAttempts || j.Failures >= int64(q.MaxFailures) {
			j.State, j.FinishedAt = store.ScanFailed, now.UnixNano()
			return q.river.end(ctx, tx, *j)
		}
		return q.again(ctx, tx, j, now, now)
	})
	if errors.Is(err, worker.ErrLost) {
		return nil // somebody was faster
	}
	return err
}

// again makes a leased job wait until a time. Where the same image has been
// queued meanwhile, that job is the one that scans it.
func (q *Queue) again(ctx context.Context, tx *store.Tx, j *store.ScanJob, now, at time.Time) error {
	if err := tx.Lock(ctx, j.Tenant, "scan-queue"); err != nil {
		return err
	}
	other, err := tx.WaitingScanJob(ctx, j.Tenant, j.Reference, j.Platform)
	switch {
	case err == nil:
		j.State, j.FinishedAt, j.Error = store.ScanCancelled, now.UnixNano(), "the same image waits as job "+other.ID
		return q.river.end(ctx, tx, *j)
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	j.State, j.RunAt = store.ScanWaiting, at.UnixNano()
	running, err := q.river.has(ctx, tx, j.RiverID, rivertype.JobStateRunning)
	if err != nil {
		return err
	}
	if !running { // after a restore
		j.RiverID, err = q.river.insert(ctx, tx, *j)
		return err
	}
	return q.river.end(ctx, tx, *j)
}

// change is one transaction about a lease. What f gives j is written; nothing
// else can have changed the job meanwhile.
func (q *Queue) change(ctx context.Context, t tenant.ID, lease string, f func(context.Context, *store.Tx, *store.ScanJob, time.Time) error) error {
	err := q.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		j, err := tx.ScanJobOfLease(ctx, t, lease)
		if errors.Is(err, store.ErrNotFound) || err == nil && j.State != store.ScanLeased {
			return worker.ErrLost
		}
		if err != nil {
			return err
		}
		if err := f(ctx, tx, &j, store.Now()); err != nil {
			return err
		}
		if j.State != store.ScanLeased {
			if err := tx.DeleteScanDelivery(ctx, t, lease); err != nil {
				return err
			}
		}
		return tx.SetScanJob(ctx, t, j, store.ScanLeased, lease)
	})
	if errors.Is(err, store.ErrVersion) {
		return worker.ErrLost
	}
	return err
}

// maxReason bounds what is kept of a worker's words, in bytes.
const maxReason = 2000

func clip(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), maxReason)], "\ufffd"), "\x00", "")
}
