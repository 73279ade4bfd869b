package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
)

// Pieces gives the pieces of a scan's report in order, nil after the last.
func Pieces(ctx context.Context, r store.Reader, t tenant.ID, scan string) func() ([]byte, error) {
	piece := int64(0)
	return func() ([]byte, error) {
		data, err := r.ScanPieceData(ctx, t, scan, piece)
		piece++
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		return data, err
	}
}

// Read gives a scan's report, with the newest scores and the newest database
// that it holds for.
func Read(ctx context.Context, r store.Reader, t tenant.ID, id string) (*finding.Report, error) {
	scan, err := r.Scan(ctx, t, id)
	if err != nil {
		return nil, err
	}
	report, err := read(ctx, r, t, id)
	if err != nil {
		return nil, err
	}
	if report.Database != nil && scan.DatabaseBuilt > report.Database.Built.UnixNano() {
		report.Database.Digest, report.Database.Built = scan.DatabaseDigest, store.Time(scan.DatabaseBuilt)
	}
	return report, score(ctx, r, t, report)
}

// read gives a scan's report as it was written.
func read(ctx context.Context, r store.Reader, t tenant.ID, scan string) (*finding.Report, error) {
	packed, err := r.ScanPieces(ctx, t, scan)
	if err != nil {
		return nil, err
	}
	text, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	var report finding.Report
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("cannot read report: %w", err)
	}
	return &report, nil
}

// maxCached is how many bytes of reports, as JSON, are kept at hand.
const maxCached = 64 << 20

// Reports keeps the reports that were asked for last: a page of the console
// asks several questions of one report. The zero value is ready.
type Reports struct {
	mu    sync.Mutex // guards kept; held while a report is read, so that two large ones are not read at once
	kept  []cached   // the last used last
	bytes int64
}

type cached struct {
	tenant         tenant.ID
	scan, database string
	report         *finding.Report
	size           int64
}

// Get gives the report of a scan. It belongs to all callers: nobody may change
// it. A scan that was matched again is another report.
func (c *Reports) Get(ctx context.Context, r store.Reader, t tenant.ID, scan store.Scan) (*finding.Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.IndexFunc(c.kept, func(k cached) bool { return k.tenant == t && k.scan == scan.ID && k.database == scan.DatabaseDigest })
	if at >= 0 {
		k := c.kept[at]
		c.kept = append(slices.Delete(c.kept, at, at+1), k)
		return k.report, nil
	}
	report, err := Read(ctx, r, t, scan.ID)
	if err != nil {
		return nil, err
	}
	if scan.ReportBytes > maxCached {
		return report, nil
	}
	c.kept = append(c.kept, cached{t, scan.ID, scan.DatabaseDigest, report, scan.ReportBytes})
	for c.bytes += scan.ReportBytes; c.bytes > maxCached; {
		c.bytes -= c.kept[0].size
		c.kept = slices.Delete(c.kept, 0, 1)
	}
	return report, nil
}
