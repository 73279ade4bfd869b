package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// FoundFilter narrows a list of an artefact's vulnerabilities; zero fields match
// all.
type FoundFilter struct {
	Severity int64 // this rank; below 0: any
	KEV      bool
	Fixable  bool
	Layer    int64    // below 0: any
	Query    string   // part of the identifier or the package's name
	Packages []string // only of these, by package ID; nil: of any
}

// ArtifactVulnerabilities lists an artefact's vulnerabilities, the worst first.
func (r Reader) ArtifactVulnerabilities(ctx context.Context, t tenant.ID, artifact string, f FoundFilter, p Page) ([]ArtifactVulnerability, string, error) {
	var rows []ArtifactVulnerability
	q := r.db.NewSelect().Model(&rows).Where("tenant = ? AND artifact_id = ?", t, artifact).
		Order("severity DESC", "vulnerability DESC", "package_id DESC").Limit(int64(p.limit()) + 1)
	if f.Severity >= 0 {
		q = q.Where("severity = ?", f.Severity)
	}
	if f.KEV {
		q = q.Where("kev")
	}
	if f.Fixable {
		q = q.Where("fixed_version <> ''")
	}
	if f.Layer >= 0 {
		q = q.Where("layer = ?", f.Layer)
	}
	if f.Packages != nil {
		q = q.Where("package_id IN (?)", bun.List(append(f.Packages, "")))
	}
	if f.Query != "" {
		like := "%" + escapeLike(strings.ToLower(f.Query)) + "%"
		q = q.Where("(LOWER(vulnerability) LIKE ? ESCAPE '!' OR LOWER(package) LIKE ? ESCAPE '!')", like, like)
	}
	if p.Cursor != "" {
		severity, id, pkg, err := cursorPair(p.Cursor)
		if err != nil {
			return nil, "", err
		}
		q = q.Where("(severity, vulnerability, package_id) < (?, ?, ?)", severity, id, pkg)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list vulnerabilities: %w", err)
	}
	rows, next := cut(rows, p, func(v ArtifactVulnerability) string { return cursorName(v.Severity, v.Vulnerability, v.PackageID) })
	ids := make([]string, len(rows))
	for i, v := range rows {
		ids[i] = v.Vulnerability
	}
	scores, err := r.Scores(ctx, t, ids)
	if err != nil {
		return nil, "", err
	}
	for i := range rows {
		if s := scores[rows[i].Vulnerability]; s.EPSSDate != "" {
			rows[i].EPSS = s.EPSS
		}
	}
	return rows, next, nil
}

// PackageFilter narrows a list of an artefact's packages.
type PackageFilter struct {
	Type     string
	Query    string   // part of the name
	Packages []string // only these, by package ID; nil: any
}

// ArtifactPackages lists an artefact's packages by name.
func (r Reader) ArtifactPackages(ctx context.Context, t tenant.ID, artifact string, f PackageFilter, p Page) ([]ArtifactPackage, string, error) {
	var rows []ArtifactPackage
	q := r.db.NewSelect().Model(&rows).Where("tenant = ? AND artifact_id = ?", t, artifact).Order("package", "package_id").Limit(int64(p.limit()) + 1)
	if f.Type != "" {
		q = q.Where("package_type = ?", f.Type)
	}
	if f.Packages != nil {
		q = q.Where("package_id IN (?)", bun.List(append(f.Packages, "")))
	}
	if f.Query != "" {
		q = q.Where("LOWER(package) LIKE ? ESCAPE '!'", "%"+escapeLike(strings.ToLower(f.Query))+"%")
	}
	if p.Cursor != "" {
		_, name, id, err := cursorPair(p.Cursor)
		if err != nil {
			return nil, "", err
		}
		q = q.Where("(package, package_id) > (?, ?)", name, id)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list packages: %w", err)
	}
	rows, next := cut(rows, p, func(a ArtifactPackage) string { return cursorName(0, a.Package, a.PackageID) })
	return rows, next, nil
}

