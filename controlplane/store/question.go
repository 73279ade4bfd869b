package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// ScanQuestions is what a scan's report asked a vulnerability database when it
// was matched the last time, and a digest of what that answered.
type ScanQuestions struct {
	bun.BaseModel `bun:"table:scan_questions"`
	Tenant        tenant.ID `bun:",pk"`
	ScanID        string    `bun:",pk"`
	Questions     []byte
	Answers       []byte
	DatabaseBuilt int64 `bun:",scanonly"` // of the scan
}

// ScanQuestions gives the questions of scans that have some.
func (r Reader) ScanQuestions(ctx context.Context, t tenant.ID, scans []string) ([]ScanQuestions, error) {
	var rows []ScanQuestions
	err := r.db.NewSelect().Model(&rows).ColumnExpr("scan_questions.*").ColumnExpr("s.database_built").
		Join("JOIN scans AS s ON s.tenant = scan_questions.tenant AND s.id = scan_questions.scan_id").
		Where("scan_questions.tenant = ? AND scan_questions.scan_id IN (?)", t, bun.List(scans)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read questions of scans: %w", err)
	}
	return rows, nil
}

// PutScanQuestions keeps the questions of scans that hold for a database; a scan
// that is gone, or was matched with another one meanwhile, keeps none.
func (x *Tx) PutScanQuestions(ctx context.Context, t tenant.ID, digest string, rows []ScanQuestions) error {
	if len(rows) == 0 {
		return nil
	}
	ids := make([]string, len(rows))
	for i, q := range rows {
		ids[i] = q.ScanID
	}
	if err := x.dropQuestions(ctx, t, ids); err != nil {
		return err
	}
	var held []string
	err := x.db.NewSelect().Model((*Scan)(nil)).Column("id").Where("tenant = ? AND id IN (?) AND database_digest = ?", t, bun.List(ids), digest).Scan(ctx, &held)
	if err != nil {
		return fmt.Errorf("cannot keep questions of scans: %w", err)
	}
	there := map[string]bool{}
	for _, id := range held {
		there[id] = true
	}
	var keep []ScanQuestions
	for _, q := range rows {
		if q.Tenant = t; there[q.ScanID] {
			keep = append(keep, q)
		}
	}
	return insertRows(ctx, x, keep)
}

func (x *Tx) dropQuestions(ctx context.Context, t tenant.ID, scans []string) error {
	_, err := x.db.NewDelete().Model((*ScanQuestions)(nil)).Where("tenant = ? AND scan_id IN (?)", t, bun.List(scans)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot remove questions of scans: %w", err)
	}
	return nil
}
