package api

import (
	"context"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/finding"
)

// ArtifactQuery narrows a list of artefacts.
type ArtifactQuery struct {
	Kind          string `query:"kind" enum:"image,rootfs,host,function,vm,sbom"`
	Result        string `query:"result" enum:"pass,warn,fail"`
	Repository    string `query:"repository" maxLength:"512" doc:"Of images: the name without tag and digest"`
	Digest        string `query:"digest" maxLength:"128"`
	Severity      string `query:"severity" enum:"critical,high,medium,low" doc:"That has vulnerabilities of it"`
	Query         string `query:"query" maxLength:"256" doc:"Part of the name"`
	Vulnerability string `query:"vulnerability" maxLength:"128" doc:"That it has"`
	Package       string `query:"package" maxLength:"256" doc:"That it has, by name"`
	Running       bool   `query:"running" doc:"Only what enforcers run"`
	Sort          string `query:"sort" enum:"scanned,risk" default:"scanned" doc:"What comes first: the last scanned, or the riskiest"`
}

func (in ArtifactQuery) filter() store.ArtifactFilter {
	return store.ArtifactFilter{
		Kind: in.Kind, Result: in.Result, Repository: in.Repository, Digest: in.Digest, Severity: in.Severity, Query: in.Query,
		Vulnerability: in.Vulnerability, Package: in.Package, Running: in.Running, ByRisk: in.Sort == "risk",
	}
}

type artifactsInput struct {
	PageInput
	ArtifactQuery
}

func (a *API) listArtifacts(ctx context.Context, in *artifactsInput) (*listOutput[artifactView], error) {
	t := access.From(ctx).Tenant
	rows, next, err := a.Store.Artifacts(ctx, t, in.filter(), in.page())
	if err != nil {
		return nil, err
	}
	out := newList(rows, next, viewArtifact)
	digests := make([]string, len(rows))
	for i, r := range rows {
		digests[i] = r.Digest
	}
	running, err := a.Store.Running(ctx, t, digests)
	if err != nil {
		return nil, err
	}
	for i := range out.Body.Items {
		out.Body.Items[i].Running = running[out.Body.Items[i].Digest]
	}
	return out, nil
}

type repositoryView struct {
	Name      string       `json:"name"`
	Artifacts int64        `json:"artifacts"`
	Failing   int64        `json:"failing" doc:"Images whose newest verdict is fail"`
	Newest    artifactView `json:"newest" doc:"The image that was scanned last"`
}

type repositoriesInput struct {
	PageInput
	Query string `query:"query" maxLength:"256" doc:"Part of the name"`
}

func (a *API) listRepositories(ctx context.Context, in *repositoriesInput) (*listOutput[repositoryView], error) {
	t := access.From(ctx).Tenant
	rows, next, err := a.Store.Repositories(ctx, t, in.Query, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, func(r store.RepositoryRow) repositoryView {
		return repositoryView{Name: r.Repository, Artifacts: r.Artifacts, Failing: r.Failing, Newest: viewArtifact(r.Newest)}
	}), nil
}

type foundView struct {
	ID             string    `json:"id"`
	Severity       string    `json:"severity"`
	PackageID      string    `json:"packageId"`
	Package        string    `json:"package"`
	PackageVersion string    `json:"packageVersion"`
	PackageType    string    `json:"packageType"`
	FixedVersion   string    `json:"fixedVersion,omitempty"`
	Score          float64   `json:"score"`
	EPSS           float64   `json:"epss"`
	KEV            bool      `json:"kev"`
	Title          string    `json:"title,omitempty"`
	Layer          int64     `json:"layer" doc:"That brought it, from 0; -1: not known"`
	FirstSeen      time.Time `json:"firstSeen" doc:"In this artefact"`
}

type usedFoundView struct {
	foundView
	InUse string `json:"inUse" enum:"yes,notSeen,unknown" doc:"Whether learned profiles show workloads of the image to use the package"`
}

func viewFound(v store.ArtifactVulnerability) foundView {
	return foundView{
		ID: v.Vulnerability, Severity: severityWord(v.Severity), PackageID: v.PackageID, Package: v.Package, PackageVersion: v.PackageVersion, PackageType: v.PackageType,
		FixedVersion: v.FixedVersion, Score: v.Score, EPSS: v.EPSS, KEV: v.KEV, Title: v.Title, Layer: v.Layer, FirstSeen: store.Time(v.FirstSeen),
	}
}

