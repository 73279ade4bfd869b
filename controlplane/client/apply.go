package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/limpet-security/limpet/internal/policy"
)

// Outcome is what applying a document does or would do.
type Outcome string

// Outcomes.
const (
	Created   Outcome = "created"
	Changed   Outcome = "changed"
	Unchanged Outcome = "unchanged"
)

// Result is one document's.
type Result struct {
	Document Document
	Outcome  Outcome
	Diff     string // unified, "" if unchanged
}

// groupJSON is a group as the API writes it.
type groupJSON struct {
	Name        string            `json:"name,omitempty"`
	Description string            `json:"description"`
	Mode        string            `json:"mode"`
	Labels      map[string]string `json:"labels"`
	Policies    []string          `json:"policies"`
	OnNoPolicy  string            `json:"onNoPolicy"`
	Learning    bool              `json:"learning"`
}

// Apply makes the server's objects what the documents say, one by one, and
// tells of each. With dry set the server checks them and keeps nothing. A
// document that says what stands already is not sent.
func (c *Client) Apply(ctx context.Context, docs []Document, dry bool, tell func(Result, error)) {
	made := map[string]bool{} // policies that a dry run would have made
	for _, d := range docs {
		r, err := c.apply(ctx, d, dry, made)
		if err == nil && dry && r.Outcome == Created && d.group == nil {
			made[d.Name] = true
		}
		tell(r, err)
	}
}

func (c *Client) apply(ctx context.Context, d Document, dry bool, made map[string]bool) (Result, error) {
	have, etag, err := c.text(ctx, d.Kind, d.Name)
	r := Result{Document: d, Outcome: Changed}
	switch {
	case errors.Is(err, ErrNotFound):
		r.Outcome = Created
	case err != nil:
		return r, fmt.Errorf("%s: %w", d.Source, err)
	}
	wantText := d.Text
	if d.group != nil {
		if wantText, err = d.group.YAML(); err != nil {
			return r, err
		}
	}
	if r.Outcome == Changed && same(d, have, wantText) {
		r.Outcome = Unchanged
		return r, nil
	}
	r.Diff = string(diff.Diff("server/"+d.Name, []byte(have), d.Source, []byte(wantText)))
	if dry && d.group != nil && slices.ContainsFunc(d.group.Spec.Policies, func(p string) bool { return made[p] }) {
		return r, nil // the server cannot check a group whose policy it has not kept
	}
	path, body := "/policies", any(map[string]string{"yaml": d.Text})
	if d.group != nil {
		g := groupJSON{
			Name: d.Name, Description: d.group.Metadata.Description, Mode: d.group.Spec.Mode, Labels: d.group.Spec.Labels,
			Policies: d.group.Spec.Policies, OnNoPolicy: d.group.Spec.OnNoPolicy, Learning: d.group.Spec.Learning,
		}
		if g.Labels == nil {
			g.Labels = map[string]string{}
		}
		path, body = "/groups", g
	}
	method, query := http.MethodPost, ""
	if r.Outcome == Changed {
		method, path = http.MethodPut, path+"/"+url.PathEscape(d.Name)
	}
	if dry {
		query = "?dryRun=true"
	}
	if _, err := c.Do(ctx, method, path+query, etag, body, nil); err != nil {
		return r, fmt.Errorf("%s: %s %s: %w", d.Source, d.Kind, d.Name, err)
	}
	return r, nil
}

// same says whether what stands is what is wanted. A policy is compared as
// text (comments are part of it), but the line break at its end is not.
func same(d Document, have, want string) bool {
	if d.group != nil {
		return have == want
	}
	return bytes.Equal(bytes.TrimSpace([]byte(have)), bytes.TrimSpace([]byte(want)))
}

// text gives an object as its document, with its ETag.
func (c *Client) text(ctx context.Context, kind, name string) (string, string, error) {
	if kind == policy.KindRuntime {
		var p struct {
			YAML string `json:"yaml"`
		}
		etag, err := c.Do(ctx, http.MethodGet, "/policies/"+url.PathEscape(name), "", nil, &p)
		return p.YAML, etag, err
	}
	var g groupJSON
	etag, err := c.Do(ctx, http.MethodGet, "/groups/"+url.PathEscape(name), "", nil, &g)
	if err != nil {
		return "", "", err
	}
	text, err := document(g)
	return text, etag, err
}

func document(g groupJSON) (string, error) {
	doc := &Group{
		APIVersion: policy.APIVersion, Kind: KindGroup, Metadata: GroupMeta{g.Name, g.Description},
		Spec: GroupSpec{Mode: g.Mode, OnNoPolicy: g.OnNoPolicy, Learning: g.Learning, Labels: g.Labels, Policies: g.Policies},
	}
	if err := doc.check(); err != nil {
		return "", err
	}
	return doc.YAML()
}

// Kinds by every name that a person may type.
var kinds = map[string]string{
	"runtimepolicy": policy.KindRuntime, "runtimepolicies": policy.KindRuntime, "policy": policy.KindRuntime, "policies": policy.KindRuntime,
	"enforcergroup": KindGroup, "enforcergroups": KindGroup, "group": KindGroup, "groups": KindGroup,
}

// Kind finds a kind by one of its names, in lower case.
func Kind(name string) (string, error) {
	if k, ok := kinds[name]; ok {
		return k, nil
	}
	return "", fmt.Errorf("kind %q is not known; want policy or group", name)
}

// Get gives one object as its document, or every object of the kind if name
// is "".
func (c *Client) Get(ctx context.Context, kind, name string) ([]Document, error) {
	if name != "" {
		text, _, err := c.text(ctx, kind, name)
		if err != nil {
			return nil, err
		}
		return []Document{{Kind: kind, Name: name, Text: text}}, nil
	}
	var docs []Document
	if kind == policy.KindRuntime {
		err := c.All(ctx, "/policies", func(raw json.RawMessage) error {
			var p struct{ Name, YAML string }
			if err := json.Unmarshal(raw, &p); err != nil {
				return fmt.Errorf("cannot read answer: %w", err)
			}
			docs = append(docs, Document{Kind: kind, Name: p.Name, Text: p.YAML})
			return nil
		})
		return docs, err
	}
	err := c.All(ctx, "/groups", func(raw json.RawMessage) error {
		var g groupJSON
		if err := json.Unmarshal(raw, &g); err != nil {
			return fmt.Errorf("cannot read answer: %w", err)
		}
		text, err := document(g)
		docs = append(docs, Document{Kind: kind, Name: g.Name, Text: text})
		return err
	})
	return docs, err
}
