package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
)

type severityCounts struct {
	Critical   int64 `json:"critical"`
	High       int64 `json:"high"`
	Medium     int64 `json:"medium"`
	Low        int64 `json:"low"`
	Negligible int64 `json:"negligible"`
	Unknown    int64 `json:"unknown"`
	Fixable    int64 `json:"fixable" doc:"Of any severity, with a fixed version"`
}

type artifactView struct {
	ID                string            `json:"id"`
	Kind              string            `json:"kind"`
	Name              string            `json:"name"`
	Digest            string            `json:"digest,omitempty"`
	Platform          string            `json:"platform,omitempty"`
	OS                string            `json:"os,omitempty"`
	Created           string            `json:"created,omitempty"`
	Size              int64             `json:"size"`
	Labels            map[string]string `json:"labels"`
	FirstSeen         time.Time         `json:"firstSeen"`
	ScannedAt         time.Time         `json:"scannedAt"`
	ScanID            string            `json:"scanId"`
	Source            string            `json:"source"`
	Result            string            `json:"result" enum:"pass,warn,fail" doc:"What the assurance policies said when it was scanned"`
	Integrity         string            `json:"integrity" doc:"complete, partial or untrusted"`
	Packages          int64             `json:"packages"`
	Vulnerabilities   severityCounts    `json:"vulnerabilities"`
	Secrets           int64             `json:"secrets"`
	Malware           int64             `json:"malware"`
	Misconfigurations int64             `json:"misconfigurations"`
	Repository        string            `json:"repository,omitempty" doc:"Of an image: its name without tag and digest"`
	Risk              int64             `json:"risk" doc:"0 to 100: docs/SCANNER.md says what it is made of"`
	Exploited         int64             `json:"exploited" doc:"Vulnerabilities that are known to be exploited"`
	Running           int64             `json:"running" doc:"Enforcers that run it, by their own word"`
}

func viewArtifact(a store.Artifact) artifactView {
	return artifactView{
		ID: a.ID, Kind: a.Kind, Name: a.Name, Digest: a.Digest, Platform: a.Platform, OS: a.OS, Created: a.Created, Size: a.Size, Labels: a.Labels,
		FirstSeen: store.Time(a.FirstSeen), ScannedAt: store.Time(a.ScannedAt), ScanID: a.ScanID, Source: a.Source, Result: a.Result, Integrity: a.Integrity,
		Packages: a.Packages, Secrets: a.Secrets, Malware: a.Malware, Misconfigurations: a.Misconfigurations,
		Vulnerabilities: severityCounts{a.Critical, a.High, a.Medium, a.Low, a.Negligible, a.Unknown, a.Fixable},
		Repository:      a.Repository, Risk: a.Risk, Exploited: a.Exploited,
	}
}

type scannedView struct {
	Artifact artifactView      `json:"artifact"`
	Verdict  assurance.Verdict `json:"verdict"`
}

type postScanInput struct {
	DryInput
	Source    string `query:"source" enum:"cli,ci,worker,host" default:"cli" doc:"Where the scan was made"`
	Match     bool   `query:"match" doc:"Match the packages with the server's vulnerability database, whatever the report says of vulnerabilities"`
	Reference string `query:"reference" maxLength:"512" doc:"Keep and judge it as this image reference; the report's own name if left out"`
	PipelineQuery
	Body json.RawMessage `doc:"A report: what limpet scan --format json writes"`
}

// postScan keeps a report and judges it.
func (a *API) postScan(ctx context.Context, in *postScanInput) (*bodyOutput[scannedView], error) {
	who := access.From(ctx)
	report, err := assurance.ReadReport(in.Body)
	if err != nil {
		return nil, huma.NewError(http.StatusUnprocessableEntity, err.Error())
	}
	if in.Reference != "" {
		report.Artifact.Name = in.Reference
	}
	if report.Artifact.Name == "" {
		return nil, huma.NewError(http.StatusUnprocessableEntity, "the report names no artefact; say which it is with reference")
	}
	if in.Match {
		if err := a.Scans.Match(ctx, report); err != nil {
			return nil, err
		}
	}
	verdict, err := inventory.Judge(ctx, a.Store.Reader, who.Tenant, report, report.Artifact.Name, store.Now(), inventory.StageOf(in.Source), nil)
	if err != nil {
		return nil, err
	}
	rows, err := inventory.Rows(report, verdict, in.Source, who.Name)
	if err != nil {
		return nil, err
	}
	rows.Scan.Summary.Pipeline = in.pipeline()
	var kept store.Artifact
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		if kept, err = c.PutScan(ctx, who.Tenant, rows); err != nil {
			return err
		}
		return c.record(ctx, "scan", "artifact", kept.Name, nil, map[string]any{"digest": kept.Digest, "result": kept.Result, "source": kept.Source})
	})
	if err != nil {
		return nil, err
	}
	return &bodyOutput[scannedView]{Body: scannedView{viewArtifact(kept), verdict}}, nil
}

