package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// KeptScans is how many scans of one artefact are kept with their reports.
const KeptScans = 10

// insertBatch is how many rows one statement inserts.
const insertBatch = 500

// Scanned is what a scan brings. With Again set it is the artefact's newest scan
// itself, matched with newer data: it takes that one's place, and its packages
// stay.
type Scanned struct {
	Again           bool
	Artifact        Artifact
	Scan            Scan
	Pieces          [][]byte
	Packages        []ArtifactPackage
	Vulnerabilities []ArtifactVulnerability
}

// PutScan keeps a scan: it becomes the newest of its artefact. When a
// vulnerability was first seen in the artefact is remembered across scans.
func (x *Tx) PutScan(ctx context.Context, t tenant.ID, s Scanned) (Artifact, error) {
	a, _, err := x.putScan(ctx, t, s)
	return a, err
}

// PutScanAgain is PutScan where s.Again is set. It gives the vulnerabilities of
// which something is other than it was: their rows of all artefacts together are
// exact after RecountVulnerabilities.
func (x *Tx) PutScanAgain(ctx context.Context, t tenant.ID, s Scanned) ([]string, error) {
	_, changed, err := x.putScan(ctx, t, s)
	return changed, err
}

func (x *Tx) putScan(ctx context.Context, t tenant.ID, s Scanned) (Artifact, []string, error) {
	now := ns(Now())
	a := s.Artifact
	a.Tenant, a.ID, a.Repository = t, ArtifactID(a.Kind, a.Name, a.Digest), Repository(a.Kind, a.Name)
	a.JudgedAt = now
	a.FirstSeen, a.ScannedAt, a.ScanID, a.Source, a.Result = now, now, s.Scan.ID, s.Scan.Source, s.Scan.Result
	was, err := x.Artifact(ctx, t, a.ID)
	switch {
	case errors.Is(err, ErrNotFound) && s.Again:
		return a, nil, fmt.Errorf("artefact %s: %w", a.ID, ErrVersion)
	case err == nil && s.Again && was.ScanID != s.Scan.ID:
		return a, nil, fmt.Errorf("scan %s of artefact %s: %w", s.Scan.ID, a.ID, ErrVersion)
	case err == nil:
		a.FirstSeen = was.FirstSeen
		if s.Again {
			a.ScannedAt = was.ScannedAt
		}
		_, err = x.db.NewUpdate().Model(&a).WherePK().Exec(ctx)
	case errors.Is(err, ErrNotFound):
		_, err = x.db.NewInsert().Model(&a).Exec(ctx)
	}
	if err != nil {
		return a, nil, fmt.Errorf("cannot keep artefact: %w", err)
	}
	if s.Again {
		if err := x.dropScans(ctx, t, []string{s.Scan.ID}); err != nil {
			return a, nil, err
		}
	} else {
		s.Scan.ScannedAt = now
	}
	s.Scan.Tenant, s.Scan.ArtifactID = t, a.ID
	if _, err := x.db.NewInsert().Model(&s.Scan).Exec(ctx); err != nil {
		return a, nil, inserted(err, "scan", s.Scan.ID)
	}
	for i, data := range s.Pieces {
		if _, err := x.db.NewInsert().Model(&ScanPiece{Tenant: t, ScanID: s.Scan.ID, Piece: int64(i), Data: data}).Exec(ctx); err != nil {
			return a, nil, fmt.Errorf("cannot keep report: %w", err)
		}
	}
	if !s.Again {
		if err := x.putPackages(ctx, t, a.ID, s.Packages); err != nil {
			return a, nil, err
		}
	}
	changed, err := x.putVulnerabilities(ctx, t, a.ID, now, s.Vulnerabilities, s.Again)
	if err != nil {
		return a, nil, err
	}
	return a, changed, x.dropOldScans(ctx, t, a.ID)
}

func (x *Tx) putPackages(ctx context.Context, t tenant.ID, artifact string, rows []ArtifactPackage) error {
	if _, err := x.db.NewDelete().Model((*ArtifactPackage)(nil)).Where("tenant = ? AND artifact_id = ?", t, artifact).Exec(ctx); err != nil {
		return fmt.Errorf("cannot keep packages: %w", err)
	}
	for i := range rows {
		rows[i].Tenant, rows[i].ArtifactID = t, artifact
	}
	return insertRows(ctx, x, rows)
}

