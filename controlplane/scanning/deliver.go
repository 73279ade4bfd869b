package scanning

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/controlplane/audit"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/vulndb"
	"github.com/limpet-security/limpet/scanner/worker"
)

// Bounds of a report on its way.
const (
	MaxPieceBytes  = worker.PieceBytes
	MaxPieces      = 128       // under zstd
	MaxReportBytes = 256 << 20 // as JSON
)

// ErrReport reports a report that does not arrive as it was sent, or cannot be
// one of this job. The lease stands.
var ErrReport = worker.ErrReport

// Piece keeps a piece of a report under zstd. The same piece may come again.
func (q *Queue) Piece(ctx context.Context, t tenant.ID, lease string, piece int, data []byte) error {
	if piece < 0 || piece >= MaxPieces || len(data) == 0 || len(data) > MaxPieceBytes {
		return fmt.Errorf("piece %d has %d bytes, a report has at most %d pieces of 1 to %d bytes: %w", piece, len(data), MaxPieces, MaxPieceBytes, ErrReport)
	}
	return q.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		j, err := tx.ScanJobOfLease(ctx, t, lease)
		if errors.Is(err, store.ErrNotFound) || err == nil && j.State != store.ScanLeased {
			return worker.ErrLost
		}
		if err != nil {
			return err
		}
		return tx.PutScanDelivery(ctx, t, store.ScanDelivery{Lease: lease, Piece: int64(piece), Data: data})
	})
}

// Finish ends a job with the report whose pieces were sent. Called again it
// gives the same answer. ErrLost, ErrReport.
func (q *Queue) Finish(ctx context.Context, t tenant.ID, lease string, sent worker.Sent, by string) (store.ScanJob, error) {
	select {
	case q.judging <- struct{}{}:
		defer func() { <-q.judging }()
	case <-ctx.Done():
		return store.ScanJob{}, ctx.Err()
	}
	// A large report takes longer than some callers wait: it is kept nevertheless,
	// and they hear of it when they ask again.
	ctx = context.WithoutCancel(ctx)
	j, err := q.mine(ctx, t, lease)
	if err != nil || j.State == store.ScanDone {
		return j, err
	}
	text, err := q.join(ctx, t, lease, sent)
	if err != nil {
		return j, err
	}
	r, err := assurance.ReadReport(text)
	if err != nil {
		return j, fmt.Errorf("%w: %w", ErrReport, err)
	}
	return q.keep(ctx, j, r, by)
}

// Deliver is Finish for a worker in this process.
func (q *Queue) Deliver(ctx context.Context, t tenant.ID, lease string, r *finding.Report, by string) error {
	q.judging <- struct{}{}
	defer func() { <-q.judging }()
	j, err := q.mine(ctx, t, lease)
	if err == nil && j.State != store.ScanDone {
		_, err = q.keep(ctx, j, r, by)
	}
	return err
}

// mine gives the job of a lease that holds, or that ended it with a report.
func (q *Queue) mine(ctx context.Context, t tenant.ID, lease string) (store.ScanJob, error) {
	j, err := q.Store.ScanJobOfLease(ctx, t, lease)
	if errors.Is(err, store.ErrNotFound) || err == nil && j.State != store.ScanLeased && j.State != store.ScanDone {
		return j, worker.ErrLost
	}
	return j, err
}

// join puts the pieces together and checks that they are what was sent.
func (q *Queue) join(ctx context.Context, t tenant.ID, lease string, sent worker.Sent) ([]byte, error) {
	if sent.Bytes <= 0 || sent.Bytes > MaxReportBytes || sent.Pieces <= 0 || sent.Pieces > MaxPieces {
		return nil, fmt.Errorf("%d bytes in %d pieces, at most %d in %d: %w", sent.Bytes, sent.Pieces, MaxReportBytes, MaxPieces, ErrReport)
	}
	var packed bytes.Buffer
	for i := range sent.Pieces {
		data, err := q.Store.ScanDeliveryData(ctx, t, lease, int64(i))
		if errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("piece %d has not arrived: %w", i, ErrReport)
		}
		if err != nil {
			return nil, err
		}
		packed.Write(data)
	}
	d, err := zstd.NewReader(&packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return nil, fmt.Errorf("cannot read report: %w", err)
	}
	defer d.Close()
	text := bytes.NewBuffer(make([]byte, 0, sent.Bytes))
	if _, err := io.Copy(text, io.LimitReader(d, sent.Bytes+1)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReport, err)
	}
	if sum := sha256.Sum256(text.Bytes()); int64(text.Len()) != sent.Bytes || hex.EncodeToString(sum[:]) != sent.SHA256 {
		return nil, fmt.Errorf("its bytes are not those that were promised: %w", ErrReport)
	}
	return text.Bytes(), nil
}

// keep matches and judges a report and ends the job with it, in one commit.
func (q *Queue) keep(ctx context.Context, j store.ScanJob, r *finding.Report, by string) (store.ScanJob, error) {
	if r.Artifact.Kind != finding.KindImage {
		return j, fmt.Errorf("it is of a %.40q, not of an image: %w", r.Artifact.Kind, ErrReport)
	}
	r.Artifact.Name = artifactName(j.Reference)
	if err := q.Match(ctx, r); err != nil {
		return j, err
	}
	v, err := inventory.Judge(ctx, q.Store.Reader, j.Tenant, r, r.Artifact.Name, store.Now(), assurance.StageRegistry, nil)
	if err != nil {
		return j, err
	}
	rows, err := inventory.Rows(r, v, "worker", clip(by+" "+j.Worker))
	if err != nil {
		return j, err
	}
	lease := j.Lease
	var kept store.Artifact
	err = q.change(ctx, j.Tenant, lease, func(ctx context.Context, tx *store.Tx, now *store.ScanJob, at time.Time) error {
		var err error
		if kept, err = tx.PutScan(ctx, j.Tenant, rows); err != nil {
			return err
		}
		now.State, now.FinishedAt, now.Error, now.Done = store.ScanDone, at.UnixNano(), "", now.Of
		now.ScanID, now.ArtifactID, now.Result = rows.Scan.ID, kept.ID, kept.Result
		if err := q.river.end(ctx, tx, *now); err != nil {
			return err
		}
		if err := tx.SeenScanWorker(ctx, j.Tenant, store.ScanWorker{Name: now.Worker, Done: 1}); err != nil {
			return err
		}
		j = *now
		return audit.Write(ctx, tx, j.Tenant, audit.Change{
			Actor: by, Action: "scan", Kind: "artifact", Name: kept.Name,
			After: map[string]any{"digest": kept.Digest, "result": kept.Result, "source": kept.Source, "worker": j.Worker, "job": j.ID},
		})
	})
	if errors.Is(err, worker.ErrLost) {
		return q.mine(ctx, j.Tenant, lease) // another call with the same report was faster
	}
	if err == nil && q.Judged != nil {
		q.Judged(ctx, q, j, kept)
	}
	return j, err
}

// Match matches a report with the server's database. Where there is none, the
// report says that nothing was matched, whatever it said before; it is matched
// when the database arrives.
func (q *Queue) Match(ctx context.Context, r *finding.Report) error {
	r.Database, r.Vulnerabilities, r.Coverage = nil, nil, nil
	if q.Database == "" {
		return nil
	}
	if _, err := os.Stat(q.Database); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	db, err := vulndb.Open(q.Database)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := match.Match(ctx, r, db); err != nil {
		return err
	}
	r.Sort()
	return nil
}
