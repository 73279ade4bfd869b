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
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/policy"
)

// policyKind is a kind of policies as the API speaks of it: the same routes
// and shapes for each.
type policyKind struct {
	kept  store.PolicyKind
	parse func(text []byte) (name string, doc document, err error)
	// after does what follows from a change of the policy of a name.
	after func(ctx context.Context, c *changes, name string) error
}

// document is what a parser gives: it can be written as JSON and as YAML.
type document interface{ YAML() ([]byte, error) }

var (
	runtimePolicies = policyKind{
		kept: store.RuntimePolicies,
		parse: func(text []byte) (string, document, error) {
			p, err := policy.Parse(text)
			if err != nil {
				return "", nil, err
			}
			return p.Metadata.Name, p, nil
		},
		after: func(ctx context.Context, c *changes, name string) error {
			groups, err := c.GroupsOfPolicy(ctx, c.who.Tenant, name)
			c.publish(groups...)
			return err
		},
	}
	assurancePolicies = policyKind{
		kept: store.AssurancePolicies,
		parse: func(text []byte) (string, document, error) {
			p, err := assurance.Parse(text)
			if err != nil {
				return "", nil, err
			}
			return p.Metadata.Name, p, nil
		},
		after: func(ctx context.Context, c *changes, _ string) error { return c.TouchAssurance(ctx, c.who.Tenant) },
	}
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
	Groups      []string        `json:"groups" nullable:"false" doc:"Where it is assigned; assurance policies go by their scope"`
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

// policyRecord is what the audit record shows of a policy.
func policyRecord(p store.Policy) map[string]any {
	out := map[string]any{"revision": p.Revision, "yaml": p.YAML}
	if p.Note != "" {
		out["note"] = p.Note
	}
	return out
}

// policyBody is a policy as a person sends it: as text or as a document.
type policyBody struct {
	YAML     string          `json:"yaml,omitempty" maxLength:"1048576"`
	Document json.RawMessage `json:"document,omitempty"`
	Note     string          `json:"note,omitempty" maxLength:"2000" doc:"Why it is changed; kept with the revision"`
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

// row reads a policy that was sent.
func (k policyKind) row(b policyBody) (store.Policy, document, error) {
	text, err := b.text()
	if err != nil {
		return store.Policy{}, nil, err
	}
	name, doc, err := k.parse(text)
	if err != nil {
		return store.Policy{}, nil, err
	}
	yaml, data, err := bothTexts(doc, b.YAML)
	return store.Policy{Name: name, YAML: yaml, Document: data, Note: b.Note}, doc, err
}

// bothTexts writes a document both ways; source is the author's text, or "" to
// write one.
func bothTexts(doc document, source string) (yaml, data string, err error) {
	b, err := json.Marshal(doc)
	if err != nil {
		return "", "", fmt.Errorf("cannot write document as JSON: %w", err)
	}
	if source == "" {
		y, err := doc.YAML()
		if err != nil {
			return "", "", fmt.Errorf("cannot write document as YAML: %w", err)
		}
		source = string(y)
	}
	return source, string(b), nil
}

// groups says where a policy is assigned.
func (k policyKind) groups(ctx context.Context, a *API, name string) ([]string, error) {
	if k.kept != store.RuntimePolicies {
		return nil, nil
	}
	return a.Store.GroupsOfPolicy(ctx, access.From(ctx).Tenant, name)
}

func (k policyKind) list(a *API, ctx context.Context, in *PageInput) (*listOutput[policyView], error) {
	rows, next, err := a.Store.PoliciesOf(ctx, access.From(ctx).Tenant, k.kept, in.page())
	if err != nil {
		return nil, err
	}
	groups := map[string][]string{}
	for _, p := range rows {
		if groups[p.Name], err = k.groups(ctx, a, p.Name); err != nil {
			return nil, err
		}
	}
	return newList(rows, next, func(p store.Policy) policyView { return viewPolicy(p, groups[p.Name]) }), nil
}

func (k policyKind) one(ctx context.Context, a *API, p store.Policy) (*oneOutput[policyView], error) {
	groups, err := k.groups(ctx, a, p.Name)
	if err != nil {
		return nil, err
	}
	return &oneOutput[policyView]{ETag: etag(p.Revision), Body: viewPolicy(p, groups)}, nil
}

func (k policyKind) get(a *API, ctx context.Context, in *NameInput) (*oneOutput[policyView], error) {
	p, err := a.Store.PolicyOf(ctx, access.From(ctx).Tenant, k.kept, in.Name)
	if err != nil {
		return nil, err
	}
	return k.one(ctx, a, p)
}

type postPolicyInput struct {
	DryInput
	Body policyBody
}

func (k policyKind) post(a *API, ctx context.Context, in *postPolicyInput) (*oneOutput[policyView], error) {
	who := access.From(ctx)
	row, _, err := k.row(in.Body)
	if err != nil {
		return nil, err
	}
	row.UpdatedBy = who.Name
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		if row, err = c.AddPolicyOf(ctx, who.Tenant, k.kept, row); err != nil {
			return err
		}
		if err := k.after(ctx, c, row.Name); err != nil {
			return err
		}
		return c.record(ctx, "create", k.kept.Noun, row.Name, nil, policyRecord(row))
	})
	if err != nil {
		return nil, err
	}
	return k.one(ctx, a, row)
}

