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

// Repository gives the name of an image without tag and digest; other artefacts
// have none.
func Repository(kind, name string) string {
	if kind != "image" {
		return ""
	}
	name, _, _ = strings.Cut(name, "@")
	slash := strings.LastIndexByte(name, '/')
	if colon := strings.LastIndexByte(name, ':'); colon > slash {
		name = name[:colon]
	}
	return name
}

// ArtifactFilter narrows a list of artefacts; zero fields match all.
type ArtifactFilter struct {
	Kind          string
	Result        string
	Repository    string
	Digest        string
	Severity      string // that has vulnerabilities of it: a column's name
	Query         string // part of the name
	Vulnerability string // that it has
	Package       string // that it has, by name
	Running       bool   // only what enforcers run
	ByRisk        bool   // the riskiest first, instead of the last scanned

	wide   bool     // the vulnerability is in so many that the list's own order meets them soon
	having []string // the artefacts that have the package; nil: so many that the list's own order meets them soon
}

// artifactKey is the place of an artefact in both orders.
type artifactKey struct {
	ScannedAt, Risk int64
	ID              string
}

func (f ArtifactFilter) scan(t tenant.ID) scan[artifactKey] {
	column := "scanned_at"
	if f.ByRisk {
		column = "risk"
	}
	sc := scan[artifactKey]{
		table: (*Artifact)(nil), key: []string{"scanned_at", "risk", "id"}, order: column + " DESC, id DESC",
		after: func(q *bun.SelectQuery, k artifactKey) *bun.SelectQuery {
			return q.Where("(?, id) < (?, ?)", bunIdent(column), k.at(f.ByRisk), k.ID)
		},
	}
	// One filter is left to an index: what leaves least comes first.
	var first, rest []func(*bun.SelectQuery) *bun.SelectQuery
	where := func(query string, args ...any) func(*bun.SelectQuery) *bun.SelectQuery {
		return func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where(query, args...) }
	}
	switch {
	case f.Vulnerability == "":
	case f.wide:
		first = append(first, where("EXISTS (SELECT 1 FROM artifact_vulnerabilities AS v WHERE v.tenant = ? AND v.vulnerability = ? AND v.artifact_id = artifact.id)", t, f.Vulnerability))
	default:
		first = append(first, where("id IN (SELECT artifact_id FROM artifact_vulnerabilities WHERE tenant = ? AND vulnerability = ?)", t, f.Vulnerability))
	}
	switch {
	case f.Package == "":
	case f.having == nil:
		first = append(first, where("EXISTS (SELECT 1 FROM artifact_packages AS p WHERE p.tenant = ? AND p.artifact_id = artifact.id AND p.package = ?)", t, f.Package))
	default:
		first = append(first, where("id IN (?)", bun.List(f.having)))
	}
	if f.Running {
		first = append(first, where("digest IN (SELECT image_digest FROM enforcers WHERE tenant = ? AND NOT stopping AND image_digest <> '')", t))
	}
	for _, eq := range []struct{ column, value string }{{"digest", f.Digest}, {"repository", f.Repository}, {"kind", f.Kind}, {"result", f.Result}} {
		switch by := where("? = ?", bunIdent(eq.column), eq.value); {
		case eq.value == "":
		case len(first) == 0:
			first = append(first, by)
		default:
			rest, sc.needs = append(rest, by), append(sc.needs, eq.column)
		}
	}
	if f.Severity != "" {
		rest, sc.needs = append(rest, where("? > 0", bunIdent(f.Severity))), append(sc.needs, f.Severity)
	}
	if f.Query != "" {
		rest, sc.needs = append(rest, where("LOWER(name) LIKE LOWER(?) ESCAPE '!'", "%"+escapeLike(f.Query)+"%")), append(sc.needs, "name")
	}
	all := func(q *bun.SelectQuery, list []func(*bun.SelectQuery) *bun.SelectQuery) *bun.SelectQuery {
		for _, by := range list {
			q = by(q)
		}
		return q
	}
	sc.index = func(q *bun.SelectQuery) *bun.SelectQuery { return all(q.Where("tenant = ?", t), first) }
	if len(rest) > 0 {
		sc.rest = func(q *bun.SelectQuery) *bun.SelectQuery { return all(q, rest) }
	}
	return sc
}

// wideArtifacts is in how many artefacts a vulnerability is looked for one by one
// along a list, instead of collecting them all for one page.
const wideArtifacts = 1000

func (r Reader) wide(ctx context.Context, t tenant.ID, vulnerability string) (bool, error) {
	v, err := r.Vulnerability(ctx, t, vulnerability)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return v.Artifacts > wideArtifacts, err
}

// withPackage gives the artefacts that have a package, nil where they are too many
// to be collected for one page. A planner left to itself takes PostgreSQL along the
// whole list for a package that few have.
func (r Reader) withPackage(ctx context.Context, t tenant.ID, name string) ([]string, error) {
	ids := []string{}
	if err := r.packageHolders(t, name).Scan(ctx, &ids); err != nil {
		return nil, err
	}
	if len(ids) > wideArtifacts {
		return nil, nil
	}
	slices.Sort(ids) // in several versions, it may be in one artefact twice
	return slices.Compact(ids), nil
}

