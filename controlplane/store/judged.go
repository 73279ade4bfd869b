package store

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// assuranceChange says when something last changed that a tenant's verdicts
// rest on: a policy, an exception.
type assuranceChange struct {
	bun.BaseModel `bun:"table:assurance_changes"`
	Tenant        tenant.ID `bun:",pk"`
	ChangedAt     int64
}

// TouchAssurance makes every verdict that was given before stale.
func (x *Tx) TouchAssurance(ctx context.Context, t tenant.ID) error {
	return x.TouchAssuranceAt(ctx, t, Now())
}

// TouchAssuranceAt is TouchAssurance for a time.
func (x *Tx) TouchAssuranceAt(ctx context.Context, t tenant.ID, at time.Time) error {
	_, err := x.db.NewInsert().Model(&assuranceChange{Tenant: t, ChangedAt: ns(at)}).
		On("CONFLICT (tenant) DO UPDATE").Set("changed_at = EXCLUDED.changed_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot note change of assurance: %w", err)
	}
	return nil
}

// JudgedBefore gives the time before which a tenant's verdicts are stale: of
// the last change, of the last exception that expired, or the start of the
// day, since days of grace run out.
func (r Reader) JudgedBefore(ctx context.Context, t tenant.ID, now time.Time) (time.Time, error) {
	var changed, expired int64
	err := r.db.NewSelect().Model((*assuranceChange)(nil)).ColumnExpr("COALESCE(MAX(changed_at), 0)").Where("tenant = ?", t).Scan(ctx, &changed)
	if err == nil {
		err = r.db.NewSelect().Model((*Exception)(nil)).ColumnExpr("COALESCE(MAX(expires_at), 0)").
			Where("tenant = ? AND state = ? AND expires_at <= ?", t, ExceptionApproved, ns(now)).Scan(ctx, &expired)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot tell which verdicts are stale: %w", err)
	}
	return Time(max(changed, expired, ns(now.UTC().Truncate(24*time.Hour)))), nil
}

// StaleVerdicts gives artefacts that were judged before a time, in the order
// of when they were.
func (r Reader) StaleVerdicts(ctx context.Context, t tenant.ID, before time.Time, limit int) ([]Artifact, error) {
	var rows []Artifact
	err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND judged_at < ?", t, ns(before)).Order("judged_at", "id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot list stale verdicts: %w", err)
	}
	return rows, nil
}

// VerdictsBehindProfiles gives artefacts of whose workloads something new was
// seen since they were judged, and which were judged before a time: while a
// workload shows something new each moment, it is not judged each moment.
func (r Reader) VerdictsBehindProfiles(ctx context.Context, t tenant.ID, before time.Time, limit int) ([]Artifact, error) {
	var rows []Artifact
	err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND judged_at < ? AND digest <> ''", t, ns(before)).
		Where("digest IN (SELECT p.image_digest FROM profiles AS p WHERE p.tenant = artifact.tenant AND p.image_digest = artifact.digest AND p.last_new > artifact.judged_at)").
		Order("judged_at", "id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot list verdicts behind profiles: %w", err)
	}
	return rows, nil
}

// ArtifactsByID lists artefacts in the order of their identifiers, behind one.
func (r Reader) ArtifactsByID(ctx context.Context, t tenant.ID, after string, limit int) ([]Artifact, error) {
	var rows []Artifact
	err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND id > ?", t, after).Order("id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot list artefacts: %w", err)
	}
	return rows, nil
}

// ArtifactNamed gives an artefact by its identifier, or the last scanned of a name.
func (r Reader) ArtifactNamed(ctx context.Context, t tenant.ID, name string) (Artifact, error) {
	var a Artifact
	err := r.db.NewSelect().Model(&a).Where("tenant = ? AND (id = ? OR name = ?)", t, name, name).Order("scanned_at DESC", "id DESC").Limit(1).Scan(ctx)
	return a, lookup(err, "artefact", name)
}

