package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
)

// simulateAssuranceTime bounds one page of a simulation.
const simulateAssuranceTime = 8 * time.Second

type simulateAssuranceInput struct {
	Body struct {
		PolicyText
		Cursor string `json:"cursor,omitempty" maxLength:"64" doc:"nextCursor of the page before"`
	}
}

type simulatedArtifact struct {
	ID        string                `json:"id"`
	Kind      string                `json:"kind"`
	Name      string                `json:"name"`
	Digest    string                `json:"digest,omitempty"`
	Before    string                `json:"before" enum:"pass,warn,fail" doc:"With the policies as they stand, judged now"`
	After     string                `json:"after" enum:"pass,warn,fail" doc:"With the draft"`
	New       []assurance.Violation `json:"new" nullable:"false" doc:"What the draft says and the policy did not; a few findings of each"`
	Gone      []assurance.Violation `json:"gone" nullable:"false" doc:"What the policy said and the draft does not"`
	Running   int                   `json:"running" doc:"Workloads that run it, if it would fail"`
	Workloads []workloadView        `json:"workloads" nullable:"false" doc:"Some of them"`
}

type simulatedControl struct {
	Control string `json:"control"`
	Before  int    `json:"before" doc:"Artefacts that violate it now"`
	After   int    `json:"after" doc:"With the draft"`
	New     int    `json:"new" doc:"That did not before"`
}

type unscannedView struct {
	Image     string `json:"image"`
	Digest    string `json:"digest,omitempty"`
	Enforcers int64  `json:"enforcers"`
}

type assuranceSimulation struct {
	Judged     int                 `json:"judged" doc:"Reports judged on this page"`
	OutOfScope int                 `json:"outOfScope" doc:"Artefacts that the draft is not for"`
	Unread     int                 `json:"unread" doc:"Artefacts whose report could not be read"`
	Total      *int                `json:"total,omitempty" doc:"Artefacts in all; first page only"`
	Changes    []simulatedArtifact `json:"changes" nullable:"false"`
	Controls   []simulatedControl  `json:"controls" nullable:"false" doc:"Of this page"`
	Unscanned  []unscannedView     `json:"unscanned" nullable:"false" doc:"Images that run and of which no report is kept: nobody can say what would become of them; first page only"`
	NextCursor string              `json:"nextCursor,omitempty"`
}

// simulateAssurance judges kept reports with a draft of a policy, page by page.
func (a *API) simulateAssurance(ctx context.Context, in *simulateAssuranceInput) (*bodyOutput[assuranceSimulation], error) {
	t := access.From(ctx).Tenant
	_, doc, err := assurancePolicies.row(in.Body.PolicyText)
	if err != nil {
		return nil, err
	}
	draft, err := assurance.Compile(doc.(*assurance.Policy))
	if err != nil {
		return nil, huma.NewError(http.StatusUnprocessableEntity, err.Error())
	}
	s, err := inventory.Simulate(ctx, a.Store.Reader, t, draft, in.Body.Cursor, simulateAssuranceTime)
	if err != nil {
		return nil, err
	}
	out := assuranceSimulation{
		Judged: s.Judged, OutOfScope: s.OutOfScope, Unread: s.Unread, NextCursor: s.Next,
		Changes: []simulatedArtifact{}, Controls: []simulatedControl{}, Unscanned: []unscannedView{},
	}
	if in.Body.Cursor == "" {
		n, err := a.Store.CountArtifacts(ctx, t)
		if err != nil {
			return nil, err
		}
		out.Total = &n
	}
	for _, c := range s.Changes {
		v := simulatedArtifact{
			ID: c.Artifact.ID, Kind: c.Artifact.Kind, Name: c.Artifact.Name, Digest: c.Artifact.Digest, Before: string(c.Before), After: string(c.After),
			New: orEmpty(c.New), Gone: orEmpty(c.Gone), Running: c.Running, Workloads: []workloadView{},
		}
		for _, e := range c.Workloads {
			v.Workloads = append(v.Workloads, viewWorkload(e))
		}
		out.Changes = append(out.Changes, v)
	}
	for _, c := range s.Controls {
		out.Controls = append(out.Controls, simulatedControl{string(c.Control), c.Before, c.After, c.New})
	}
	for _, u := range s.Unscanned {
		out.Unscanned = append(out.Unscanned, unscannedView{u.Image, u.Digest, u.Enforcers})
	}
	return &bodyOutput[assuranceSimulation]{Body: out}, nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

type testAssuranceInput struct {
	Body struct {
		PolicyText
		Tests string `json:"tests" maxLength:"1048576" doc:"A file of tests (kind AssuranceTest) whose reports are artefacts of the inventory, by name or identifier"`
	}
}

type testedPolicy struct {
	Tests []assurance.Outcome `json:"tests" nullable:"false"`
}

// testAssurance runs a file of tests on a draft: with the reports that are kept
// with the policy of its name, else with the inventory's.
func (a *API) testAssurance(ctx context.Context, in *testAssuranceInput) (*bodyOutput[testedPolicy], error) {
	t := access.From(ctx).Tenant
	_, doc, err := assurancePolicies.row(in.Body.PolicyText)
	if err != nil {
		return nil, err
	}
	draft, err := assurance.Compile(doc.(*assurance.Policy))
	if err != nil {
		return nil, huma.NewError(http.StatusUnprocessableEntity, err.Error())
	}
	suite, err := assurance.ParseSuite([]byte(in.Body.Tests))
	if err != nil {
		return nil, err
	}
	was, err := a.Store.AssuranceTests(ctx, t, draft.Policy().Metadata.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	reports, err := a.testReports(ctx, suite, nil, was)
	if err != nil {
		return nil, err
	}
	out := testedPolicy{}
	if out.Tests, err = inventory.RunTests(ctx, suite, reports, draft); err != nil {
		return nil, err
	}
	for i := range out.Tests {
		out.Tests[i].Problems = orEmpty(out.Tests[i].Problems)
	}
	return &bodyOutput[testedPolicy]{Body: out}, nil
}
