package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
)

const (
	// maxTestsBody bounds the body of a request that holds tests with their reports, in bytes.
	maxTestsBody = inventory.MaxTestReports + 2<<20
	// maxFailedShown is how many failing tests an answer or an audit record names.
	maxFailedShown = 50
)

// FailingInput lets a change be kept whose tests fail.
type FailingInput struct {
	AllowFailing bool `query:"allowFailingTests" doc:"Save all the same where tests of the policy fail; the audit record names them"`
}

type keptTestsView struct {
	Policy    string              `json:"policy"`
	YAML      string              `json:"yaml" doc:"The tests as their author wrote them"`
	Reports   []string            `json:"reports" nullable:"false" doc:"Reports that are kept with them"`
	Tests     []assurance.Outcome `json:"tests" nullable:"false" doc:"How they go with the policy as it stands"`
	Version   int64               `json:"version" doc:"The ETag without its quotes"`
	UpdatedAt time.Time           `json:"updatedAt"`
	UpdatedBy string              `json:"updatedBy"`
}

// compiledPolicy gives an assurance policy as it stands.
func (a *API) compiledPolicy(ctx context.Context, name string) (*assurance.Compiled, error) {
	row, err := a.Store.PolicyOf(ctx, access.From(ctx).Tenant, store.AssurancePolicies, name)
	if err != nil {
		return nil, err
	}
	p, err := assurance.Parse([]byte(row.Document))
	if err != nil {
		return nil, fmt.Errorf("cannot read assurance policy %q: %w", name, err)
	}
	return assurance.Compile(p)
}

// runKept runs tests as they are kept.
func runKept(ctx context.Context, row store.AssuranceTests, p *assurance.Compiled) (inventory.TestReports, []assurance.Outcome, error) {
	suite, err := inventory.ParseTests(row.YAML)
	if err != nil {
		return nil, nil, err
	}
	reports, err := inventory.UnpackTests(row)
	if err != nil {
		return nil, nil, err
	}
	out, err := inventory.RunTests(ctx, suite, reports, p)
	return reports, out, err
}

func (a *API) viewTests(ctx context.Context, row store.AssuranceTests) (*oneOutput[keptTestsView], error) {
	p, err := a.compiledPolicy(ctx, row.Policy)
	if err != nil {
		return nil, err
	}
	reports, outcomes, err := runKept(ctx, row, p)
	if err != nil {
		return nil, err
	}
	v := keptTestsView{Policy: row.Policy, YAML: row.YAML, Reports: []string{}, Tests: orEmpty(outcomes), Version: row.Version, UpdatedAt: store.Time(row.UpdatedAt), UpdatedBy: row.UpdatedBy}
	v.Reports = slices.AppendSeq(v.Reports, maps.Keys(reports))
	slices.Sort(v.Reports)
	return &oneOutput[keptTestsView]{ETag: etag(row.Version), Body: v}, nil
}

func (a *API) getTests(ctx context.Context, in *NameInput) (*oneOutput[keptTestsView], error) {
	row, err := a.Store.AssuranceTests(ctx, access.From(ctx).Tenant, in.Name)
	if err != nil {
		return nil, err
	}
	return a.viewTests(ctx, row)
}

type putTestsInput struct {
	NameInput
	DryInput
	MatchInput
	FailingInput
	Body struct {
		YAML    string                     `json:"yaml" maxLength:"1048576" doc:"A file of tests (kind AssuranceTest) of this one policy"`
		Reports map[string]json.RawMessage `json:"reports,omitempty" doc:"Their reports, by the name that the tests give them. What is not sent is taken from those that are kept, else from the inventory: an artefact's name or identifier"`
	}
}

// putTests keeps tests with a policy. They must pass on it as it stands.
func (a *API) putTests(ctx context.Context, in *putTestsInput) (*oneOutput[keptTestsView], error) {
	who := access.From(ctx)
	draft, err := a.compiledPolicy(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	suite, err := inventory.ParseTests(in.Body.YAML)
	if err != nil {
		return nil, err
	}
	was, err := a.Store.AssuranceTests(ctx, who.Tenant, in.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if was.Version > 0 {
		if err := in.check(was.Version); err != nil {
			return nil, err
		}
	}
	reports, err := a.testReports(ctx, suite, in.Body.Reports, was)
	if err != nil {
		return nil, err
	}
	outcomes, err := inventory.RunTests(ctx, suite, reports, draft)
	if err != nil {
		return nil, err
	}
	failed, err := judgeTests(outcomes, in.AllowFailing)
	if err != nil {
		return nil, err
	}
	row := store.AssuranceTests{Policy: in.Name, YAML: in.Body.YAML, Version: was.Version, UpdatedBy: who.Name}
	if row.Reports, row.Digest, err = reports.Pack(); err != nil {
		return nil, err
	}
	if row.YAML == was.YAML && row.Digest == was.Digest {
		return a.viewTests(ctx, was)
	}
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		if row, err = c.PutAssuranceTests(ctx, who.Tenant, row); err != nil {
			return err
		}
		return c.record(ctx, "update", "tests of assurance policy", row.Policy, testsRecord(was, nil), testsRecord(row, failed))
	})
	if err != nil {
		return nil, err
	}
	return a.viewTests(ctx, row)
}

