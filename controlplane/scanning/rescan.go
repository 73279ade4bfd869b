package scanning

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// rescanMost is how many images one look queues.
const rescanMost = 500

// RescanDue queues the images whose policies ask for a new scan after some hours
// (rescanHours) and that nobody scanned, or tried to, for so long. It says how
// many. The registry whose credentials are lent is the one of the last scan; when
// that was so long ago that the queue has forgotten it, none are.
func (q *Queue) RescanDue(ctx context.Context, t tenant.ID, now time.Time) (queued int, err error) {
	rules, err := inventory.LoadRules(ctx, q.Store.Reader, t, nil)
	if err != nil {
		return 0, err
	}
	shortest := rules.ShortestRescan()
	if shortest == 0 {
		return 0, nil
	}
	var after store.Artifact
	for queued < rescanMost {
		rows, err := q.Store.ImagesScannedBefore(ctx, t, now.Add(-shortest), after, sweepMost)
		if err != nil || len(rows) == 0 {
			return queued, err
		}
		for _, a := range rows {
			after = a
			wait := rules.RescanAfter(a)
			if wait == 0 || store.Time(a.ScannedAt).Add(wait).After(now) {
				continue
			}
			due, err := q.rescan(ctx, a, now.Add(-wait))
			if err != nil {
				return queued, err
			}
			if due {
				queued++
			}
		}
	}
	return queued, nil
}

// rescan queues an image unless somebody asked for it since a time.
func (q *Queue) rescan(ctx context.Context, a store.Artifact, since time.Time) (bool, error) {
	last, err := q.Store.LastScanJobOf(ctx, a.Tenant, a.ID)
	if errors.Is(err, store.ErrNotFound) {
		last = store.ScanJob{Reference: a.Name + "@" + a.Digest, Platform: a.Platform}
	} else if err != nil {
		return false, err
	}
	tried, err := q.Store.LastScanJobFor(ctx, a.Tenant, last.Reference, last.Platform)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	// One that waits or runs counts however old it is.
	if err == nil && (store.Time(tried.CreatedAt).After(since) || tried.FinishedAt == 0) {
		return false, nil
	}
	_, err = q.Enqueue(ctx, Request{
		Tenant: a.Tenant, Registry: cmp.Or(last.Registry, tried.Registry), Reference: last.Reference, Platform: last.Platform, Reason: Rescan, Labels: last.Labels, By: "policy",
	})
	if errors.Is(err, ErrRequest) {
		q.Log.WarnContext(ctx, "cannot scan again", "artifact", a.ID, "error", err)
		return false, nil
	}
	return err == nil, err
}
