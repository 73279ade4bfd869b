package scanning

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// engine is River, in the transactions of the store: its drivers for
// database/sql, so that a job ends in the commit that keeps its report. A queue
// of River's is a tenant. Nothing is worked by River's own client: workers are
// elsewhere, so leases take jobs as River's producers do.
type engine struct {
	driver riverdriver.Driver[*sql.Tx]
	client *river.Client[*sql.Tx]
}

// scanArgs is what River keeps of a job.
type scanArgs struct {
	Job string `json:"job"`
}

func (scanArgs) Kind() string { return "scan" }

// neverByRiver is more attempts than we let a job have: how often is ours to say.
const neverByRiver = 1000

func openEngine(ctx context.Context, s *store.Store) (engine, error) {
	var e engine
	if s.Dialect() == store.Postgres {
		e.driver = riverdatabasesql.New(s.SQLAnyTenant())
	} else {
		e.driver = riversqlite.New(s.SQLAnyTenant())
	}
	m, err := rivermigrate.New(e.driver, nil)
	if err != nil {
		return e, fmt.Errorf("cannot prepare scan queue: %w", err)
	}
	if s.Dialect() == store.Postgres { // which refuses in the same transaction what an enum was just given
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	} else {
		err = s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
			t, err := tx.SQLAnyTenant()
			if err == nil {
				//lint:ignore SA1019 all of SQLite's go together, and in one commit they take a tenth of the time
				_, err = m.MigrateTx(ctx, t, rivermigrate.DirectionUp, nil)
			}
			return err
		})
	}
	if err != nil {
		return e, fmt.Errorf("cannot migrate scan queue: %w", err)
	}
	if e.client, err = river.NewClient(e.driver, &river.Config{}); err != nil {
		return e, fmt.Errorf("cannot open scan queue: %w", err)
	}
	return e, nil
}

func riverQueue(t tenant.ID) string { return "scan_" + string(t) }

func (e engine) executor(tx *store.Tx) (riverdriver.ExecutorTx, *sql.Tx, error) {
	s, err := tx.SQLAnyTenant()
	if err != nil {
		return nil, nil, err
	}
	return e.driver.UnwrapExecutor(s), s, nil
}

// insert adds a job that waits.
func (e engine) insert(ctx context.Context, tx *store.Tx, j store.ScanJob) (int64, error) {
	_, s, err := e.executor(tx)
	if err != nil {
		return 0, err
	}
	o := &river.InsertOpts{Queue: riverQueue(j.Tenant), Priority: int(j.Priority), MaxAttempts: neverByRiver}
	if at := store.Time(j.RunAt); at.After(store.Now()) {
		o.ScheduledAt = at
	}
	res, err := e.client.InsertTx(ctx, s, scanArgs{j.ID}, o)
	if err != nil {
		return 0, fmt.Errorf("cannot queue scan: %w", err)
	}
	return res.Job.ID, e.due(ctx, tx, res.Job)
}

// due lets a job that was put off wait where leases look: River's client would
// do so every few seconds.
func (e engine) due(ctx context.Context, tx *store.Tx, row *rivertype.JobRow) error {
	if row.State == rivertype.JobStateAvailable {
		return nil
	}
	x, _, err := e.executor(tx)
	if err != nil {
		return err
	}
	if _, err := x.JobUpdateFull(ctx, &riverdriver.JobUpdateFullParams{ID: row.ID, StateDoUpdate: true, State: rivertype.JobStateAvailable}); err != nil {
		return fmt.Errorf("cannot queue scan: %w", err)
	}
	return nil
}

