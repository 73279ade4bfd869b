package api

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
)

// PipelineQuery says which build made a scan.
type PipelineQuery struct {
	System     string `query:"ciSystem" maxLength:"32" doc:"github, gitlab, jenkins, circleci, azure, ..."`
	Repository string `query:"ciRepository" maxLength:"512"`
	Branch     string `query:"ciBranch" maxLength:"256"`
	Commit     string `query:"ciCommit" maxLength:"128"`
	Build      string `query:"ciBuild" maxLength:"256" doc:"Its number or name"`
	BuildURL   string `query:"ciUrl" maxLength:"1024" doc:"Where it can be looked at; only http and https are kept"`
}

func (in PipelineQuery) pipeline() store.Pipeline {
	p := store.Pipeline{System: in.System, Repository: in.Repository, Branch: in.Branch, Commit: in.Commit, Build: in.Build}
	if u, err := url.Parse(in.BuildURL); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
		u.User = nil
		p.URL = u.String()
	}
	return p
}

type scansInput struct {
	PageInput
	Source string `query:"source" enum:"cli,ci,worker,host" default:"ci" doc:"Where the scan was made"`
	Result string `query:"result" enum:"pass,warn,fail"`
	Query  string `query:"query" maxLength:"256" doc:"Part of artefact, repository, branch, commit or build"`
}

func (a *API) listScans(ctx context.Context, in *scansInput) (*listOutput[scanView], error) {
	rows, next, err := a.Store.ScansBySource(ctx, access.From(ctx).Tenant, store.ScanFilter{Source: in.Source, Result: in.Result, Query: in.Query}, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, viewScan), nil
}

type scanDetail struct {
	scanView
	Verdict json.RawMessage `json:"verdict" doc:"What the assurance policies said of it"`
}

func (a *API) getScan(ctx context.Context, in *IDInput) (*bodyOutput[scanDetail], error) {
	s, err := a.Store.Scan(ctx, access.From(ctx).Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[scanDetail]{Body: scanDetail{viewScan(s), json.RawMessage(s.Verdict)}}, nil
}
