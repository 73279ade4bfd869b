package inventory

import (
	"context"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/match"
)

// EPSS scores change daily for nearly every vulnerability. A kept report is not
// written anew for them: the newest stand in one row for each vulnerability, and
// who reads a report gets those.

// scoreBatch is how many scores are looked at, and written, at once.
const scoreBatch = 2000

// refreshScores writes what a database says of the vulnerabilities that artefacts
// have, where it is newer than what stands there.
func refreshScores(ctx context.Context, s *store.Store, src match.Source) error {
	for after := (store.Score{}); ; {
		rows, err := s.ScoresAnyTenant(ctx, after, scoreBatch)
		if err != nil || len(rows) == 0 {
			return err
		}
		after = rows[len(rows)-1]
		write := map[tenant.ID][]store.Score{}
		for _, row := range rows {
			d, ok, err := src.Detail(row.Vulnerability)
			if err != nil {
				return err
			}
			if !ok || d.EPSS == nil || d.EPSS.Date <= row.EPSSDate {
				continue
			}
			row.EPSS, row.EPSSPercentile, row.EPSSDate = d.EPSS.Score, d.EPSS.Percentile, clip(d.EPSS.Date)
			write[row.Tenant] = append(write[row.Tenant], row)
		}
		for t, scores := range write {
			if err := s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.SetScores(ctx, t, scores) }); err != nil {
				return err
			}
		}
	}
}

// score puts the newest scores into a report that was written with older ones.
func score(ctx context.Context, r store.Reader, t tenant.ID, report *finding.Report) error {
	ids, seen := []string(nil), map[string]bool{}
	for _, v := range report.Vulnerabilities {
		if id := clip(v.ID); !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	scores, err := r.Scores(ctx, t, ids)
	if err != nil {
		return err
	}
	for i := range report.Vulnerabilities {
		v := &report.Vulnerabilities[i]
		if s := scores[clip(v.ID)]; s.EPSSDate != "" && (v.EPSS == nil || v.EPSS.Date < s.EPSSDate) {
			v.EPSS = &finding.EPSS{Score: s.EPSS, Percentile: s.EPSSPercentile, Date: s.EPSSDate}
		}
	}
	return nil
}

// sameButScore compares what two databases say of one vulnerability. A score that
// is no longer given is a difference: nothing newer would be shown for it.
func sameButScore(a, b finding.Vulnerability) bool {
	if a.EPSS != nil && b.EPSS == nil {
		return false
	}
	a.EPSS, b.EPSS = nil, nil
	return same(a, b)
}
