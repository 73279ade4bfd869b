package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/version"
)

// ErrReport reports a report that the queue will not have: to send it again is
// of no use.
var ErrReport = errors.New("not the report of this scan")

// ErrRefused reports that the queue does not speak with this worker at all.
var ErrRefused = errors.New("the server refuses this worker")

// Worker scans what Queue lends it.
type Worker struct {
	Queue Queue
	Name  string // for people; of one worker alone
	Slots int    // scans side by side; 0: one
	Scan  Scanner
	Log   *slog.Logger // nil: slog.Default

	// Done is told of every job that ended here, with the error of one that did
	// not end with a report; nil: nobody. It is called from several goroutines.
	Done func(j *Job, err error)
}

// Scanner gives the report of what is in the image of a job. Progress may be
// called from several goroutines.
type Scanner func(ctx context.Context, j *Job, progress func(Progress)) (*finding.Report, error)

const (
	pollWait   = 25 * time.Second // of a call that waits for a job
	giveBack   = 10 * time.Second // to give jobs back when told to stop
	renewEvery = 2 * time.Second  // or a third of the lease's time, whichever is less
	firstPause = 250 * time.Millisecond
	mostPause  = 4 * time.Second
)

// Run works until ctx ends; then it gives back what it has begun. It ends
// early, with an error, only where the queue refuses it for good (ErrRefused).
func (w *Worker) Run(ctx context.Context) error {
	if w.Log == nil {
		w.Log = slog.Default()
	}
	w.Slots = max(w.Slots, 1)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	for range w.Slots {
		all.Go(func() {
			if err := w.loop(ctx); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); errors.Is(err, ErrRefused) {
		return err
	}
	return nil
}

func (w *Worker) loop(ctx context.Context) error {
	hello := Hello{Worker: w.Name, Version: version.Version, Slots: w.Slots, Wait: int(pollWait / time.Second)}
	var p pause
	for ctx.Err() == nil {
		j, err := w.Queue.Lease(ctx, hello)
		switch {
		case errors.Is(err, ErrRefused):
			return err
		case err != nil:
			if ctx.Err() == nil {
				w.Log.WarnContext(ctx, "cannot lease a scan", "error", err)
			}
			p.wait(ctx)
			continue
		}
		p = pause{}
		if j != nil {
			w.work(ctx, j)
		}
	}
	return nil
}

// pause grows with each wait, by chance a little more or less.
type pause struct{ last time.Duration }

func (p *pause) wait(ctx context.Context) {
	p.last = min(max(p.last*2, firstPause), mostPause)
	t := time.NewTimer(p.last/2 + rand.N(p.last))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// work scans one job and brings it to its end.
func (w *Worker) work(ctx context.Context, j *Job) {
	log := w.Log.With("job", j.ID, "reference", j.Reference)
	scan, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var at atomic.Pointer[Progress]
	at.Store(&Progress{})
	// The lease is renewed until the job has ended, also while it is delivered.
	renewing, done := context.WithCancel(context.WithoutCancel(ctx))
	var renewal sync.WaitGroup
	renewal.Go(func() { w.renew(renewing, j, &at, cancel) })
	defer renewal.Wait()
	defer done()

	began := time.Now()
	r, err := w.scan(scan, j, func(p Progress) { at.Store(&p) })
	if err == nil {
		err = w.end(scan, func(ctx context.Context) error { return w.Queue.Deliver(ctx, j.Lease, r) })
	}
	switch {
	case err == nil:
		log.InfoContext(ctx, "scanned", "took", time.Since(began).Round(time.Millisecond))
	case errors.Is(context.Cause(scan), ErrLost) || errors.Is(err, ErrLost):
		err = ErrLost
		log.WarnContext(ctx, "lease lost: the scan is dropped")
	case ctx.Err() != nil:
		back, stop := context.WithTimeout(context.WithoutCancel(ctx), giveBack)
		defer stop()
		if back := w.Queue.Return(back, j.Lease); back != nil {
			log.WarnContext(ctx, "cannot give the scan back: it waits until the lease runs out", "error", back)
		}
	default:
		log.WarnContext(ctx, "cannot scan", "error", err)
		f := Failure{Reason: err.Error(), Permanent: permanent(err)}
		f.Reason = f.Reason[:min(len(f.Reason), 2000)]
		if end := w.end(scan, func(ctx context.Context) error { return w.Queue.Fail(ctx, j.Lease, f) }); end != nil {
			log.WarnContext(ctx, "cannot report the failure", "error", end)
		}
	}
	if w.Done != nil {
		w.Done(j, err)
	}
}

// scan keeps a broken image from ending the worker.
func (w *Worker) scan(ctx context.Context, j *Job, progress func(Progress)) (r *finding.Report, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("cannot scan %s: the scanner broke: %v", j.Reference, v)
		}
	}()
	return w.Scan(ctx, j, progress)
}

// end says a last word until the queue has heard it, or will not.
func (w *Worker) end(ctx context.Context, say func(context.Context) error) error {
	var p pause
	for {
		err := say(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrLost) || errors.Is(err, ErrReport) || errors.Is(err, ErrRefused) {
			return err
		}
		w.Log.WarnContext(ctx, "cannot reach the queue; trying again", "error", err)
		p.wait(ctx)
	}
}

// renew keeps the lease. A queue that cannot be reached does not end it: only
// the queue's word does.
func (w *Worker) renew(ctx context.Context, j *Job, at *atomic.Pointer[Progress], cancel context.CancelCauseFunc) {
	tick := time.NewTicker(max(min(j.ttl()/3, renewEvery), time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := w.Queue.Renew(ctx, j.Lease, *at.Load()); errors.Is(err, ErrLost) {
			cancel(ErrLost)
			return
		}
	}
}
