package api

import (
	"context"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
)

type scanJobView struct {
	ID         string            `json:"id"`
	State      string            `json:"state" enum:"waiting,leased,done,failed,cancelled"`
	Reference  string            `json:"reference"`
	Platform   string            `json:"platform,omitempty"`
	Registry   string            `json:"registry,omitempty" doc:"Id of the registry whose credentials the worker is lent"`
	Reason     string            `json:"reason" enum:"manual,ci,webhook,rescan,schedule"`
	Labels     map[string]string `json:"labels"`
	CreatedAt  time.Time         `json:"createdAt"`
	CreatedBy  string            `json:"createdBy,omitempty"`
	NotBefore  *time.Time        `json:"notBefore,omitempty" doc:"Of a job that waits after a failure"`
	Attempts   int64             `json:"attempts" doc:"How often it was leased and not given back"`
	Failures   int64             `json:"failures" doc:"How often a worker could not scan it"`
	Worker     string            `json:"worker,omitempty" doc:"Who holds the lease, or held it last"`
	LeasedAt   *time.Time        `json:"leasedAt,omitempty"`
	ExpiresAt  *time.Time        `json:"expiresAt,omitempty" doc:"When the lease is lost if nothing is heard"`
	Done       int64             `json:"done" doc:"Layers that were read"`
	Of         int64             `json:"of" doc:"Layers that there are; 0: not known yet"`
	FinishedAt *time.Time        `json:"finishedAt,omitempty"`
	Error      string            `json:"error,omitempty" doc:"Of the last attempt, in the worker's words"`
	ScanID     string            `json:"scanId,omitempty"`
	ArtifactID string            `json:"artifactId,omitempty"`
	Result     string            `json:"result,omitempty" doc:"What the assurance policies said: pass, warn or fail"`
}

func viewScanJob(j store.ScanJob) scanJobView {
	v := scanJobView{
		ID: j.ID, State: j.State, Reference: j.Reference, Platform: j.Platform, Registry: j.Registry, Reason: j.Reason, Labels: j.Labels,
		CreatedAt: store.Time(j.CreatedAt), CreatedBy: j.CreatedBy, Attempts: j.Attempts, Failures: j.Failures, Worker: j.Worker, LeasedAt: when(j.LeasedAt),
		Done: j.Done, Of: j.Of, FinishedAt: when(j.FinishedAt), Error: j.Error, ScanID: j.ScanID, ArtifactID: j.ArtifactID, Result: j.Result,
	}
	if v.Labels == nil {
		v.Labels = map[string]string{}
	}
	if j.State == store.ScanLeased {
		v.ExpiresAt = when(j.ExpiresAt)
	}
	if j.State == store.ScanWaiting && j.Failures > 0 {
		v.NotBefore = when(j.RunAt)
	}
	return v
}

type scanJobsInput struct {
	PageInput
	State  string `query:"state" enum:"waiting,leased,done,failed,cancelled"`
	Reason string `query:"reason" enum:"manual,ci,webhook,rescan,schedule"`
	Worker string `query:"worker" maxLength:"128"`
	Query  string `query:"query" maxLength:"256" doc:"Part of the reference"`
}

func (a *API) listScanJobs(ctx context.Context, in *scanJobsInput) (*listOutput[scanJobView], error) {
	rows, next, err := a.Store.ScanJobs(ctx, access.From(ctx).Tenant, store.ScanJobFilter{State: in.State, Reason: in.Reason, Worker: in.Worker, Query: in.Query}, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, viewScanJob), nil
}