// putVulnerabilities writes what is other than it was, and gives whose rows that are.
// Another score alone is nothing other where a re-match has renewed those (SetScores).
func (x *Tx) putVulnerabilities(ctx context.Context, t tenant.ID, artifact string, now int64, rows []ArtifactVulnerability, scored bool) ([]string, error) {
	var before []ArtifactVulnerability
	err := x.db.NewSelect().Model(&before).Where("tenant = ? AND artifact_id = ?", t, artifact).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read vulnerabilities: %w", err)
	}
	type key struct{ id, pkg string }
	was, had := map[key]*ArtifactVulnerability{}, map[string]bool{}
	for i, v := range before {
		was[key{v.Vulnerability, v.PackageID}] = &before[i]
		had[v.Vulnerability] = true
	}
	var write []ArtifactVulnerability
	has, changed := map[string]bool{}, map[string]*Vulnerability{}
	have := map[key]bool{}
	for _, v := range rows {
		k := key{v.Vulnerability, v.PackageID}
		if have[k] {
			continue
		}
		have[k], has[v.Vulnerability] = true, true
		v.Tenant, v.ArtifactID, v.FirstSeen = t, artifact, now
		if old := was[k]; old != nil {
			v.FirstSeen = old.FirstSeen
			if scored {
				old.EPSS = v.EPSS
			}
			if v == *old {
				continue
			}
		}
		write = append(write, v)
		sum := changed[v.Vulnerability]
		if sum == nil {
			sum = &Vulnerability{Tenant: t, Vulnerability: v.Vulnerability, FirstSeen: v.FirstSeen}
			if !had[v.Vulnerability] {
				sum.Artifacts = 1
			}
			changed[v.Vulnerability] = sum
		}
		sum.add(&v)
	}
	var drop []any
	gone, other := map[string]bool{}, map[string]bool{}
	for k := range was {
		if !have[k] {
			drop = append(drop, k.id, k.pkg)
			other[k.id] = true
			gone[k.id] = !has[k.id]
		}
	}
	maps.DeleteFunc(gone, func(_ string, all bool) bool { return !all })
	for id := range changed {
		other[id] = true
	}
	for batch := range slices.Chunk(drop, 2*insertBatch) {
		pairs := strings.TrimSuffix(strings.Repeat("(?, ?), ", len(batch)/2), ", ")
		_, err := x.db.NewDelete().Model((*ArtifactVulnerability)(nil)).Where("tenant = ? AND artifact_id = ?", t, artifact).
			Where("(vulnerability, package_id) IN (VALUES "+pairs+")", batch...).Exec(ctx)
		if err != nil {
			return nil, fmt.Errorf("cannot keep vulnerabilities: %w", err)
		}
	}
	for batch := range slices.Chunk(write, insertBatch) {
		q := x.db.NewInsert().Model(&batch).On("CONFLICT (tenant, artifact_id, vulnerability, package_id) DO UPDATE")
		for _, column := range []string{"package", "package_version", "package_type", "severity", "score", "epss", "kev", "fixed_version", "title", "first_seen"} {
			q = q.Set(column + " = EXCLUDED." + column)
		}
		if _, err := q.Exec(ctx); err != nil {
			return nil, fmt.Errorf("cannot keep vulnerabilities: %w", err)
		}
	}
	return slices.Sorted(maps.Keys(other)), x.countVulnerabilities(ctx, t, changed, slices.Sorted(maps.Keys(gone)))
}

// add lets a row's facts count.
func (v *Vulnerability) add(row *ArtifactVulnerability) {
	v.Severity, v.Score, v.EPSS = max(v.Severity, row.Severity), max(v.Score, row.Score), max(v.EPSS, row.EPSS)
	v.KEV, v.Fixable = v.KEV || row.KEV, v.Fixable || row.FixedVersion != ""
	v.Title, v.FirstSeen = max(v.Title, row.Title), min(v.FirstSeen, row.FirstSeen)
}

// countVulnerabilities adds what an artefact has to the rows of all artefacts
// together, and takes away what it no longer has. What is the worst of a
// vulnerability only grows here: RecountVulnerabilities is exact.
func (x *Tx) countVulnerabilities(ctx context.Context, t tenant.ID, all map[string]*Vulnerability, gone []string) error {
	var rows []Vulnerability
	for _, id := range slices.Sorted(maps.Keys(all)) {
		rows = append(rows, *all[id])
	}
	greater := func(column string) string {
		return column + " = CASE WHEN EXCLUDED." + column + " > vulnerability." + column + " THEN EXCLUDED." + column + " ELSE vulnerability." + column + " END"
	}
	for len(rows) > 0 {
		batch := rows[:min(len(rows), insertBatch)]
		rows = rows[len(batch):]
		_, err := x.db.NewInsert().Model(&batch).On("CONFLICT (tenant, vulnerability) DO UPDATE").
			Set(greater("severity")).Set(greater("score")).Set(greater("epss")).Set("kev = vulnerability.kev OR EXCLUDED.kev").
			Set("fixable = vulnerability.fixable OR EXCLUDED.fixable").Set("artifacts = vulnerability.artifacts + EXCLUDED.artifacts").Exec(ctx)
		if err != nil {
			return fmt.Errorf("cannot count vulnerabilities: %w", err)
		}
	}
	for len(gone) > 0 {
		batch := gone[:min(len(gone), insertBatch)]
		gone = gone[len(batch):]
		_, err1 := x.db.NewUpdate().Model((*Vulnerability)(nil)).Set("artifacts = artifacts - 1").Where("tenant = ? AND vulnerability IN (?)", t, bun.List(batch)).Exec(ctx)
		_, err2 := x.db.NewDelete().Model((*Vulnerability)(nil)).Where("tenant = ? AND vulnerability IN (?) AND artifacts <= 0", t, bun.List(batch)).Exec(ctx)
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("cannot count vulnerabilities: %w", err)
		}
	}
	return nil
}