func (r Reader) packageHolders(t tenant.ID, name string) *bun.SelectQuery {
	return r.db.NewSelect().Model((*ArtifactPackage)(nil)).Column("artifact_id").Where("tenant = ? AND package = ?", t, name).Limit(wideArtifacts + 1)
}

func (k artifactKey) at(byRisk bool) int64 {
	if byRisk {
		return k.Risk
	}
	return k.ScannedAt
}

// Artifacts lists artefacts, the last scanned first, or the riskiest.
func (r Reader) Artifacts(ctx context.Context, t tenant.ID, f ArtifactFilter, p Page) ([]Artifact, string, error) {
	var from *artifactKey
	if p.Cursor != "" {
		at, id, err := cursorNamed(p.Cursor)
		if err != nil {
			return nil, "", err
		}
		from = &artifactKey{at, at, id}
	}
	var err error
	if f.Vulnerability != "" {
		if f.wide, err = r.wide(ctx, t, f.Vulnerability); err != nil {
			return nil, "", err
		}
	}
	if f.Package != "" {
		if f.having, err = r.withPackage(ctx, t, f.Package); err != nil {
			return nil, "", fmt.Errorf("cannot list artefacts: %w", err)
		}
	}
	keys, next, err := f.scan(t).page(ctx, r, from, p.limit())
	if err != nil {
		return nil, "", fmt.Errorf("cannot list artefacts: %w", err)
	}
	cursor := ""
	if next != nil {
		cursor = cursorName(next.at(f.ByRisk), next.ID)
	}
	if len(keys) == 0 {
		return nil, cursor, nil
	}
	place := map[string]int{}
	for i, k := range keys {
		place[k.ID] = i
	}
	var rows []Artifact
	err = r.db.NewSelect().Model(&rows).Where("tenant = ? AND id IN (?)", t, bun.List(slices.Collect(maps.Keys(place)))).Scan(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("cannot list artefacts: %w", err)
	}
	slices.SortFunc(rows, func(a, b Artifact) int { return place[a.ID] - place[b.ID] })
	return rows, cursor, nil
}

// RepositoryRow is what is known of one repository.
type RepositoryRow struct {
	Repository string
	Artifacts  int64
	Failing    int64 // whose newest verdict is fail
	Newest     Artifact
}

// Repositories lists the repositories of images by name, each with the image that
// was scanned last.
func (r Reader) Repositories(ctx context.Context, t tenant.ID, query string, p Page) ([]RepositoryRow, string, error) {
	var groups []struct {
		Repository         string
		Artifacts, Failing int64
		At                 int64
	}
	q := r.db.NewSelect().Model((*Artifact)(nil)).ColumnExpr("repository, COUNT(*) AS artifacts, MAX(scanned_at) AS at").
		ColumnExpr("SUM(CASE WHEN result = 'fail' THEN 1 ELSE 0 END) AS failing").
		Where("tenant = ? AND repository > ?", t, p.Cursor).Group("repository").OrderExpr("repository").Limit(int64(p.limit()) + 1)
	if query != "" {
		q = q.Where("LOWER(repository) LIKE LOWER(?) ESCAPE '!'", "%"+escapeLike(query)+"%")
	}
	if err := q.Scan(ctx, &groups); err != nil {
		return nil, "", fmt.Errorf("cannot list repositories: %w", err)
	}
	out := make([]RepositoryRow, 0, len(groups))
	for _, g := range groups {
		row := RepositoryRow{Repository: g.Repository, Artifacts: g.Artifacts, Failing: g.Failing}
		err := r.db.NewSelect().Model(&row.Newest).Where("tenant = ? AND repository = ? AND scanned_at = ?", t, g.Repository, g.At).Order("id DESC").Limit(1).Scan(ctx)
		if err != nil {
			return nil, "", fmt.Errorf("cannot list repositories: %w", err)
		}
		out = append(out, row)
	}
	out, next := cut(out, p, func(g RepositoryRow) string { return g.Repository })
	return out, next, nil
}

// Running says how many enforcers run each of some digests.
func (r Reader) Running(ctx context.Context, t tenant.ID, digests []string) (map[string]int64, error) {
	out := map[string]int64{}
	if len(digests) == 0 {
		return out, nil
	}
	var rows []struct {
		ImageDigest string
		N           int64
	}
	err := r.db.NewSelect().Model((*Enforcer)(nil)).ColumnExpr("image_digest, COUNT(*) AS n").
		Where("tenant = ? AND image_digest IN (?) AND NOT stopping", t, bun.List(digests)).Group("image_digest").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot count workloads: %w", err)
	}
	for _, row := range rows {
		out[row.ImageDigest] = row.N
	}
	return out, nil
}
