package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/match"
)

// rematchBatch is how many artefacts are matched side by side and kept in one
// transaction.
const rematchBatch = 32

// Rematched says how many reports of each tenant were matched again.
type Rematched map[tenant.ID]int

// Total is all of them.
func (r Rematched) Total() (n int) {
	for _, c := range r {
		n += c
	}
	return n
}

// Rematch matches every artefact's newest report with a database, where it was
// not matched with that one or a newer one, judges it again and keeps what came of it: nothing is
// pulled. Where findings (but for their EPSS scores) and verdict are what they were, the report stays as it is
// written, and its scan alone says which database it holds for. It says how many were matched; an artefact that cannot be read is logged
// and left as it is.
func Rematch(ctx context.Context, s *store.Store, src match.Source, log *slog.Logger) (done Rematched, err error) {
	done = Rematched{}
	db := src.Database()
	src = remember(src)
	if err := refreshScores(ctx, s, src); err != nil {
		return done, err
	}
	touched := map[tenant.ID]map[string]bool{}
	for after := (store.Artifact{}); ; {
		artifacts, err := s.StaleScansAnyTenant(ctx, db.Digest, db.Built.UnixNano(), after, rematchBatch)
		if err != nil {
			return done, err
		}
		if len(artifacts) == 0 {
			if len(touched) == 0 {
				return done, nil
			}
			return done, errors.Join(recount(ctx, s, touched), refreshScores(ctx, s, src), CountRunning(ctx, s))
		}
		n, err := rematchSome(ctx, s, src, artifacts, touched, log)
		if err != nil {
			return done, err
		}
		for t, c := range n {
			done[t] += c
		}
		after = artifacts[len(artifacts)-1]
	}
}

// recountBatch is how many vulnerabilities are counted in one transaction: each
// may be in every artefact.
const recountBatch = 20

// recount makes the rows of all artefacts together exact: what data says of a
// vulnerability may have become less.
func recount(ctx context.Context, s *store.Store, touched map[tenant.ID]map[string]bool) error {
	for t, set := range touched {
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(set)), recountBatch) {
			err := s.Update(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.RecountVulnerabilities(ctx, t, ids) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func rematchSome(ctx context.Context, s *store.Store, src match.Source, artifacts []store.Artifact, touched map[tenant.ID]map[string]bool, log *slog.Logger) (done Rematched, err error) {
	// Policies are read once for a batch: reading them costs more than a report.
	rules := map[tenant.ID]*Rules{}
	for _, a := range artifacts {
		if rules[a.Tenant] == nil {
			if rules[a.Tenant], err = LoadRules(ctx, s.Reader, a.Tenant, nil); err != nil {
				return nil, err
			}
		}
	}
	rows, errs := make([]*store.Scanned, len(artifacts)), make([]error, len(artifacts))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range artifacts {
		g.Go(func() error {
			rows[i], errs[i] = rematch(ctx, s, src, rules[artifacts[i].Tenant], artifacts[i])
			return nil
		})
	}
	_ = g.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		done = Rematched{}
		same := map[tenant.ID][]string{}
		for i, a := range artifacts {
			if errs[i] != nil {
				log.WarnContext(ctx, "cannot match again", "artifact", a.ID, "error", errs[i])
				continue
			}
			if rows[i] == nil {
				same[a.Tenant] = append(same[a.Tenant], a.ScanID)
				continue
			}
			switch changed, err := tx.PutScanAgain(ctx, a.Tenant, *rows[i]); {
			case errors.Is(err, store.ErrVersion): // scanned anew, or forgotten, meanwhile
			case err != nil:
				return err
			default:
				done[a.Tenant]++
				if touched[a.Tenant] == nil {
					touched[a.Tenant] = map[string]bool{}
				}
				for _, id := range changed {
					touched[a.Tenant][id] = true
				}
			}
		}
		db := src.Database()
		for t, scans := range same {
			n, err := tx.HoldScans(ctx, t, scans, db.Digest, db.Built.UnixNano())
			if err != nil {
				return err
			}
			done[t] += n
		}
		return nil
	})
	return done, err
}

// rematch gives an artefact's newest scan as it is with a database, nil where
// that says the same.
func rematch(ctx context.Context, s *store.Store, src match.Source, rules *Rules, a store.Artifact) (*store.Scanned, error) {
	scan, err := s.Scan(ctx, a.Tenant, a.ScanID)
	if err != nil {
		return nil, err
	}
	r, err := read(ctx, s.Reader, a.Tenant, scan.ID)
	if err != nil {
		return nil, err
	}
	before := said(r)
	if err := match.Match(ctx, r, src); err != nil {
		return nil, err
	}
	setAside(r)
	r.Sort()
	v, err := rules.Judge(ctx, r, a.Name, store.Time(a.ScannedAt), StageOf(scan.Source))
	if err != nil {
		return nil, err
	}
	var kept assurance.Verdict // without the time at which it was judged
	if err := json.Unmarshal([]byte(scan.Verdict), &kept); err != nil {
		return nil, fmt.Errorf("cannot read verdict: %w", err)
	}
	if reflect.DeepEqual(kept, v) && before.equal(said(r)) {
		return nil, nil
	}
	rows, err := rowsAgain(r, v, scan.Source, scan.ScannedBy)
	if err != nil {
		return nil, err
	}
	rows.Again = true // the packages are the same
	rows.Scan.ID, rows.Scan.ScannedAt, rows.Scan.Summary.Pipeline = scan.ID, scan.ScannedAt, scan.Summary.Pipeline
	return &rows, nil
}

// words are what a report has from a database.
type words struct {
	matched         bool
	os              finding.OS
	vulnerabilities []finding.Vulnerability
	suppressed      []finding.Suppressed
	coverage        []finding.Coverage
	risk            int64 // that a score may have moved
}

func said(r *finding.Report) words {
	w := words{matched: r.Database != nil, vulnerabilities: r.Vulnerabilities, suppressed: slices.Clone(r.Suppressed), coverage: r.Coverage}
	if r.OS != nil {
		w.os = *r.OS
	}
	w.risk, _ = RiskOf(r)
	return w
}

func (w words) equal(o words) bool {
	return w.matched == o.matched && w.os == o.os && slices.Equal(w.suppressed, o.suppressed) && slices.Equal(w.coverage, o.coverage) &&
		slices.EqualFunc(w.vulnerabilities, o.vulnerabilities, sameButScore) && w.risk == o.risk
}

func same(a, b finding.Vulnerability) bool { return reflect.DeepEqual(a, b) }

// setAside takes out what the scan's own words (VEX, ignore file) had set aside.
func setAside(r *finding.Report) {
	type key struct{ id, pkg string }
	words := map[key]bool{}
	for _, s := range r.Suppressed {
		if s.By == "vex" || s.By == "ignore-file" {
			words[key{s.ID, s.Package}] = true
		}
	}
	r.Vulnerabilities = slices.DeleteFunc(r.Vulnerabilities, func(v finding.Vulnerability) bool { return words[key{v.ID, v.Package}] })
}