// next takes the job that is due first: its id, "" if none is.
func (e engine) next(ctx context.Context, tx *store.Tx, t tenant.ID, worker string) (job string, river int64, err error) {
	x, _, err := e.executor(tx)
	if err != nil {
		return "", 0, err
	}
	now := store.Now()
	rows, err := x.JobGetAvailable(ctx, &riverdriver.JobGetAvailableParams{ClientID: worker, MaxAttemptedBy: maxAttempts, MaxToLock: 1, Now: &now, Queue: riverQueue(t)})
	if err != nil {
		return "", 0, fmt.Errorf("cannot lease scan: %w", err)
	}
	if len(rows) == 0 {
		return "", 0, nil
	}
	var args scanArgs
	if err := json.Unmarshal(rows[0].EncodedArgs, &args); err != nil {
		return "", 0, fmt.Errorf("cannot read job %d of River: %w", rows[0].ID, err)
	}
	return args.Job, rows[0].ID, nil
}

// end brings River's row of a leased job to the state that j is in now: ended,
// or waiting until j.RunAt.
func (e engine) end(ctx context.Context, tx *store.Tx, j store.ScanJob) error {
	now := store.Now()
	var reason []byte
	if j.Error != "" {
		var err error
		reason, err = json.Marshal(rivertype.AttemptError{At: now, Attempt: int(j.Attempts), Error: j.Error})
		if err != nil {
			return fmt.Errorf("cannot end scan: %w", err)
		}
	}
	var p *riverdriver.JobSetStateIfRunningParams
	switch j.State {
	case store.ScanDone:
		p = riverdriver.JobSetStateCompleted(j.RiverID, now, nil)
	case store.ScanFailed:
		p = riverdriver.JobSetStateDiscarded(j.RiverID, now, reason, nil)
	case store.ScanCancelled:
		p = riverdriver.JobSetStateCancelled(j.RiverID, now, reason, nil)
	default:
		p = riverdriver.JobSetStateErrorAvailable(j.RiverID, store.Time(j.RunAt), reason, nil)
	}
	x, _, err := e.executor(tx)
	if err != nil {
		return err
	}
	_, err = x.JobSetStateIfRunningMany(ctx, &riverdriver.JobSetStateIfRunningManyParams{
		ID: []int64{p.ID}, Attempt: []*int{p.Attempt}, ErrData: [][]byte{p.ErrData}, FinalizedAt: []*time.Time{p.FinalizedAt},
		MetadataDoMerge: []bool{p.MetadataDoMerge}, MetadataUpdates: [][]byte{p.MetadataUpdates}, Now: &now,
		ScheduledAt: []*time.Time{p.ScheduledAt}, State: []rivertype.JobState{p.State},
	})
	if err != nil {
		return fmt.Errorf("cannot end scan: %w", err)
	}
	return nil
}

// remove forgets a job that waits.
func (e engine) remove(ctx context.Context, tx *store.Tx, id int64) error {
	x, _, err := e.executor(tx)
	if err != nil {
		return err
	}
	if _, err := x.JobDelete(ctx, &riverdriver.JobDeleteParams{ID: id}); err != nil && !errors.Is(err, rivertype.ErrNotFound) {
		return fmt.Errorf("cannot take scan out of the queue: %w", err)
	}
	return nil
}

// has says whether River has a row of a job, in a state.
func (e engine) has(ctx context.Context, tx *store.Tx, id int64, state rivertype.JobState) (bool, error) {
	x, _, err := e.executor(tx)
	if err != nil {
		return false, err
	}
	row, err := x.JobGetByID(ctx, &riverdriver.JobGetByIDParams{ID: id})
	if errors.Is(err, rivertype.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot read job %d of River: %w", id, err)
	}
	return row.State == state, nil
}

// forget removes rows of jobs that ended before a time, some at a time.
func (e engine) forget(ctx context.Context, tx *store.Tx, before time.Time, limit int) error {
	x, _, err := e.executor(tx)
	if err != nil {
		return err
	}
	_, err = x.JobDeleteBefore(ctx, &riverdriver.JobDeleteBeforeParams{
		CancelledDoDelete: true, CancelledFinalizedAtHorizon: before, CompletedDoDelete: true, CompletedFinalizedAtHorizon: before,
		DiscardedDoDelete: true, DiscardedFinalizedAtHorizon: before, Max: limit,
	})
	if err != nil {
		return fmt.Errorf("cannot remove old jobs of River: %w", err)
	}
	return nil
}
