package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
)

// maxReportBody bounds the body of a request that holds a report, in bytes.
const maxReportBody = 128 << 20

type assuranceView struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Document    json.RawMessage `json:"document" doc:"The policy as JSON"`
	YAML        string          `json:"yaml" doc:"The policy as its author wrote it"`
	Version     int64           `json:"version" doc:"The ETag without its quotes"`
	CreatedAt   time.Time       `json:"createdAt"`
	UpdatedAt   time.Time       `json:"updatedAt"`
	UpdatedBy   string          `json:"updatedBy"`
}

func viewAssurance(a store.AssurancePolicy) assuranceView {
	var doc struct{ Metadata struct{ Description string } }
	_ = json.Unmarshal([]byte(a.Document), &doc)
	return assuranceView{
		Name: a.Name, Description: doc.Metadata.Description, Document: json.RawMessage(a.Document), YAML: a.YAML, Version: a.Version,
		CreatedAt: store.Time(a.CreatedAt), UpdatedAt: store.Time(a.UpdatedAt), UpdatedBy: a.UpdatedBy,
	}
}

func oneAssurance(a store.AssurancePolicy) *oneOutput[assuranceView] {
	return &oneOutput[assuranceView]{ETag: etag(a.Version), Body: viewAssurance(a)}
}

// assuranceRow reads an assurance policy that was sent.
func assuranceRow(b policyBody) (store.AssurancePolicy, *assurance.Policy, error) {
	text, err := b.text()
	if err != nil {
		return store.AssurancePolicy{}, nil, err
	}
	p, err := assurance.Parse(text)
	if err != nil {
		return store.AssurancePolicy{}, nil, err
	}
	doc, err := json.Marshal(p)
	if err != nil {
		return store.AssurancePolicy{}, nil, fmt.Errorf("cannot write assurance policy as JSON: %w", err)
	}
	source := b.YAML
	if source == "" {
		y, err := p.YAML()
		if err != nil {
			return store.AssurancePolicy{}, nil, fmt.Errorf("cannot write assurance policy as YAML: %w", err)
		}
		source = string(y)
	}
	return store.AssurancePolicy{Name: p.Metadata.Name, YAML: source, Document: string(doc)}, p, nil
}

// assuranceRecord is what the audit record shows of an assurance policy.
func assuranceRecord(a store.AssurancePolicy) map[string]any {
	return map[string]any{"version": a.Version, "yaml": a.YAML}
}

func (a *API) listAssurance(ctx context.Context, in *PageInput) (*listOutput[assuranceView], error) {
	rows, next, err := a.Store.AssurancePolicies(ctx, access.From(ctx).Tenant, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, viewAssurance), nil
}

func (a *API) getAssurance(ctx context.Context, in *NameInput) (*oneOutput[assuranceView], error) {
	row, err := a.Store.AssurancePolicy(ctx, access.From(ctx).Tenant, in.Name)
	if err != nil {
		return nil, err
	}
	return oneAssurance(row), nil
}

func (a *API) postAssurance(ctx context.Context, in *postPolicyInput) (*oneOutput[assuranceView], error) {
	who := access.From(ctx)
	row, _, err := assuranceRow(in.Body)
	if err != nil {
		return nil, err
	}
	row.UpdatedBy = who.Name
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		if row, err = c.AddAssurancePolicy(ctx, who.Tenant, row); err != nil {
			return err
		}
		return c.record(ctx, "create", "assurance policy", row.Name, nil, assuranceRecord(row))
	})
	if err != nil {
		return nil, err
	}
	return oneAssurance(row), nil
}

func (a *API) putAssurance(ctx context.Context, in *putPolicyInput) (*oneOutput[assuranceView], error) {
	who := access.From(ctx)
	row, _, err := assuranceRow(in.Body)
	if err != nil {
		return nil, err
	}
	if row.Name != in.Name {
		return nil, huma.NewError(http.StatusUnprocessableEntity, fmt.Sprintf("the policy is named %q, the path says %q; a policy cannot be renamed", row.Name, in.Name))
	}
	row.UpdatedBy = who.Name
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.AssurancePolicy(ctx, who.Tenant, in.Name)
		if err != nil {
			return err
		}
		if err := in.check(was.Version); err != nil {
			return err
		}
		if was.YAML == row.YAML && was.Document == row.Document {
			row = was
			return nil
		}
		row.Version, row.CreatedAt = was.Version, was.CreatedAt
		if row, err = c.SetAssurancePolicy(ctx, who.Tenant, row); err != nil {
			return err
		}
		return c.record(ctx, "update", "assurance policy", row.Name, assuranceRecord(was), assuranceRecord(row))
	})
	if err != nil {
		return nil, err
	}
	return oneAssurance(row), nil
}

func (a *API) deleteAssurance(ctx context.Context, in *deleteNamedInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.AssurancePolicy(ctx, t, in.Name)
		if err != nil {
			return err
		}
		if err := in.checkIfGiven(was.Version); err != nil {
			return err
		}
		if err := c.DeleteAssurancePolicy(ctx, t, was.Name, was.Version); err != nil {
			return err
		}
		return c.record(ctx, "delete", "assurance policy", was.Name, assuranceRecord(was), nil)
	})
}

type checkInput struct {
	Reference string          `query:"reference" maxLength:"1024" doc:"Judge it as this image reference; the report's own name if left out"`
	Policies  []string        `query:"policy" maxItems:"100" doc:"Only these policies; every one whose scope it is in if left out"`
	Body      json.RawMessage `doc:"A report: what limpet scan --format json writes"`
}

// checkReport judges a report by the tenant's policies and keeps nothing.
func (a *API) checkReport(ctx context.Context, in *checkInput) (*bodyOutput[assurance.Verdict], error) {
	report, err := assurance.ReadReport(in.Body)
	if err != nil {
		return nil, huma.NewError(http.StatusUnprocessableEntity, err.Error())
	}
	v, err := inventory.Judge(ctx, a.Store.Reader, access.From(ctx).Tenant, report, in.Reference, store.Now(), in.Policies)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[assurance.Verdict]{Body: v}, nil
}

func (a *API) getAssuranceSchema(context.Context, *struct{}) (*bodyOutput[json.RawMessage], error) {
	return &bodyOutput[json.RawMessage]{Body: assurance.JSONSchema()}, nil
}