// PackageVulnerabilities counts the vulnerabilities of some of an artefact's
// packages, by package ID.
func (r Reader) PackageVulnerabilities(ctx context.Context, t tenant.ID, artifact string, names []string) (map[string]int64, error) {
	out := map[string]int64{}
	if len(names) == 0 {
		return out, nil
	}
	var rows []struct {
		PackageID string
		N         int64
	}
	err := r.db.NewSelect().Model((*ArtifactVulnerability)(nil)).ColumnExpr("package_id, COUNT(*) AS n").
		Where("tenant = ? AND artifact_id = ? AND package IN (?)", t, artifact, bun.List(names)).Group("package_id").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot count vulnerabilities: %w", err)
	}
	for _, row := range rows {
		out[row.PackageID] = row.N
	}
	return out, nil
}

// VulnerabilityFilter narrows a list of vulnerabilities; zero fields match all.
type VulnerabilityFilter struct {
	Severity int64 // this rank; below 0: any
	KEV      bool
	Fixable  bool
	Running  bool   // only what some workload runs
	Query    string // beginning of the identifier
}

func (f VulnerabilityFilter) apply(q *bun.SelectQuery, t tenant.ID) *bun.SelectQuery {
	q = q.Where("tenant = ?", t)
	if f.Severity >= 0 {
		q = q.Where("severity = ?", f.Severity)
	}
	if f.KEV {
		q = q.Where("kev")
	}
	if f.Running {
		q = q.Where("running > 0")
	}
	if f.Fixable {
		q = q.Where("fixable")
	}
	if f.Query != "" {
		from := f.Query
		if up := strings.ToUpper(from); strings.HasPrefix(up, "CVE-") || strings.HasPrefix("CVE-", up) {
			from = up
		}
		q = q.Where("vulnerability >= ? AND vulnerability < ?", from, from+"\U0010FFFF")
	}
	return q
}

// Vulnerabilities lists what artefacts have, the worst first.
func (r Reader) Vulnerabilities(ctx context.Context, t tenant.ID, f VulnerabilityFilter, p Page) ([]Vulnerability, string, error) {
	var rows []Vulnerability
	q := f.apply(r.db.NewSelect().Model(&rows), t).Order("severity DESC", "vulnerability DESC").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		severity, id, err := cursorNamed(p.Cursor)
		if err != nil {
			return nil, "", err
		}
		q = q.Where("(severity, vulnerability) < (?, ?)", severity, id)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list vulnerabilities: %w", err)
	}
	rows, next := cut(rows, p, func(v Vulnerability) string { return cursorName(v.Severity, v.Vulnerability) })
	return rows, next, nil
}

// Carrier is an artefact that has a vulnerability, in one of its packages.
type Carrier struct {
	ArtifactVulnerability `bun:",extend"`
	Name                  string
	Digest                string
	Kind                  string
	Result                string
	ScannedAt             int64
}

// Carriers lists the packages of artefacts that have a vulnerability.
func (r Reader) Carriers(ctx context.Context, t tenant.ID, vulnerability string, p Page) ([]Carrier, string, error) {
	var rows []Carrier
	q := r.db.NewSelect().TableExpr("artifact_vulnerabilities AS v").ColumnExpr("v.*, a.name, a.digest, a.kind, a.result, a.scanned_at").
		Join("JOIN artifacts AS a ON a.tenant = v.tenant AND a.id = v.artifact_id").
		Where("v.tenant = ? AND v.vulnerability = ?", t, vulnerability).OrderExpr("v.artifact_id, v.package_id").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		_, artifact, pkg, err := cursorPair(p.Cursor)
		if err != nil {
			return nil, "", err
		}
		q = q.Where("(v.artifact_id, v.package_id) > (?, ?)", artifact, pkg)
	}
	if err := q.Scan(ctx, &rows); err != nil {
		return nil, "", fmt.Errorf("cannot list artefacts: %w", err)
	}
	rows, next := cut(rows, p, func(c Carrier) string { return cursorName(0, c.ArtifactID, c.PackageID) })
	return rows, next, nil
}
