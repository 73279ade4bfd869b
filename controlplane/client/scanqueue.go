package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/worker"
)

// ScanQueue is a server's scan queue, for a worker elsewhere. It is safe for
// concurrent use.
type ScanQueue struct {
	Client *Client

	mu   sync.Mutex
	sent map[string]*parcel // guarded by mu; by lease: what is on its way
}

// parcel is a report on its way, in pieces: a delivery that broke off goes on
// where it was.
type parcel struct {
	pieces [][]byte
	next   int // to be sent
	worker.Sent
}

var _ worker.Queue = (*ScanQueue)(nil)

// Lease is worker.Queue's.
func (q *ScanQueue) Lease(ctx context.Context, h worker.Hello) (*worker.Job, error) {
	var v struct {
		Job *worker.Job `json:"job"`
	}
	err := q.post(ctx, "/scan-leases", h, &v)
	return v.Job, err
}

// Renew is worker.Queue's.
func (q *ScanQueue) Renew(ctx context.Context, lease string, p worker.Progress) error {
	return q.post(ctx, leasePath(lease, "renew"), p, nil)
}

// Deliver is worker.Queue's.
func (q *ScanQueue) Deliver(ctx context.Context, lease string, r *finding.Report) error {
	p, err := q.parcel(lease, r)
	if err != nil {
		return fmt.Errorf("%w: %w", worker.ErrReport, err)
	}
	for ; p.next < len(p.pieces); p.next++ {
		path := fmt.Sprintf("%s/%d", leasePath(lease, "report"), p.next)
		if _, err := q.Client.Do(ctx, http.MethodPut, path, "", Raw(p.pieces[p.next]), nil); err != nil {
			return q.heard(lease, err)
		}
	}
	err = q.post(ctx, leasePath(lease, "finish"), p.Sent, nil)
	return q.heard(lease, err)
}

// parcel packs a report once.
func (q *ScanQueue) parcel(lease string, r *finding.Report) (*parcel, error) {
	q.mu.Lock()
	p := q.sent[lease]
	q.mu.Unlock()
	if p != nil {
		return p, nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("cannot write report: %w", err)
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("cannot write report: %w", err)
	}
	defer func() { _ = w.Close() }()
	sum := sha256.Sum256(text)
	p = &parcel{Sent: worker.Sent{Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}}
	for packed := w.EncodeAll(text, nil); len(packed) > 0; {
		n := min(len(packed), worker.PieceBytes)
		p.pieces, packed = append(p.pieces, packed[:n]), packed[n:]
	}
	p.Pieces = len(p.pieces)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sent == nil {
		q.sent = map[string]*parcel{}
	}
	q.sent[lease] = p
	return p, nil
}

// heard forgets a parcel about which the last word was said.
func (q *ScanQueue) heard(lease string, err error) error {
	err = leaseError(err)
	if err == nil || errors.Is(err, worker.ErrLost) || errors.Is(err, worker.ErrReport) || errors.Is(err, worker.ErrRefused) {
		q.forget(lease)
	}
	return err
}

func (q *ScanQueue) forget(lease string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.sent, lease)
}

// Fail is worker.Queue's.
func (q *ScanQueue) Fail(ctx context.Context, lease string, f worker.Failure) error {
	q.forget(lease)
	return q.post(ctx, leasePath(lease, "fail"), f, nil)
}

// Return is worker.Queue's.
func (q *ScanQueue) Return(ctx context.Context, lease string) error {
	q.forget(lease)
	return q.post(ctx, leasePath(lease, "return"), nil, nil)
}

func leasePath(lease, what string) string {
	return "/scan-leases/" + url.PathEscape(lease) + "/" + what
}

func (q *ScanQueue) post(ctx context.Context, path string, in, out any) error {
	_, err := q.Client.Do(ctx, http.MethodPost, path, "", in, out)
	return leaseError(err)
}

// leaseError tells by the status what the queue means.
func leaseError(err error) error {
	var p *Problem
	if !errors.As(err, &p) {
		return err
	}
	switch p.Status {
	case http.StatusConflict:
		return fmt.Errorf("%w: %w", worker.ErrLost, err)
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return fmt.Errorf("%w: %w", worker.ErrRefused, err)
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: %w", worker.ErrReport, err)
	}
	return err
}
