package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/policy/platform"
)

type policyView struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Document    json.RawMessage `json:"document" doc:"The policy as JSON"`
	YAML        string          `json:"yaml" doc:"The policy as its author wrote it"`
	Revision    int64           `json:"revision" doc:"The ETag without its quotes"`
	CreatedAt   *time.Time      `json:"createdAt,omitempty"`
	UpdatedAt   time.Time       `json:"updatedAt"`
	UpdatedBy   string          `json:"updatedBy"`
	Groups      []string        `json:"groups" nullable:"false" doc:"Where it is assigned"`
}

func viewPolicy(p store.Policy, groups []string) policyView {
	var doc struct{ Metadata struct{ Description string } }
	_ = json.Unmarshal([]byte(p.Document), &doc)
	if groups == nil {
		groups = []string{}
	}
	return policyView{
		Name: p.Name, Description: doc.Metadata.Description, Document: json.RawMessage(p.Document), YAML: p.YAML, Revision: p.Revision,
		CreatedAt: when(p.CreatedAt), UpdatedAt: store.Time(p.UpdatedAt), UpdatedBy: p.UpdatedBy, Groups: groups,
	}
}

// policyBody is a policy as a person sends it: as text or as a document.
type policyBody struct {
	YAML     string          `json:"yaml,omitempty" maxLength:"1048576"`
	Document json.RawMessage `json:"document,omitempty"`
}

// text gives whichever of the two was sent.
func (b policyBody) text() ([]byte, error) {
	text := []byte(b.YAML)
	if b.YAML == "" {
		text = b.Document
	} else if len(b.Document) > 0 && string(b.Document) != "null" {
		return nil, huma.NewError(http.StatusUnprocessableEntity, "send yaml or document, not both")
	}
	if len(text) == 0 {
		return nil, huma.NewError(http.StatusUnprocessableEntity, "send the policy as yaml or as document")
	}
	return text, nil
}

// parse reads what was sent.
func (b policyBody) parse() (store.Policy, *policy.RuntimePolicy, error) {
	text, err := b.text()
	if err != nil {
		return store.Policy{}, nil, err
	}
	p, err := policy.Parse(text)
	if err != nil {
		return store.Policy{}, nil, err
	}
	row, err := policyRow(p, b.YAML)
	return row, p, err
}

// policyRow writes a parsed policy as a row; source is the author's text, or
// "" to write one.
func policyRow(p *policy.RuntimePolicy, source string) (store.Policy, error) {
	doc, err := json.Marshal(p)
	if err != nil {
		return store.Policy{}, fmt.Errorf("cannot write policy as JSON: %w", err)
	}
	if source == "" {
		y, err := p.YAML()
		if err != nil {
			return store.Policy{}, fmt.Errorf("cannot write policy as YAML: %w", err)
		}
		source = string(y)
	}
	return store.Policy{Name: p.Metadata.Name, YAML: source, Document: string(doc)}, nil
}

func (a *API) listPolicies(ctx context.Context, in *PageInput) (*listOutput[policyView], error) {
	t := access.From(ctx).Tenant
	rows, next, err := a.Store.Policies(ctx, t, in.page())
	if err != nil {
		return nil, err
	}
	groups := map[string][]string{}
	for _, p := range rows {
		if groups[p.Name], err = a.Store.GroupsOfPolicy(ctx, t, p.Name); err != nil {
			return nil, err
		}
	}
	return newList(rows, next, func(p store.Policy) policyView { return viewPolicy(p, groups[p.Name]) }), nil
}

func (a *API) onePolicy(ctx context.Context, p store.Policy) (*oneOutput[policyView], error) {
	groups, err := a.Store.GroupsOfPolicy(ctx, access.From(ctx).Tenant, p.Name)
	if err != nil {
		return nil, err
	}
	return &oneOutput[policyView]{ETag: etag(p.Revision), Body: viewPolicy(p, groups)}, nil
}

func (a *API) getPolicy(ctx context.Context, in *NameInput) (*oneOutput[policyView], error) {
	p, err := a.Store.Policy(ctx, access.From(ctx).Tenant, in.Name)
	if err != nil {
		return nil, err
	}
	return a.onePolicy(ctx, p)
}

type postPolicyInput struct {
	DryInput
	Body policyBody
}

