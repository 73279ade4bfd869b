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
	"time"

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

func (r Rematched) add(more Rematched) {
	for t, c := range more {
		r[t] += c
	}
}

// lookBatch is how many artefacts are looked up at once, to tell which of their
// reports must be read.
const lookBatch = 512

// tellEvery is how often a re-match that takes long says how far it is.
const tellEvery = 30 * time.Second

// Rematch matches every artefact's newest report with a database, where it was
// not matched with that one or a newer one, judges it again and keeps what came of it: nothing is
// pulled. A report to whose questions (match.Asked) the database gives the answers that it was matched with is
// not read. Where findings (but for their EPSS scores) and verdict are what they were, the report stays as it is
// written, and its scan alone says which database it holds for. It says how many were matched; an artefact that cannot be read is logged
// and left as it is.
func Rematch(ctx context.Context, s *store.Store, src match.Source, log *slog.Logger) (Rematched, error) {
	m, err := rematchAll(ctx, s, src, log, false)
	return m.done, err
}

// rematching is one run of Rematch.
type rematching struct {
	*store.Store
	src     *remembered
	db      *finding.Database
	answers *answers
	log     *slog.Logger
	rules   map[tenant.ID]*Rules // read for each look: reading them costs more than a report
	touched map[tenant.ID]map[string]bool
	done    Rematched
	read    int
	all     bool // every report is read
}

func rematchAll(ctx context.Context, s *store.Store, src match.Source, log *slog.Logger, all bool) (*rematching, error) {
	m := &rematching{
		Store: s, src: remember(src), db: src.Database(), answers: answersOf(src), log: log, all: all,
		touched: map[tenant.ID]map[string]bool{}, done: Rematched{},
	}
	if err := refreshScores(ctx, s, m.src); err != nil {
		return m, err
	}
	told := time.Now()
	for after := (store.Artifact{}); ; {
		artifacts, err := s.StaleScansAnyTenant(ctx, m.db.Digest, m.db.Built.UnixNano(), after, lookBatch)
		if err != nil {
			return m, err
		}
		if len(artifacts) == 0 {
			break
		}
		after = artifacts[len(artifacts)-1]
		if artifacts, err = m.hold(ctx, artifacts); err != nil {
			return m, err
		}
		kept := func() error { return nil }
		for batch := range slices.Chunk(artifacts, rematchBatch) {
			out, errs := m.match(ctx, batch)
			if err := kept(); err != nil {
				return m, err
			}
			if time.Since(told) > tellEvery {
				told = time.Now()
				log.InfoContext(ctx, "matching kept reports again", "done", m.done.Total(), "read", m.read)
			}
			// One batch is written while the next is matched.
			var g errgroup.Group
			g.Go(func() error { return m.keep(ctx, batch, out, errs) })
			kept = g.Wait
		}
		if err := kept(); err != nil {
			return m, err
		}
	}
	if len(m.touched) == 0 {
		return m, nil
	}
	return m, errors.Join(recount(ctx, s, m.touched), refreshScores(ctx, s, m.src), CountRunning(ctx, s))
}

// hold notes that reports hold for the database as they are, where its answers to
// their questions say so, and gives the artefacts whose reports must be read.
func (m *rematching) hold(ctx context.Context, artifacts []store.Artifact) (read []store.Artifact, err error) {
	m.rules = map[tenant.ID]*Rules{}
	scans := map[tenant.ID][]string{}
	for _, a := range artifacts {
		if m.rules[a.Tenant] == nil {
			if m.rules[a.Tenant], err = LoadRules(ctx, m.Reader, a.Tenant, nil); err != nil {
				return nil, err
			}
		}
		scans[a.Tenant] = append(scans[a.Tenant], a.ScanID)
	}
	if m.all {
		return artifacts, nil
	}
	asked := map[[2]string]*store.ScanQuestions{}
	for t, ids := range scans {
		rows, err := m.ScanQuestions(ctx, t, ids)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			asked[[2]string{string(t), rows[i].ScanID}] = &rows[i]
		}
	}
	holds := make([]bool, len(artifacts))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, a := range artifacts {
		if q := asked[[2]string{string(a.Tenant), a.ScanID}]; q != nil && m.rules[a.Tenant].steady(a, store.Time(q.DatabaseBuilt), m.db.Built) {
			g.Go(func() error {
				holds[i] = m.answers.same(q)
				return nil
			})
		}
	}
	_ = g.Wait()
	same := map[tenant.ID][]string{}
	for i, a := range artifacts {
		if holds[i] {
			same[a.Tenant] = append(same[a.Tenant], a.ScanID)
		} else {
			read = append(read, a)
		}
	}
	if len(same) == 0 {
		return read, ctx.Err()
	}
	var done Rematched
	err = m.Update(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		done = Rematched{}
		return m.held(ctx, tx, same, done)
	})
	m.done.add(done)
	return read, err
}

