// Package inventory turns a scan's report into what the store keeps of it: the
// report itself in pieces, and the rows that are asked across artefacts.
//
// It takes finding.Reports that anybody with the permission may send: what is
// too much for a list is cut there (the report stays whole), and texts are
// bounded. It gives rows, and the report back from its pieces. It owns nothing.
package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
)

// Bounds of what is kept.
const (
	PieceBytes         = 1 << 20 // of a report under zstd
	MaxPackages        = 200_000 // rows; more stand in the report only
	MaxVulnerabilities = 200_000
	maxText            = 512 // bytes of a name, a version, a title
)

// Rows gives what is to be kept of a scan. source says where it was made, by
// who sent it.
func Rows(r *finding.Report, v assurance.Verdict, source, by string) (store.Scanned, error) {
	s, err := rowsAgain(r, v, source, by)
	if err == nil {
		s.Packages = packageRows(r)
	}
	return s, err
}

// rowsAgain is Rows without the packages.
func rowsAgain(r *finding.Report, v assurance.Verdict, source, by string) (store.Scanned, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return store.Scanned{}, fmt.Errorf("cannot name scan: %w", err)
	}
	verdict, err := json.Marshal(keptVerdict{v, store.Now().UTC(), r.Artifact.ID})
	if err != nil {
		return store.Scanned{}, fmt.Errorf("cannot keep verdict: %w", err)
	}
	pieces, size, err := split(r)
	if err != nil {
		return store.Scanned{}, err
	}
	s := store.Scanned{
		Artifact: artifact(r), Pieces: pieces,
		Scan: store.Scan{ID: id.String(), Source: source, ScannedBy: by, Scanner: clip(r.Scanner), Result: string(v.Result), Verdict: string(verdict), ReportBytes: size},
	}
	if r.Database != nil {
		s.Scan.DatabaseDigest, s.Scan.DatabaseBuilt = clip(r.Database.Digest), r.Database.Built.UnixNano()
	}
	s.Scan.Summary = summary(s.Artifact, v)
	layer := layers(r)
	for _, v := range r.Vulnerabilities {
		if len(s.Vulnerabilities) == MaxVulnerabilities {
			break
		}
		row := vulnerability(v)
		row.Layer = layer(v.Place)
		s.Vulnerabilities = append(s.Vulnerabilities, row)
	}
	return s, nil
}

func packageRows(r *finding.Report) (rows []store.ArtifactPackage) {
	seen := map[string]bool{}
	layer, owner := layers(r), map[string]string{}
	for _, p := range r.Packages {
		owner[p.ID] = p.Name
	}
	for _, p := range r.Packages {
		if len(rows) == MaxPackages {
			break
		}
		if p.ID == "" || seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		row := store.ArtifactPackage{
			PackageID: clip(p.ID), Package: clip(p.Name), PackageVersion: clip(p.Version), PackageType: clip(string(p.Type)), PURL: clip(p.PURL),
			Licences: clip(strings.Join(p.Licences, ", ")), Owner: clip(owner[p.OwnedBy]), Layer: -1,
		}
		if len(p.Places) > 0 {
			row.Path, row.Layer = clip(p.Places[0].Path), layer(p.Places[0])
		}
		rows = append(rows, row)
	}
	return rows
}