type putPolicyInput struct {
	NameInput
	DryInput
	MatchInput
	FailingInput
	Body policyBody
}

func (k policyKind) put(a *API, ctx context.Context, in *putPolicyInput) (*oneOutput[policyView], error) {
	who := access.From(ctx)
	row, doc, err := k.row(in.Body)
	if err != nil {
		return nil, err
	}
	if row.Name != in.Name {
		return nil, huma.NewError(http.StatusUnprocessableEntity, fmt.Sprintf("the policy is named %q, the path says %q; a policy cannot be renamed", row.Name, in.Name))
	}
	failed, err := k.tested(ctx, a, row.Name, doc, in.AllowFailing)
	if err != nil {
		return nil, err
	}
	row.UpdatedBy = who.Name
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.PolicyOf(ctx, who.Tenant, k.kept, in.Name)
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
		if row, err = c.SetPolicyOf(ctx, who.Tenant, k.kept, row); err != nil {
			return err
		}
		if err := k.after(ctx, c, row.Name); err != nil {
			return err
		}
		after := policyRecord(row)
		if len(failed) > 0 {
			after["failedTests"] = failed
		}
		return c.record(ctx, "update", k.kept.Noun, row.Name, policyRecord(was), after)
	})
	if err != nil {
		return nil, err
	}
	return k.one(ctx, a, row)
}

func (k policyKind) delete(a *API, ctx context.Context, in *deleteNamedInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.PolicyOf(ctx, t, k.kept, in.Name)
		if err != nil {
			return err
		}
		if err := in.checkIfGiven(was.Revision); err != nil {
			return err
		}
		if err := c.DeletePolicyOf(ctx, t, k.kept, was.Name, was.Revision); err != nil {
			return err
		}
		if err := k.after(ctx, c, was.Name); err != nil {
			return err
		}
		return c.record(ctx, "delete", k.kept.Noun, was.Name, policyRecord(was), nil)
	})
}

type validateView struct {
	Valid    bool            `json:"valid"`
	Errors   []policy.Error  `json:"errors" nullable:"false"`
	Document json.RawMessage `json:"document,omitempty" doc:"The policy as JSON, if it is valid"`
	YAML     string          `json:"yaml,omitempty" doc:"The policy as YAML, if it is valid"`
}

type validateInput struct{ Body policyBody }

func (k policyKind) validate(_ *API, _ context.Context, in *validateInput) (*bodyOutput[validateView], error) {
	row, _, err := k.row(in.Body)
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
	Note      string          `json:"note,omitempty" doc:"Why, by who wrote it"`
}

type revisionsInput struct {
	NameInput
	PageInput
}

func (k policyKind) listRevisions(a *API, ctx context.Context, in *revisionsInput) (*listOutput[revisionView], error) {
	rows, next, err := a.Store.RevisionsOf(ctx, access.From(ctx).Tenant, k.kept, in.Name, in.page())
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && in.Cursor == "" {
		return nil, fmt.Errorf("%s %q: %w", k.kept.Noun, in.Name, store.ErrNotFound)
	}
	return newList(rows, next, func(r store.PolicyRevision) revisionView {
		return revisionView{
			Revision: r.Revision, YAML: r.YAML, Document: json.RawMessage(r.Document), UpdatedAt: store.Time(r.UpdatedAt), UpdatedBy: r.UpdatedBy, Note: r.Note,
		}
	}), nil
}

// PolicyText is policyBody under a name that other inputs can embed.
type PolicyText = policyBody