// SeverityQuery narrows a list of vulnerabilities.
type SeverityQuery struct {
	Severity string `query:"severity" enum:"critical,high,medium,low,negligible,unknown"`
	KEV      bool   `query:"kev" doc:"Only those known to be exploited"`
	Fixable  bool   `query:"fixable" doc:"Only those with a fixed version"`
}

// rank is the severity's, -1 for any.
func (in SeverityQuery) rank() int64 {
	if in.Severity == "" {
		return -1
	}
	return int64(finding.Severity(in.Severity).Rank())
}

type foundInput struct {
	IDInput
	PageInput
	SeverityQuery
	Layer int64  `query:"layer" default:"-1" doc:"Only what this layer brought; -1: any"`
	Query string `query:"query" maxLength:"256" doc:"Part of the identifier or of the package's name"`
	UseQuery
}

func (a *API) listArtifactVulnerabilities(ctx context.Context, in *foundInput) (*listOutput[usedFoundView], error) {
	t := access.From(ctx).Tenant
	usage, err := a.usage(ctx, t, in.ID)
	if err != nil {
		return nil, err
	}
	f := store.FoundFilter{Severity: in.rank(), KEV: in.KEV, Fixable: in.Fixable, Layer: in.Layer, Query: in.Query, Packages: in.packages(usage)}
	rows, next, err := a.Store.ArtifactVulnerabilities(ctx, t, in.ID, f, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, func(v store.ArtifactVulnerability) usedFoundView {
		use, _ := usage.Of(v.PackageID)
		return usedFoundView{viewFound(v), string(use)}
	}), nil
}

type packageView struct {
	ID              string `json:"id"`
	Name            string `json:"name"`
	Version         string `json:"version"`
	Type            string `json:"type"`
	PURL            string `json:"purl,omitempty"`
	Licences        string `json:"licences,omitempty"`
	Owner           string `json:"owner,omitempty" doc:"The distribution's package that installed it"`
	Path            string `json:"path,omitempty" doc:"The first of its places"`
	Layer           int64  `json:"layer" doc:"That brought it, from 0; -1: not known"`
	Vulnerabilities int64  `json:"vulnerabilities"`
	useView
}

type packagesInput struct {
	IDInput
	PageInput
	Type  string `query:"type" maxLength:"32" doc:"deb, npm, ..."`
	Query string `query:"query" maxLength:"256" doc:"Part of the name"`
	UseQuery
}

func (a *API) listArtifactPackages(ctx context.Context, in *packagesInput) (*listOutput[packageView], error) {
	t := access.From(ctx).Tenant
	usage, err := a.usage(ctx, t, in.ID)
	if err != nil {
		return nil, err
	}
	rows, next, err := a.Store.ArtifactPackages(ctx, t, in.ID, store.PackageFilter{Type: in.Type, Query: in.Query, Packages: in.packages(usage)}, in.page())
	if err != nil {
		return nil, err
	}
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.Package
	}
	have, err := a.Store.PackageVulnerabilities(ctx, t, in.ID, names)
	if err != nil {
		return nil, err
	}
	return newList(rows, next, func(p store.ArtifactPackage) packageView {
		return packageView{
			ID: p.PackageID, Name: p.Package, Version: p.PackageVersion, Type: p.PackageType, PURL: p.PURL, Licences: p.Licences, Owner: p.Owner,
			Path: p.Path, Layer: p.Layer, Vulnerabilities: have[p.PackageID], useView: viewUse(usage, p.PackageID),
		}
	}), nil
}

// listArtifactWorkloads says which enforcers run an artefact.
func (a *API) listArtifactWorkloads(ctx context.Context, in *idPageInput) (*listOutput[workloadView], error) {
	t := access.From(ctx).Tenant
	row, err := a.Store.Artifact(ctx, t, in.ID)
	if err != nil {
		return nil, err
	}
	rows, next, err := a.Store.EnforcersOfDigest(ctx, t, row.Digest, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, viewWorkload), nil
}