// testReports finds what tests judge: sent, kept, or in the inventory.
func (a *API) testReports(ctx context.Context, s *assurance.Suite, sent inventory.TestReports, was store.AssuranceTests) (inventory.TestReports, error) {
	var kept inventory.TestReports
	var err error
	if was.Version > 0 {
		if kept, err = inventory.UnpackTests(was); err != nil {
			return nil, err
		}
	}
	out, size := inventory.TestReports{}, 0
	for _, t := range s.Tests {
		if _, ok := out[t.Report]; ok {
			continue
		}
		data, ok := sent[t.Report]
		if !ok {
			data, ok = kept[t.Report]
		}
		if !ok {
			if data, err = a.keptReport(ctx, t.Report); err != nil {
				return nil, err
			}
		}
		if _, err := assurance.ReadReport(data); err != nil {
			return nil, huma.NewError(http.StatusUnprocessableEntity, fmt.Sprintf("%s: %v", t.Report, err))
		}
		out[t.Report] = data
		if size += len(data); size > inventory.MaxTestReports {
			return nil, huma.NewError(http.StatusUnprocessableEntity, fmt.Sprintf("the reports of the tests have more than %d bytes", inventory.MaxTestReports))
		}
	}
	return out, nil
}

func (a *API) keptReport(ctx context.Context, name string) (json.RawMessage, error) {
	t := access.From(ctx).Tenant
	row, err := a.Store.ArtifactNamed(ctx, t, name)
	if err != nil {
		return nil, err
	}
	r, err := inventory.Read(ctx, a.Store.Reader, t, row.ScanID)
	if err != nil {
		return nil, err
	}
	r.Artifact.Name = row.Name
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("cannot keep report: %w", err)
	}
	return data, nil
}

func (a *API) deleteTests(ctx context.Context, in *deleteNamedInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.AssuranceTests(ctx, t, in.Name)
		if err != nil {
			return err
		}
		if err := in.checkIfGiven(was.Version); err != nil {
			return err
		}
		if err := c.DeleteAssuranceTests(ctx, t, in.Name); err != nil {
			return err
		}
		return c.record(ctx, "delete", "tests of assurance policy", was.Policy, testsRecord(was, nil), nil)
	})
}

// testsRecord is what the audit record shows of tests: not their reports.
func testsRecord(row store.AssuranceTests, failed []string) any {
	if row.Version == 0 {
		return nil
	}
	out := map[string]any{"version": row.Version, "yaml": row.YAML, "reports": row.Digest}
	if len(failed) > 0 {
		out["failedTests"] = failed
	}
	return out
}

// tested runs the tests that are kept with an assurance policy on what is to
// take its place, and gives those that fail, where they may.
func (k policyKind) tested(ctx context.Context, a *API, name string, doc document, allow bool) ([]string, error) {
	p, ok := doc.(*assurance.Policy)
	if !ok {
		return nil, nil
	}
	row, err := a.Store.AssuranceTests(ctx, access.From(ctx).Tenant, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	draft, err := assurance.Compile(p)
	if err != nil {
		return nil, huma.NewError(http.StatusUnprocessableEntity, err.Error())
	}
	_, outcomes, err := runKept(ctx, row, draft)
	if err != nil {
		return nil, err
	}
	return judgeTests(outcomes, allow)
}

// judgeTests refuses where tests fail, and names them.
func judgeTests(outcomes []assurance.Outcome, allow bool) (failed []string, err error) {
	var details []error
	n := 0
	for _, o := range outcomes {
		if len(o.Problems) == 0 {
			continue
		}
		if n++; n > maxFailedShown {
			continue
		}
		failed = append(failed, o.Name+": "+o.Problems[0])
		for _, p := range o.Problems[:min(len(o.Problems), 10)] {
			details = append(details, &huma.ErrorDetail{Location: "tests/" + o.Name, Message: p})
		}
	}
	if n == 0 || allow {
		return failed, nil
	}
	return nil, huma.NewError(http.StatusUnprocessableEntity, fmt.Sprintf("%d of %d tests of the policy fail; nothing was saved", n, len(outcomes)), details...)
}
