package scanning

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/worker"
)

// Defaults of Config.
const (
	defaultTTL         = time.Minute
	defaultMaxRun      = time.Hour
	defaultBackoff     = 15 * time.Second
	maxBackoff         = time.Hour
	defaultMaxFailures = 4
	maxAttempts        = 20 // leases of one job, however they ended
	keepEnded          = 90 * 24 * time.Hour
)

// Config is what a queue stands on.
type Config struct {
	Store    *store.Store
	Log      *slog.Logger
	Database string // vulnerability database file that reports are matched with; "" or absent: none yet
	Inside   string // name of the workers in this process: what they held when it ended waits again at once

	TTL         time.Duration // a lease that is not renewed for so long is lost [1 min]
	MaxRun      time.Duration // a lease is lost after so long, however it is renewed [1 h]
	Backoff     time.Duration // before the second attempt after a failure, doubled for each further one [15 s]
	MaxFailures int           // a job has failed after so many failures [4]

	// Judged is told of each scan that was kept; nil: nobody wants to know.
	Judged func(ctx context.Context, q *Queue, j store.ScanJob, kept store.Artifact)
}

// Queue is the scan queue. It is safe for concurrent use, by several servers on
// one database, too.
type Queue struct {
	Config
	river engine
	wake  events.Hub

	// judging bounds how many reports are read, matched and judged at a time:
	// each may be large.
	judging chan struct{}

	mu          sync.Mutex
	credentials Credentials // guarded by mu
}

// Open makes River's tables ready, lets leases of other processes go on, and
// takes back those of workers that were in this process when it last ended.
func Open(ctx context.Context, c Config) (*Queue, error) {
	wait := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	wait(&c.TTL, defaultTTL)
	wait(&c.MaxRun, defaultMaxRun)
	wait(&c.Backoff, defaultBackoff)
	if c.MaxFailures == 0 {
		c.MaxFailures = defaultMaxFailures
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	q := &Queue{Config: c, judging: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)))}
	var err error
	if q.river, err = openEngine(ctx, c.Store); err != nil {
		return nil, err
	}
	if err := q.repair(ctx); err != nil {
		return nil, err
	}
	return q, nil
}

// Lend says who lends leases their credentials.
func (q *Queue) Lend(c Credentials) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.credentials = c
}

// Wake makes workers look, after a commit with EnqueueTx.
func (q *Queue) Wake() { q.wake.Committed() }

// Enqueue queues a scan and gives the id of its job. The same reference and
// platform that waits already is one job. ErrRequest.
func (q *Queue) Enqueue(ctx context.Context, r Request) (id string, err error) {
	err = q.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		j, _, err := q.EnqueueTx(ctx, tx, r)
		id = j.ID
		return err
	})
	if err == nil {
		q.Wake()
	}
	return id, err
}

// EnqueueTx is Enqueue as a part of a transaction; the caller calls Wake after
// it. fresh is false where the same image waited already.
func (q *Queue) EnqueueTx(ctx context.Context, tx *store.Tx, r Request) (j store.ScanJob, fresh bool, err error) {
	if r, err = r.check(); err != nil {
		return j, false, err
	}
	if err := tx.Lock(ctx, r.Tenant, "scan-queue"); err != nil {
		return j, false, err
	}
	was, err := tx.WaitingScanJob(ctx, r.Tenant, r.Reference, r.Platform)
	switch {
	case err == nil:
		j, err = q.hurry(ctx, tx, was, r)
		return j, false, err
	case !errors.Is(err, store.ErrNotFound):
		return j, false, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return j, false, fmt.Errorf("cannot name scan job: %w", err)
	}
	now := store.Now().UnixNano()
	j = store.ScanJob{
		Tenant: r.Tenant, ID: id.String(), State: store.ScanWaiting, Registry: r.Registry, Reference: r.Reference, Platform: r.Platform, Reason: string(r.Reason),
		Labels: r.Labels, Priority: priorities[r.Reason], CreatedAt: now, CreatedBy: r.By, RunAt: now,
	}
	if j.RiverID, err = q.river.insert(ctx, tx, j); err != nil {
		return j, false, err
	}
	return j, true, tx.AddScanJob(ctx, r.Tenant, j)
}

// hurry lets a job that waits be asked for again: now, and before others if the
// new reason goes before the old.
func (q *Queue) hurry(ctx context.Context, tx *store.Tx, j store.ScanJob, r Request) (store.ScanJob, error) {
	if p := priorities[r.Reason]; p >= j.Priority && r.Reason != Manual {
		return j, nil
	}
	if err := q.river.remove(ctx, tx, j.RiverID); err != nil {
		return j, err
	}
	j.Priority, j.Reason, j.RunAt = min(j.Priority, priorities[r.Reason]), string(r.Reason), store.Now().UnixNano()
	if j.Registry == "" {
		j.Registry = r.Registry
	}
	var err error
	if j.RiverID, err = q.river.insert(ctx, tx, j); err != nil {
		return j, err
	}
	return j, tx.SetScanJob(ctx, j.Tenant, j, store.ScanWaiting, j.Lease)
}

// ErrEnded reports a job that has ended already.
var ErrEnded = errors.New("the scan has ended already")

// CancelTx ends a job that waits or runs. Whoever holds its lease hears of it
// with the next renewal. ErrEnded.
func (q *Queue) CancelTx(ctx context.Context, tx *store.Tx, t tenant.ID, id string) (was, j store.ScanJob, err error) {
	if err := tx.Lock(ctx, t, "scan-queue"); err != nil {
		return was, j, err
	}
	if was, err = tx.ScanJob(ctx, t, id); err != nil {
		return was, j, err
	}
	j = was
	j.State, j.FinishedAt = store.ScanCancelled, store.Now().UnixNano()
	switch was.State {
	case store.ScanWaiting:
		err = q.river.remove(ctx, tx, j.RiverID)
	case store.ScanLeased:
		j.Error = "cancelled while " + j.Worker + " scanned it"
		if err = q.river.end(ctx, tx, j); err == nil {
			err = tx.DeleteScanDelivery(ctx, t, j.Lease)
		}
	default:
		return was, j, fmt.Errorf("cannot cancel scan of %s: %w", j.Reference, ErrEnded)
	}
	if err != nil {
		return was, j, err
	}
	return was, j, tx.SetScanJob(ctx, t, j, was.State, was.Lease)
}

// RetryTx queues again what failed or was cancelled, as a job of its own.
func (q *Queue) RetryTx(ctx context.Context, tx *store.Tx, t tenant.ID, id, by string) (store.ScanJob, error) {
	was, err := tx.ScanJob(ctx, t, id)
	if err != nil {
		return was, err
	}
	j, _, err := q.EnqueueTx(ctx, tx, Request{
		Tenant: t, Registry: was.Registry, Reference: was.Reference, Platform: was.Platform, Reason: Manual, Labels: was.Labels, By: by,
	})
	return j, err
}

// Lent gives what a job is lent.
func (q *Queue) Lent(ctx context.Context, j store.ScanJob) (worker.Access, error) {
	return q.lent(ctx, j)
}

// lent gives what a job is lent.
func (q *Queue) lent(ctx context.Context, j store.ScanJob) (a worker.Access, err error) {
	if j.Registry == "" {
		return a, nil
	}
	q.mu.Lock()
	c := q.credentials
	q.mu.Unlock()
	if c == nil {
		return a, fmt.Errorf("cannot sign in to registry %q: nobody lends credentials", j.Registry)
	}
	return c.Credentials(ctx, j.Tenant, j.Registry)
}
