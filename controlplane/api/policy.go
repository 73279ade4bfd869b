package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/policy/platform"
)

// parse reads a runtime policy that was sent.
func (b policyBody) parse() (store.Policy, *policy.RuntimePolicy, error) {
	row, doc, err := runtimePolicies.row(b)
	if err != nil {
		return row, nil, err
	}
	return row, doc.(*policy.RuntimePolicy), nil
}

// policyRow writes a parsed policy as a row; source is the author's text, or
// "" to write one.
func policyRow(p *policy.RuntimePolicy, source string) (store.Policy, error) {
	yaml, data, err := bothTexts(p, source)
	return store.Policy{Name: p.Metadata.Name, YAML: yaml, Document: data}, err
}

func (a *API) getControls(context.Context, *struct{}) (*bodyOutput[json.RawMessage], error) {
	b, err := json.Marshal(map[string]any{"items": policy.Registry(), "exceptions": policy.ExceptionFields()})
	if err != nil {
		return nil, fmt.Errorf("cannot write controls: %w", err)
	}
	return &bodyOutput[json.RawMessage]{Body: b}, nil
}

func (a *API) getPlatforms(context.Context, *struct{}) (*bodyOutput[platform.Table], error) {
	return &bodyOutput[platform.Table]{Body: platform.Known()}, nil
}

func (a *API) getPolicySchema(context.Context, *struct{}) (*bodyOutput[json.RawMessage], error) {
	return &bodyOutput[json.RawMessage]{Body: policy.JSONSchema()}, nil
}