// CountArtifacts counts a tenant's artefacts.
func (r Reader) CountArtifacts(ctx context.Context, t tenant.ID) (int, error) {
	n, err := r.db.NewSelect().Model((*Artifact)(nil)).Where("tenant = ?", t).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot count artefacts: %w", err)
	}
	return int(n), nil
}

// SetVerdict writes what the policies say now of a scan that is still the
// artefact's newest.
func (x *Tx) SetVerdict(ctx context.Context, t tenant.ID, artifact, scan, result, verdict string, at time.Time) error {
	_, err := x.db.NewUpdate().Model((*Artifact)(nil)).Set("result = ?", result).Set("judged_at = ?", ns(at)).
		Where("tenant = ? AND id = ? AND scan_id = ?", t, artifact, scan).Exec(ctx)
	if err == nil {
		_, err = x.db.NewUpdate().Model((*Scan)(nil)).Set("result = ?", result).Set("verdict = ?", verdict).Where("tenant = ? AND id = ?", t, scan).Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("cannot keep verdict: %w", err)
	}
	return nil
}

// SetJudged says that verdicts stand as they are.
func (x *Tx) SetJudged(ctx context.Context, t tenant.ID, artifacts []string, at time.Time) error {
	if len(artifacts) == 0 {
		return nil
	}
	_, err := x.db.NewUpdate().Model((*Artifact)(nil)).Set("judged_at = ?", ns(at)).Where("tenant = ? AND id IN (?)", t, bun.List(artifacts)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("cannot keep verdicts: %w", err)
	}
	return nil
}

// EnforcersRunning gives the enforcers that run one of some digests, by their
// own word.
func (r Reader) EnforcersRunning(ctx context.Context, t tenant.ID, digests []string, limit int) ([]Enforcer, error) {
	var rows []Enforcer
	if len(digests) == 0 {
		return nil, nil
	}
	err := r.db.NewSelect().Model(&rows).Column("id", "group_name", "hostname", "image", "image_digest").
		Where("tenant = ? AND stopping = ? AND image_digest IN (?)", t, false, bun.List(digests)).Order("image_digest", "id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot list workloads: %w", err)
	}
	return rows, nil
}

// Unscanned is an image that enforcers run and nobody has scanned.
type Unscanned struct {
	Image     string
	Digest    string
	Enforcers int64
}

// UnscannedWorkloads gives the images that run and of which no report is kept.
func (r Reader) UnscannedWorkloads(ctx context.Context, t tenant.ID, limit int) ([]Unscanned, error) {
	var rows []Unscanned
	err := r.db.NewSelect().TableExpr("enforcers AS e").ColumnExpr("MAX(e.image) AS image, e.image_digest AS digest, COUNT(*) AS enforcers").
		Where("e.tenant = ? AND e.stopping = ?", t, false).
		Where("NOT EXISTS (SELECT 1 FROM artifacts AS a WHERE a.tenant = e.tenant AND a.digest = e.image_digest AND a.digest <> '')").
		GroupExpr("e.image_digest").OrderExpr("3 DESC, 2").Limit(int64(limit)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot list workloads that were not scanned: %w", err)
	}
	return rows, nil
}

// FirstSeenAnywhere says when vulnerabilities were first seen in any artefact.
func (r Reader) FirstSeenAnywhere(ctx context.Context, t tenant.ID, ids []string) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	for len(ids) > 0 {
		batch := ids[:min(len(ids), insertBatch)]
		ids = ids[len(batch):]
		var rows []Vulnerability
		err := r.db.NewSelect().Model(&rows).Column("vulnerability", "first_seen").Where("tenant = ? AND vulnerability IN (?)", t, bun.List(batch)).Scan(ctx)
		if err != nil {
			return nil, fmt.Errorf("cannot read vulnerabilities: %w", err)
		}
		for _, v := range rows {
			out[v.Vulnerability] = Time(v.FirstSeen)
		}
	}
	return out, nil
}