type scanView struct {
	ID            string    `json:"id"`
	ScannedAt     time.Time `json:"scannedAt"`
	ScannedBy     string    `json:"scannedBy"`
	Source        string    `json:"source"`
	Scanner       string    `json:"scanner"`
	DatabaseBuilt time.Time `json:"databaseBuilt,omitzero"`
	Result        string    `json:"result"`
	ReportBytes   int64     `json:"reportBytes"`
	ArtifactID    string    `json:"artifactId"`
	store.ScanSummary
}

func viewScan(s store.Scan) scanView {
	v := scanView{
		ID: s.ID, ScannedAt: store.Time(s.ScannedAt), ScannedBy: s.ScannedBy, Source: s.Source, Scanner: s.Scanner, Result: s.Result,
		ReportBytes: s.ReportBytes, ArtifactID: s.ArtifactID, ScanSummary: s.Summary,
	}
	if s.DatabaseBuilt != 0 {
		v.DatabaseBuilt = store.Time(s.DatabaseBuilt)
	}
	return v
}

type artifactDetail struct {
	artifactView
	Verdict json.RawMessage `json:"verdict" doc:"What the assurance policies said of the newest scan"`
	Scans   []scanView      `json:"scans" nullable:"false" doc:"Newest first"`
}

func (a *API) getArtifact(ctx context.Context, in *IDInput) (*bodyOutput[artifactDetail], error) {
	t := access.From(ctx).Tenant
	row, err := a.Store.Artifact(ctx, t, in.ID)
	if err != nil {
		return nil, err
	}
	newest, err := a.Store.Scan(ctx, t, row.ScanID)
	if err != nil {
		return nil, err
	}
	scans, err := a.Store.Scans(ctx, t, row.ID)
	if err != nil {
		return nil, err
	}
	out := artifactDetail{artifactView: viewArtifact(row), Verdict: json.RawMessage(newest.Verdict), Scans: []scanView{}}
	for _, s := range scans {
		out.Scans = append(out.Scans, viewScan(s))
	}
	running, err := a.Store.Running(ctx, t, []string{row.Digest})
	if err != nil {
		return nil, err
	}
	out.Running = running[row.Digest]
	return &bodyOutput[artifactDetail]{Body: out}, nil
}

type deleteArtifactInput struct {
	IDInput
	DryInput
}

func (a *API) deleteArtifact(ctx context.Context, in *deleteArtifactInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.Artifact(ctx, t, in.ID)
		if err != nil {
			return err
		}
		if err := c.DeleteArtifact(ctx, t, was.ID); err != nil {
			return err
		}
		return c.record(ctx, "delete", "artifact", was.Name, map[string]any{"digest": was.Digest}, nil)
	})
}

type idPageInput struct {
	IDInput
	PageInput
}

// severityWord gives the severity of a rank.
func severityWord(rank int64) string {
	for _, s := range []finding.Severity{finding.Critical, finding.High, finding.Medium, finding.Low, finding.Negligible} {
		if int64(s.Rank()) == rank {
			return string(s)
		}
	}
	return string(finding.Unknown)
}

type vulnerabilityView struct {
	ID        string    `json:"id"`
	Severity  string    `json:"severity" doc:"The worst that any artefact's publisher gives it"`
	Score     float64   `json:"score"`
	EPSS      float64   `json:"epss"`
	KEV       bool      `json:"kev"`
	Fixable   bool      `json:"fixable" doc:"In some package"`
	Title     string    `json:"title,omitempty"`
	Artifacts int64     `json:"artifacts" doc:"How many have it"`
	FirstSeen time.Time `json:"firstSeen" doc:"In any artefact"`
	Running   int64     `json:"running" doc:"Enforcers that run an image which has it, counted each minute"`
}

func viewVulnerability(v store.Vulnerability) vulnerabilityView {
	return vulnerabilityView{
		ID: v.Vulnerability, Severity: severityWord(v.Severity), Score: v.Score, EPSS: v.EPSS, KEV: v.KEV, Fixable: v.Fixable, Title: v.Title,
		Artifacts: v.Artifacts, FirstSeen: store.Time(v.FirstSeen), Running: v.Running,
	}
}

type workloadView struct {
	EnforcerID  string    `json:"enforcerId"`
	Group       string    `json:"group"`
	Hostname    string    `json:"hostname"`
	Image       string    `json:"image"`
	ImageDigest string    `json:"imageDigest" doc:"Of what was wrapped, by the enforcer's own word"`
	LastSeen    time.Time `json:"lastSeen"`
}

// listVulnerableWorkloads says which enforcers run an image that has it.
func (a *API) listVulnerableWorkloads(ctx context.Context, in *idPageInput) (*listOutput[workloadView], error) {
	t := access.From(ctx).Tenant
	if _, err := a.Store.Vulnerability(ctx, t, in.ID); err != nil {
		return nil, err
	}
	rows, next, err := a.Store.EnforcersOf(ctx, t, in.ID, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, viewWorkload), nil
}

func viewWorkload(e store.Enforcer) workloadView {
	return workloadView{EnforcerID: e.ID, Group: e.GroupName, Hostname: e.Hostname, Image: e.Image, ImageDigest: e.ImageDigest, LastSeen: store.Time(e.LastSeen)}
}