// RecountVulnerabilities writes the rows of some vulnerabilities anew from what
// artefacts have.
func (x *Tx) RecountVulnerabilities(ctx context.Context, t tenant.ID, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	if _, err := x.db.NewDelete().Model((*Vulnerability)(nil)).Where("tenant = ? AND vulnerability IN (?)", t, bun.List(ids)).Exec(ctx); err != nil {
		return fmt.Errorf("cannot count vulnerabilities: %w", err)
	}
	_, err := x.db.NewRaw(`INSERT INTO vulnerabilities (tenant, vulnerability, severity, score, epss, kev, fixable, title, artifacts, first_seen)
		SELECT tenant, vulnerability, MAX(severity), MAX(score), MAX(epss), MAX(CASE WHEN kev THEN 1 ELSE 0 END) = 1,
		MAX(CASE WHEN fixed_version <> '' THEN 1 ELSE 0 END) = 1, MAX(title), COUNT(DISTINCT artifact_id), MIN(first_seen)
		FROM artifact_vulnerabilities WHERE tenant = ? AND vulnerability IN (?) GROUP BY tenant, vulnerability`, t, bun.List(ids)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot count vulnerabilities: %w", err)
	}
	return nil
}

// HoldScans notes that scans say the same with another database. Those that were
// matched with a newer one meanwhile stay as they are.
func (x *Tx) HoldScans(ctx context.Context, t tenant.ID, ids []string, digest string, built int64) (int, error) {
	res, err := x.db.NewUpdate().Model((*Scan)(nil)).Set("database_digest = ?", digest).Set("database_built = ?", built).
		Where("tenant = ? AND id IN (?) AND database_built <= ?", t, bun.List(ids), built).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot note the database of scans: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

func (x *Tx) dropOldScans(ctx context.Context, t tenant.ID, artifact string) error {
	var ids []string
	err := x.db.NewSelect().Model((*Scan)(nil)).Column("id").Where("tenant = ? AND artifact_id = ?", t, artifact).
		Order("id DESC").Offset(KeptScans).Limit(insertBatch).Scan(ctx, &ids)
	if err != nil {
		return fmt.Errorf("cannot list old scans: %w", err)
	}
	return x.dropScans(ctx, t, ids)
}

func (x *Tx) dropScans(ctx context.Context, t tenant.ID, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err1 := x.db.NewDelete().Model((*ScanPiece)(nil)).Where("tenant = ? AND scan_id IN (?)", t, bun.List(ids)).Exec(ctx)
	_, err2 := x.db.NewDelete().Model((*Scan)(nil)).Where("tenant = ? AND id IN (?)", t, bun.List(ids)).Exec(ctx)
	if err := errors.Join(err1, err2, x.dropQuestions(ctx, t, ids)); err != nil {
		return fmt.Errorf("cannot remove old scans: %w", err)
	}
	return nil
}

// DeleteArtifact forgets an artefact with its scans.
func (x *Tx) DeleteArtifact(ctx context.Context, t tenant.ID, id string) error {
	if _, err := x.putVulnerabilities(ctx, t, id, 0, nil, false); err != nil {
		return err
	}
	if err := x.putPackages(ctx, t, id, nil); err != nil {
		return err
	}
	var ids []string
	if err := x.db.NewSelect().Model((*Scan)(nil)).Column("id").Where("tenant = ? AND artifact_id = ?", t, id).Scan(ctx, &ids); err != nil {
		return fmt.Errorf("cannot list scans: %w", err)
	}
	if err := x.dropScans(ctx, t, ids); err != nil {
		return err
	}
	res, err := x.db.NewDelete().Model((*Artifact)(nil)).Where("tenant = ? AND id = ?", t, id).Exec(ctx)
	return changed(res, err, "artefact", id, ErrNotFound)
}

func insertRows[T any](ctx context.Context, x *Tx, rows []T) error {
	for len(rows) > 0 {
		batch := rows[:min(len(rows), insertBatch)]
		rows = rows[len(batch):]
		if _, err := x.db.NewInsert().Model(&batch).Exec(ctx); err != nil {
			return fmt.Errorf("cannot keep %T: %w", batch, err)
		}
	}
	return nil
}
