package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Artifact is something that was scanned, with what its newest report counts.
// Name and digest together are its identity: the same content under another
// name is another artefact, with exceptions of its own.
type Artifact struct {
	bun.BaseModel     `bun:"table:artifacts"`
	Tenant            tenant.ID `bun:",pk"`
	ID                string    `bun:",pk"` // ArtifactID
	Kind              string
	Name              string
	Digest            string
	Platform          string
	OS                string `bun:"os"`
	Created           string // RFC 3339, by its own word
	Size              int64
	Labels            map[string]string `bun:"type:text"`
	FirstSeen         int64
	ScannedAt         int64
	ScanID            string
	Source            string
	Result            string // of the newest verdict: pass, warn, fail
	Integrity         string
	Packages          int64
	Critical          int64
	High              int64
	Medium            int64
	Low               int64
	Negligible        int64
	Unknown           int64
	Fixable           int64
	Secrets           int64
	Malware           int64
	Misconfigurations int64
	Repository        string // of an image: its name without tag and digest
	Risk              int64  // 0 to 100 (inventory.RiskOf)
	Exploited         int64  // vulnerabilities that are known to be exploited
	JudgedAt          int64
}

// Scan is one report of an artefact and what the policies said of it.
type Scan struct {
	bun.BaseModel  `bun:"table:scans"`
	Tenant         tenant.ID `bun:",pk"`
	ID             string    `bun:",pk"`
	ArtifactID     string
	Source         string // cli, ci, worker, host
	ScannedBy      string
	ScannedAt      int64
	Scanner        string
	DatabaseDigest string
	DatabaseBuilt  int64
	Result         string
	Verdict        string      // JSON
	ReportBytes    int64       // of the report's JSON form
	Summary        ScanSummary `bun:"type:text"`
}

// ScanPiece is a piece of a report.
type ScanPiece struct {
	bun.BaseModel `bun:"table:scan_pieces"`
	Tenant        tenant.ID `bun:",pk"`
	ScanID        string    `bun:",pk"`
	Piece         int64     `bun:",pk"`
	Data          []byte
}

// ArtifactVulnerability is a vulnerability of a package of an artefact.
type ArtifactVulnerability struct {
	bun.BaseModel  `bun:"table:artifact_vulnerabilities"`
	Tenant         tenant.ID `bun:",pk"`
	ArtifactID     string    `bun:",pk"`
	Vulnerability  string    `bun:",pk"`
	PackageID      string    `bun:",pk"`
	Package        string
	PackageVersion string
	PackageType    string
	Severity       int64 // finding.Severity's rank
	Score          float64
	EPSS           float64 `bun:"epss"`
	KEV            bool    `bun:"kev"`
	FixedVersion   string
	Title          string
	FirstSeen      int64 // in this artefact
	Layer          int64 // from 0, the lowest; -1: not known
}

// ArtifactPackage is a package of an artefact.
type ArtifactPackage struct {
	bun.BaseModel  `bun:"table:artifact_packages"`
	Tenant         tenant.ID `bun:",pk"`
	ArtifactID     string    `bun:",pk"`
	PackageID      string    `bun:",pk"`
	Package        string
	PackageVersion string
	PackageType    string
	PURL           string `bun:"purl"`
	Licences       string // joined by ", "
	Owner          string // name of the distribution's package that installed it
	Path           string // where it was found, the first of its places
	Layer          int64  // from 0, the lowest; -1: not known
}

// Vulnerability is what all artefacts together have of one vulnerability.
type Vulnerability struct {
	bun.BaseModel `bun:"table:vulnerabilities"`
	Tenant        tenant.ID `bun:",pk"`
	Vulnerability string    `bun:",pk"`
	Severity      int64     // the worst
	Score         float64
	EPSS          float64 `bun:"epss"`
	KEV           bool    `bun:"kev"`
	Fixable       bool    // somewhere
	Title         string
	Artifacts     int64 // how many have it
	FirstSeen     int64
	Running       int64 // enforcers that run an image which has it, as of the last count

	EPSSPercentile float64 `bun:"epss_percentile"`
	EPSSDate       string  `bun:"epss_date"` // of the score (store.Score)
}

// ArtifactID names an artefact by kind, name and digest.
func ArtifactID(kind, name, digest string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + name + "\x00" + digest))
	return hex.EncodeToString(sum[:16])
}

// Artifact gives one artefact.
func (r Reader) Artifact(ctx context.Context, t tenant.ID, id string) (Artifact, error) {
	var a Artifact
	err := r.db.NewSelect().Model(&a).Where("tenant = ? AND id = ?", t, id).Scan(ctx)
	return a, lookup(err, "artefact", id)
}

// Scan gives one scan.
func (r Reader) Scan(ctx context.Context, t tenant.ID, id string) (Scan, error) {
	var s Scan
	err := r.db.NewSelect().Model(&s).Where("tenant = ? AND id = ?", t, id).Scan(ctx)
	return s, lookup(err, "scan", id)
}

// Scans lists an artefact's scans, newest first.
func (r Reader) Scans(ctx context.Context, t tenant.ID, artifact string) ([]Scan, error) {
	var rows []Scan
	err := r.db.NewSelect().Model(&rows).ExcludeColumn("verdict").Where("tenant = ? AND artifact_id = ?", t, artifact).Order("id DESC").Limit(KeptScans).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot list scans: %w", err)
	}
	return rows, nil
}

