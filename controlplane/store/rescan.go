package store

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// ImagesScannedBefore lists images that workers of the queue scanned for the
// last time before a time, the oldest first, behind one.
func (r Reader) ImagesScannedBefore(ctx context.Context, t tenant.ID, before time.Time, after Artifact, limit int) ([]Artifact, error) {
	var rows []Artifact
	if err := r.imagesScannedBefore(t, before, after).Model(&rows).Limit(int64(limit)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("cannot list images that were scanned long ago: %w", err)
	}
	return rows, nil
}

func (r Reader) imagesScannedBefore(t tenant.ID, before time.Time, after Artifact) *bun.SelectQuery {
	return r.db.NewSelect().Model((*Artifact)(nil)).Where("tenant = ? AND kind = 'image' AND scanned_at < ? AND (scanned_at, id) > (?, ?)", t, ns(before), after.ScannedAt, after.ID).
		Where("source = 'worker'").Order("scanned_at", "id")
}

// LastScanJobOf gives the last job whose report is of an artefact.
func (r Reader) LastScanJobOf(ctx context.Context, t tenant.ID, artifact string) (ScanJob, error) {
	var j ScanJob
	err := r.lastScanJobOf(t, artifact).Model(&j).Scan(ctx)
	return j, lookup(err, "scan of artefact", artifact)
}

// LastScanJobFor gives the last job for a reference and platform, however it went.
func (r Reader) LastScanJobFor(ctx context.Context, t tenant.ID, reference, platform string) (ScanJob, error) {
	var j ScanJob
	err := r.lastScanJobFor(t, reference, platform).Model(&j).Scan(ctx)
	return j, lookup(err, "scan of", reference)
}

func (r Reader) lastScanJobOf(t tenant.ID, artifact string) *bun.SelectQuery {
	return r.db.NewSelect().Model((*ScanJob)(nil)).Where("tenant = ? AND artifact_id = ? AND artifact_id <> ''", t, artifact).Order("id DESC").Limit(1)
}

func (r Reader) lastScanJobFor(t tenant.ID, reference, platform string) *bun.SelectQuery {
	return r.db.NewSelect().Model((*ScanJob)(nil)).Where("tenant = ? AND reference = ? AND platform = ?", t, reference, platform).Order("id DESC").Limit(1)
}