func (a *API) getScanJob(ctx context.Context, in *IDInput) (*bodyOutput[scanJobView], error) {
	j, err := a.Store.ScanJob(ctx, access.From(ctx).Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[scanJobView]{Body: viewScanJob(j)}, nil
}

type postScanJobInput struct {
	DryInput
	Body struct {
		Reference string            `json:"reference" minLength:"1" maxLength:"512" doc:"Image of a registry, name:tag or name@digest"`
		Platform  string            `json:"platform,omitempty" maxLength:"64" doc:"OS/ARCH to take of an index; linux on the worker's processor if left out"`
		Registry  string            `json:"registry,omitempty" maxLength:"64" doc:"Id of the registry whose credentials the worker is lent"`
		Reason    string            `json:"reason,omitempty" enum:"manual,ci" default:"manual"`
		Labels    map[string]string `json:"labels,omitempty"`
	}
}

func (a *API) postScanJob(ctx context.Context, in *postScanJobInput) (*bodyOutput[scanJobView], error) {
	who := access.From(ctx)
	b := in.Body
	return a.queueScan(ctx, in.DryRun, "enqueue", func(ctx context.Context, c *changes) (store.ScanJob, any, error) {
		j, _, err := a.Scans.EnqueueTx(ctx, c.Tx, scanning.Request{
			Tenant: who.Tenant, Registry: b.Registry, Reference: b.Reference, Platform: b.Platform, Reason: scanning.Reason(b.Reason), Labels: b.Labels, By: who.Name,
		})
		return j, nil, err
	})
}

type scanJobInput struct {
	IDInput
	DryInput
}

func (a *API) retryScanJob(ctx context.Context, in *scanJobInput) (*bodyOutput[scanJobView], error) {
	who := access.From(ctx)
	return a.queueScan(ctx, in.DryRun, "retry", func(ctx context.Context, c *changes) (store.ScanJob, any, error) {
		j, err := a.Scans.RetryTx(ctx, c.Tx, who.Tenant, in.ID, who.Name)
		return j, map[string]any{"job": in.ID}, err
	})
}

func (a *API) cancelScanJob(ctx context.Context, in *scanJobInput) (*bodyOutput[scanJobView], error) {
	who := access.From(ctx)
	return a.queueScan(ctx, in.DryRun, "cancel", func(ctx context.Context, c *changes) (store.ScanJob, any, error) {
		was, j, err := a.Scans.CancelTx(ctx, c.Tx, who.Tenant, in.ID)
		return j, map[string]any{"state": was.State, "worker": was.Worker}, err
	})
}

// queueScan is one change of the queue by a person, with its record.
func (a *API) queueScan(ctx context.Context, dry bool, action string, f func(context.Context, *changes) (store.ScanJob, any, error)) (*bodyOutput[scanJobView], error) {
	var j store.ScanJob
	err := a.change(ctx, dry, func(ctx context.Context, c *changes) error {
		var before any
		var err error
		if j, before, err = f(ctx, c); err != nil {
			return err
		}
		return c.record(ctx, action, "scan-job", j.Reference, before, map[string]any{"job": j.ID, "state": j.State, "platform": j.Platform, "reason": j.Reason})
	})
	if err != nil {
		return nil, err
	}
	if !dry {
		a.Scans.Wake()
	}
	return &bodyOutput[scanJobView]{Body: viewScanJob(j)}, nil
}

type scanWorkerView struct {
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	Address   string    `json:"address,omitempty" doc:"Where it called from; absent for the server's own"`
	Slots     int64     `json:"slots" doc:"Scans that it makes side by side"`
	Running   int       `json:"running" doc:"Leases that it holds"`
	Done      int64     `json:"done"`
	Failed    int64     `json:"failed"`
	FirstSeen time.Time `json:"firstSeen"`
	LastSeen  time.Time `json:"lastSeen"`
	Active    bool      `json:"active" doc:"It holds a lease, or asked for work in the last minute"`
}

type scanQueueView struct {
	Waiting       int64            `json:"waiting" doc:"Counted up to 10,000, as all of these"`
	Leased        int64            `json:"leased"`
	Failed        int64            `json:"failed"`
	Done          int64            `json:"done"`
	Cancelled     int64            `json:"cancelled"`
	EndedLastHour int64            `json:"endedLastHour"`
	OldestWaiting *time.Time       `json:"oldestWaiting,omitempty"`
	Workers       []scanWorkerView `json:"workers" nullable:"false" doc:"The first 500 by name, of those seen in the last 90 days"`
}

// activeFor is how long after its last call a worker counts as active: longer
// than it waits for a job.
const activeFor = time.Minute

func (a *API) getScanQueue(ctx context.Context, _ *struct{}) (*bodyOutput[scanQueueView], error) {
	t := access.From(ctx).Tenant
	var v scanQueueView
	var err error
	for state, n := range map[string]*int64{
		store.ScanWaiting: &v.Waiting, store.ScanLeased: &v.Leased, store.ScanFailed: &v.Failed, store.ScanDone: &v.Done, store.ScanCancelled: &v.Cancelled,
	} {
		if *n, err = a.Store.CountScanJobs(ctx, t, state); err != nil {
			return nil, err
		}
	}
	now := store.Now()
	if v.EndedLastHour, err = a.Store.CountScanJobsSince(ctx, t, now.Add(-time.Hour)); err != nil {
		return nil, err
	}
	oldest, err := a.Store.OldestScanJob(ctx, t)
	if err != nil {
		return nil, err
	}
	if !oldest.IsZero() {
		v.OldestWaiting = &oldest
	}
	leased, _, err := a.Store.ScanJobs(ctx, t, store.ScanJobFilter{State: store.ScanLeased}, store.Page{Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	running := map[string]int{}
	for _, j := range leased {
		running[j.Worker]++
	}
	workers, _, err := a.Store.ScanWorkers(ctx, t, store.Page{Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	v.Workers = []scanWorkerView{}
	for _, w := range workers {
		seen := store.Time(w.LastSeen)
		v.Workers = append(v.Workers, scanWorkerView{
			Name: w.Name, Version: w.Version, Address: w.Address, Slots: w.Slots, Running: running[w.Name], Done: w.Done, Failed: w.Failed,
			FirstSeen: store.Time(w.FirstSeen), LastSeen: seen, Active: running[w.Name] > 0 || now.Sub(seen) < activeFor,
		})
	}
	return &bodyOutput[scanQueueView]{Body: v}, nil
}