func artifact(r *finding.Report) store.Artifact {
	a := store.Artifact{
		Kind: clip(string(r.Artifact.Kind)), Name: clip(r.Artifact.Name), Digest: clip(r.Artifact.Digest), Platform: clip(r.Artifact.Platform),
		Created: clip(r.Artifact.Created), Size: r.Artifact.Size, Integrity: clip(string(r.Integrity.Verdict)), Labels: map[string]string{},
		Packages: int64(len(r.Packages)), Secrets: int64(len(r.Secrets)), Malware: int64(len(r.Malware)), Misconfigurations: int64(len(r.Misconfigurations)),
	}
	if r.OS != nil {
		a.OS = clip(r.OS.ID + " " + r.OS.Version)
	}
	if r.Artifact.Image != nil {
		for k, v := range r.Artifact.Image.Labels {
			if len(a.Labels) < maxLabels {
				a.Labels[clip(k)] = clip(v)
			}
		}
	}
	count := map[finding.Severity]*int64{
		finding.Critical: &a.Critical, finding.High: &a.High, finding.Medium: &a.Medium, finding.Low: &a.Low, finding.Negligible: &a.Negligible,
	}
	for _, v := range r.Vulnerabilities {
		if n := count[v.Severity]; n != nil {
			*n++
		} else {
			a.Unknown++
		}
		if v.FixedVersion != "" {
			a.Fixable++
		}
		if v.KEV != nil {
			a.Exploited++
		}
	}
	a.Risk, _ = RiskOf(r)
	return a
}

const maxLabels = 100

// layers gives the number of the layer that brought something, -1 where it is
// not known.
func layers(r *finding.Report) func(finding.Place) int64 {
	at := map[string]int64{}
	for i, l := range r.Artifact.Layers {
		at[l.DiffID] = int64(i)
	}
	return func(p finding.Place) int64 {
		if i, ok := at[p.Layer]; ok && p.Layer != "" {
			return i
		}
		return -1
	}
}

func summary(a store.Artifact, v assurance.Verdict) store.ScanSummary {
	s := store.ScanSummary{
		Name: a.Name, Digest: a.Digest, Integrity: a.Integrity, Risk: a.Risk, Critical: a.Critical, High: a.High, Medium: a.Medium, Low: a.Low, Fixable: a.Fixable,
	}
	for _, p := range v.Policies {
		for _, w := range p.Violations {
			if c := string(w.Control); !slices.Contains(s.Failed, c) {
				s.Failed = append(s.Failed, c)
			}
		}
	}
	slices.Sort(s.Failed)
	return s
}

func vulnerability(v finding.Vulnerability) store.ArtifactVulnerability {
	row := store.ArtifactVulnerability{
		Vulnerability: clip(v.ID), PackageID: clip(v.Package), Package: clip(v.Name), PackageVersion: clip(v.Version), PackageType: clip(string(v.Type)),
		Severity: int64(v.Severity.Rank()), KEV: v.KEV != nil, FixedVersion: clip(v.FixedVersion), Title: clip(v.Title),
	}
	for _, c := range v.CVSS {
		row.Score = max(row.Score, c.Score)
	}
	if v.EPSS != nil {
		row.EPSS = v.EPSS.Score
	}
	return row
}

// clip bounds a text and leaves out what a database would refuse.
func clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return string(bytes.ReplaceAll(bytes.ToValidUTF8([]byte(s), []byte("\ufffd")), []byte{0}, nil))
}

// split writes a report as JSON under zstd and cuts it.
func split(r *finding.Report) (pieces [][]byte, size int64, err error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot keep report: %w", err)
	}
	packed, err := pack(data)
	if err != nil {
		return nil, 0, err
	}
	for len(packed) > 0 {
		n := min(len(packed), PieceBytes)
		pieces, packed = append(pieces, packed[:n:n]), packed[n:]
	}
	return pieces, int64(len(data)), nil
}

// Join copies the report of a scan to w. next gives the pieces in order, nil
// after the last.
func Join(w io.Writer, next func() ([]byte, error)) error {
	d, err := zstd.NewReader(&pieceReader{next: next}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxReport))
	if err != nil {
		return fmt.Errorf("cannot read report: %w", err)
	}
	defer d.Close()
	if _, err := io.Copy(w, d); err != nil {
		return fmt.Errorf("cannot read report: %w", err)
	}
	return nil
}

type pieceReader struct {
	next func() ([]byte, error)
	rest []byte
}

func (p *pieceReader) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		data, err := p.next()
		if err != nil {
			return 0, err
		}
		if data == nil {
			return 0, io.EOF
		}
		p.rest = data
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