// held notes that scans hold for the database.
func (m *rematching) held(ctx context.Context, tx *store.Tx, same map[tenant.ID][]string, done Rematched) error {
	for t, scans := range same {
		n, err := tx.HoldScans(ctx, t, scans, m.db.Digest, m.db.Built.UnixNano())
		if err != nil {
			return err
		}
		done[t] += n
	}
	return nil
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

// matched is what came of a report that was read.
type matched struct {
	rows  *store.Scanned // nil: what was there holds
	asked *store.ScanQuestions
}

// match matches the reports of some artefacts side by side.
func (m *rematching) match(ctx context.Context, artifacts []store.Artifact) ([]matched, []error) {
	out, errs := make([]matched, len(artifacts)), make([]error, len(artifacts))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range artifacts {
		g.Go(func() error {
			out[i], errs[i] = m.one(ctx, artifacts[i])
			return nil
		})
	}
	_ = g.Wait()
	return out, errs
}

// keep keeps what came of the reports of some artefacts.
func (m *rematching) keep(ctx context.Context, artifacts []store.Artifact, out []matched, errs []error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var done Rematched
	err := m.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		done = Rematched{}
		same, asked := map[tenant.ID][]string{}, map[tenant.ID][]store.ScanQuestions{}
		for i, a := range artifacts {
			if errs[i] != nil {
				m.log.WarnContext(ctx, "cannot match again", "artifact", a.ID, "error", errs[i])
				continue
			}
			if q := out[i].asked; q != nil {
				asked[a.Tenant] = append(asked[a.Tenant], *q)
			}
			if out[i].rows == nil {
				same[a.Tenant] = append(same[a.Tenant], a.ScanID)
				continue
			}
			switch changed, err := tx.PutScanAgain(ctx, a.Tenant, *out[i].rows); {
			case errors.Is(err, store.ErrVersion): // scanned anew, or forgotten, meanwhile
			case err != nil:
				return err
			default:
				done[a.Tenant]++
				m.touch(a.Tenant, changed)
			}
		}
		if err := m.held(ctx, tx, same, done); err != nil {
			return err
		}
		for t, rows := range asked {
			if err := tx.PutScanQuestions(ctx, t, m.db.Digest, rows); err != nil {
				return err
			}
		}
		return nil
	})
	m.done.add(done)
	m.read += len(artifacts)
	return err
}

func (m *rematching) touch(t tenant.ID, ids []string) {
	if m.touched[t] == nil {
		m.touched[t] = map[string]bool{}
	}
	for _, id := range ids {
		m.touched[t][id] = true
	}
}

// one gives an artefact's newest scan as it is with the database.
func (m *rematching) one(ctx context.Context, a store.Artifact) (matched, error) {
	scan, err := m.Scan(ctx, a.Tenant, a.ScanID)
	if err != nil {
		return matched{}, err
	}
	r, err := read(ctx, m.Reader, a.Tenant, scan.ID)
	if err != nil {
		return matched{}, err
	}
	before, src := said(r), match.Ask(m.src)
	if err := match.Match(ctx, r, src); err != nil {
		return matched{}, err
	}
	setAside(r)
	r.Sort()
	v, err := m.rules[a.Tenant].Judge(ctx, r, a.Name, store.Time(a.ScannedAt), StageOf(scan.Source))
	if err != nil {
		return matched{}, err
	}
	var kept assurance.Verdict // without the time at which it was judged
	if err := json.Unmarshal([]byte(scan.Verdict), &kept); err != nil {
		return matched{}, fmt.Errorf("cannot read verdict: %w", err)
	}
	asked, err := m.answers.keep(scan.ID, src)
	if err != nil {
		return matched{}, err
	}
	if reflect.DeepEqual(kept, v) && before.equal(said(r)) {
		return matched{asked: asked}, nil
	}
	rows, err := rowsAgain(r, v, scan.Source, scan.ScannedBy)
	if err != nil {
		return matched{}, err
	}
	rows.Again = true // the packages are the same
	rows.Scan.ID, rows.Scan.ScannedAt, rows.Scan.Summary.Pipeline = scan.ID, scan.ScannedAt, scan.Summary.Pipeline
	return matched{&rows, asked}, nil
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