func (a *API) postPolicy(ctx context.Context, in *postPolicyInput) (*oneOutput[policyView], error) {
	who := access.From(ctx)
	row, _, err := in.Body.parse()
	if err != nil {
		return nil, err
	}
	row.UpdatedBy = who.Name
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		if row, err = c.AddPolicy(ctx, who.Tenant, row); err != nil {
			return err
		}
		return c.record(ctx, "create", "policy", row.Name, nil, map[string]any{"revision": row.Revision, "yaml": row.YAML})
	})
	if err != nil {
		return nil, err
	}
	return a.onePolicy(ctx, row)
}

type putPolicyInput struct {
	NameInput
	DryInput
	MatchInput
	Body policyBody
}

func (a *API) putPolicy(ctx context.Context, in *putPolicyInput) (*oneOutput[policyView], error) {
	who := access.From(ctx)
	row, _, err := in.Body.parse()
	if err != nil {
		return nil, err
	}
	if row.Name != in.Name {
		return nil, huma.NewError(http.StatusUnprocessableEntity, fmt.Sprintf("the policy is named %q, the path says %q; a policy cannot be renamed", row.Name, in.Name))
	}
	row.UpdatedBy = who.Name
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.Policy(ctx, who.Tenant, in.Name)
		if err != nil {
			return err
		}
		if err := in.check(was.Revision); err != nil {
			return err
		}
		if was.YAML == row.YAML && was.Document == row.Document {
			row = was
			return nil
		}
		row.Revision, row.CreatedAt = was.Revision, was.CreatedAt
		if row, err = c.SetPolicy(ctx, who.Tenant, row); err != nil {
			return err
		}
		groups, err := c.GroupsOfPolicy(ctx, who.Tenant, row.Name)
		if err != nil {
			return err
		}
		c.publish(groups...)
		return c.record(ctx, "update", "policy", row.Name,
			map[string]any{"revision": was.Revision, "yaml": was.YAML}, map[string]any{"revision": row.Revision, "yaml": row.YAML})
	})
	if err != nil {
		return nil, err
	}
	return a.onePolicy(ctx, row)
}

func (a *API) deletePolicy(ctx context.Context, in *deleteNamedInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.Policy(ctx, t, in.Name)
		if err != nil {
			return err
		}
		if err := in.checkIfGiven(was.Revision); err != nil {
			return err
		}
		if err := c.DeletePolicy(ctx, t, was.Name, was.Revision); err != nil {
			return err
		}
		return c.record(ctx, "delete", "policy", was.Name, map[string]any{"revision": was.Revision, "yaml": was.YAML}, nil)
	})
}

type validateView struct {
	Valid    bool            `json:"valid"`
	Errors   []policy.Error  `json:"errors" nullable:"false"`
	Document json.RawMessage `json:"document,omitempty" doc:"The policy as JSON, if it is valid"`
	YAML     string          `json:"yaml,omitempty" doc:"The policy as YAML, if it is valid"`
}

type validateInput struct{ Body policyBody }

func (a *API) validatePolicy(_ context.Context, in *validateInput) (*bodyOutput[validateView], error) {
	row, _, err := in.Body.parse()
	var list policy.Errors
	switch {
	case errors.As(err, &list):
		return &bodyOutput[validateView]{Body: validateView{Errors: list}}, nil
	case err != nil:
		return nil, err
	}
	return &bodyOutput[validateView]{Body: validateView{
		Valid: true, Errors: []policy.Error{}, Document: json.RawMessage(row.Document), YAML: row.YAML,
	}}, nil
}

type revisionView struct {
	Revision  int64           `json:"revision"`
	YAML      string          `json:"yaml"`
	Document  json.RawMessage `json:"document"`
	UpdatedAt time.Time       `json:"updatedAt"`
	UpdatedBy string          `json:"updatedBy"`
}

type revisionsInput struct {
	NameInput
	PageInput
}

func (a *API) listRevisions(ctx context.Context, in *revisionsInput) (*listOutput[revisionView], error) {
	rows, next, err := a.Store.PolicyRevisions(ctx, access.From(ctx).Tenant, in.Name, in.page())
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && in.Cursor == "" {
		return nil, fmt.Errorf("policy %q: %w", in.Name, store.ErrNotFound)
	}
	return newList(rows, next, func(r store.PolicyRevision) revisionView {
		return revisionView{Revision: r.Revision, YAML: r.YAML, Document: json.RawMessage(r.Document), UpdatedAt: store.Time(r.UpdatedAt), UpdatedBy: r.UpdatedBy}
	}), nil
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