// ScanPieceData gives a piece of a report; ErrNotFound past the last.
func (r Reader) ScanPieceData(ctx context.Context, t tenant.ID, scan string, piece int64) ([]byte, error) {
	var p ScanPiece
	err := r.db.NewSelect().Model(&p).Where("tenant = ? AND scan_id = ? AND piece = ?", t, scan, piece).Scan(ctx)
	return p.Data, lookup(err, "piece of report", scan)
}

// ScanPieces gives a report's pieces in one.
func (r Reader) ScanPieces(ctx context.Context, t tenant.ID, scan string) ([]byte, error) {
	var pieces []ScanPiece
	if err := r.db.NewSelect().Model(&pieces).Where("tenant = ? AND scan_id = ?", t, scan).Order("piece").Scan(ctx); err != nil {
		return nil, fmt.Errorf("cannot read report of scan %q: %w", scan, err)
	}
	if len(pieces) == 1 {
		return pieces[0].Data, nil
	}
	var all []byte
	for _, p := range pieces {
		all = append(all, p.Data...)
	}
	return all, nil
}

// Vulnerability gives one vulnerability.
func (r Reader) Vulnerability(ctx context.Context, t tenant.ID, id string) (Vulnerability, error) {
	var v Vulnerability
	err := r.db.NewSelect().Model(&v).Where("tenant = ? AND vulnerability = ?", t, id).Scan(ctx)
	return v, lookup(err, "vulnerability", id)
}

// EnforcersOf lists the enforcers whose image, by its own word, is one of the
// digests of the artefacts that have a vulnerability.
func (r Reader) EnforcersOf(ctx context.Context, t tenant.ID, vulnerability string, p Page) ([]Enforcer, string, error) {
	var rows []Enforcer
	wide, err := r.wide(ctx, t, vulnerability)
	if err != nil {
		return nil, "", err
	}
	q := r.db.NewSelect().Model(&rows).Where("enforcer.tenant = ? AND stopping = ?", t, false).Order("id").Limit(int64(p.limit()) + 1)
	if wide {
		q = q.Where(`EXISTS (SELECT 1 FROM artifacts AS a JOIN artifact_vulnerabilities AS v ON v.tenant = a.tenant AND v.artifact_id = a.id
			WHERE a.tenant = ? AND a.digest = enforcer.image_digest AND a.digest <> '' AND v.vulnerability = ?)`, t, vulnerability)
	} else {
		q = q.Where(`image_digest IN (SELECT a.digest FROM artifacts AS a JOIN artifact_vulnerabilities AS v ON v.tenant = a.tenant AND v.artifact_id = a.id
			WHERE v.tenant = ? AND v.vulnerability = ? AND a.digest <> '')`, t, vulnerability)
	}
	if p.Cursor != "" {
		q = q.Where("id > ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list workloads: %w", err)
	}
	rows, next := cut(rows, p, func(e Enforcer) string { return e.ID })
	return rows, next, nil
}

// EnforcersOfDigest lists the enforcers whose image, by its own word, has a digest.
func (r Reader) EnforcersOfDigest(ctx context.Context, t tenant.ID, digest string, p Page) ([]Enforcer, string, error) {
	var rows []Enforcer
	if digest == "" {
		return nil, "", nil
	}
	err := r.db.NewSelect().Model(&rows).Where("tenant = ? AND image_digest = ? AND id > ? AND NOT stopping", t, digest, p.Cursor).
		Order("id").Limit(int64(p.limit()) + 1).Scan(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("cannot list workloads: %w", err)
	}
	rows, next := cut(rows, p, func(e Enforcer) string { return e.ID })
	return rows, next, nil
}

// FirstSeen says when each vulnerability of a package (identifier, package ID)
// was first seen in an artefact.
func (r Reader) FirstSeen(ctx context.Context, t tenant.ID, artifact string) (map[[2]string]time.Time, error) {
	var rows []ArtifactVulnerability
	err := r.db.NewSelect().Model(&rows).Column("vulnerability", "package_id", "first_seen").Where("tenant = ? AND artifact_id = ?", t, artifact).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read vulnerabilities: %w", err)
	}
	out := make(map[[2]string]time.Time, len(rows))
	for _, v := range rows {
		out[[2]string{v.Vulnerability, v.PackageID}] = Time(v.FirstSeen)
	}
	return out, nil
}

// StaleScansAnyTenant gives artefacts whose newest scan was matched with another
// database than the one of that digest, and not with a newer one than it was
// built (ns), some at a time, in order of tenant and artefact behind the given one.
func (r Reader) StaleScansAnyTenant(ctx context.Context, digest string, built int64, after Artifact, limit int) ([]Artifact, error) {
	var rows []Artifact
	err := r.db.NewSelect().Model(&rows).
		Join("JOIN scans AS s ON s.tenant = artifact.tenant AND s.id = artifact.scan_id").
		Where("s.database_digest <> ? AND s.database_built <= ?", digest, built).
		Where("(artifact.tenant, artifact.id) > (?, ?)", after.Tenant, after.ID).
		OrderExpr("artifact.tenant, artifact.id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot list stale scans: %w", err)
	}
	return rows, nil
}
