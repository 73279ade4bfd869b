package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Score is the EPSS score of a vulnerability. It changes daily, so it stands in
// the row of all artefacts together, and what an artefact has shows that one.
type Score struct {
	Tenant         tenant.ID
	Vulnerability  string
	EPSS           float64 `bun:"epss"`
	EPSSPercentile float64 `bun:"epss_percentile"`
	EPSSDate       string  `bun:"epss_date"` // 2006-01-02; "": the score is that of the report which brought it
}

func (r Reader) scores() *bun.SelectQuery {
	return r.db.NewSelect().Model((*Vulnerability)(nil)).Column("tenant", "vulnerability", "epss", "epss_percentile", "epss_date")
}

// Scores gives the scores of some vulnerabilities.
func (r Reader) Scores(ctx context.Context, t tenant.ID, ids []string) (map[string]Score, error) {
	out := map[string]Score{}
	for batch := range slices.Chunk(ids, insertBatch) {
		var rows []Score
		if err := r.scores().Where("tenant = ? AND vulnerability IN (?)", t, bun.List(batch)).Scan(ctx, &rows); err != nil {
			return nil, fmt.Errorf("cannot read scores: %w", err)
		}
		for _, s := range rows {
			out[s.Vulnerability] = s
		}
	}
	return out, nil
}

// ScoresAnyTenant gives all scores, some at a time, in order of tenant and
// vulnerability behind the given one.
func (r Reader) ScoresAnyTenant(ctx context.Context, after Score, limit int) ([]Score, error) {
	var rows []Score
	err := r.scores().Where("(tenant, vulnerability) > (?, ?)", after.Tenant, after.Vulnerability).
		Order("tenant", "vulnerability").Limit(int64(limit)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot read scores: %w", err)
	}
	return rows, nil
}

// SetScores writes scores of a tenant's vulnerabilities that are there.
func (x *Tx) SetScores(ctx context.Context, t tenant.ID, scores []Score) error {
	for batch := range slices.Chunk(scores, insertBatch) {
		rows := make([]any, len(batch))
		for i, s := range batch {
			rows[i] = bun.Tuple([]any{s.Vulnerability, s.EPSS, s.EPSSPercentile, s.EPSSDate})
		}
		_, err := x.db.NewRaw(`UPDATE vulnerabilities SET epss = n.column2, epss_percentile = n.column3, epss_date = n.column4
			FROM (VALUES ?) AS n WHERE vulnerabilities.tenant = ? AND vulnerabilities.vulnerability = n.column1`, bun.List(rows), t).Exec(ctx)
		if err != nil {
			return fmt.Errorf("cannot write scores: %w", err)
		}
	}
	return nil
}
