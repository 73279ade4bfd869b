package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
)

// maxReportBody bounds the body of a request that holds a report, in bytes.
const maxReportBody = 128 << 20

type checkInput struct {
	Reference string          `query:"reference" maxLength:"1024" doc:"Judge it as this image reference; the report's own name if left out"`
	Policies  []string        `query:"policy" maxItems:"100" doc:"Only these policies; every one whose scope it is in if left out"`
	Stage     string          `query:"stage" enum:"pipeline,registry,admission,runtime" default:"pipeline" doc:"Where it is judged"`
	Code      string          `query:"code" maxLength:"128" doc:"Digest of a function's code as it is deployed now: sha256:..."`
	Body      json.RawMessage `doc:"A report: what limpet scan --format json writes"`
}

// checkReport judges a report by the tenant's policies and keeps nothing.
func (a *API) checkReport(ctx context.Context, in *checkInput) (*bodyOutput[assurance.Verdict], error) {
	report, err := assurance.ReadReport(in.Body)
	if err != nil {
		return nil, huma.NewError(http.StatusUnprocessableEntity, err.Error())
	}
	rules, err := inventory.LoadRules(ctx, a.Store.Reader, access.From(ctx).Tenant, in.Policies)
	if err != nil {
		return nil, err
	}
	v, err := rules.JudgeCode(ctx, report, in.Reference, store.Now(), assurance.Stage(in.Stage), in.Code)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[assurance.Verdict]{Body: v}, nil
}

func (a *API) getAssuranceSchema(context.Context, *struct{}) (*bodyOutput[json.RawMessage], error) {
	return &bodyOutput[json.RawMessage]{Body: assurance.JSONSchema()}, nil
}

// getAssuranceControls describes what an assurance policy can say, for forms.
func (a *API) getAssuranceControls(context.Context, *struct{}) (*bodyOutput[json.RawMessage], error) {
	b, err := json.Marshal(map[string]any{
		"items": assurance.Registry(), "spec": assurance.SpecFields(), "exceptions": assurance.ExceptionFields(), "accept": assurance.AcceptFields(),
		"vocabulary": assurance.Vocabulary(),
	})
	if err != nil {
		return nil, fmt.Errorf("cannot write controls: %w", err)
	}
	return &bodyOutput[json.RawMessage]{Body: b}, nil
}
