package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

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

// Apply makes the server's objects what the documents say, one by one, and
// tells of each. With dry set the server checks them and keeps nothing. A
// document that says what stands already is not sent.
func (c *Client) Apply(ctx context.Context, docs []Document, dry bool, tell func(Result, error)) {
	made := map[string]bool{} // policies that a dry run would have made
	for _, d := range docs {
		r, err := c.apply(ctx, d, dry, made)
		if err == nil && dry && r.Outcome == Created && d.Kind == policy.KindRuntime {
			made[d.Name] = true
		}
		tell(r, err)
	}
}

func (c *Client) apply(ctx context.Context, d Document, dry bool, made map[string]bool) (Result, error) {
	k, _ := kindOf(d.Kind)
	have, etag, err := c.text(ctx, k, d.Name)
	r := Result{Document: d, Outcome: Changed}
	switch {
	case errors.Is(err, ErrNotFound):
		r.Outcome = Created
	case err != nil:
		return r, fmt.Errorf("%s: %w", d.Source, err)
	}
	if r.Outcome == Changed && same(have, d.normal) && !d.brings() {
		r.Outcome = Unchanged
		return r, nil
	}
	r.Diff = string(diff.Diff("server/"+d.Name, []byte(have), d.Source, []byte(d.normal)))
	if g, ok := d.body.(groupJSON); ok && dry && slices.ContainsFunc(g.Policies, func(p string) bool { return made[p] }) {
		return r, nil // the server cannot check a group whose policy it has not kept
	}
	method, path, query := http.MethodPost, k.path, ""
	if r.Outcome == Changed {
		method, path = http.MethodPut, path+"/"+url.PathEscape(d.Name)
	}
	if dry {
		query = "?dryRun=true"
	}
	now, err := c.Do(ctx, method, path+query, etag, d.body, nil)
	if err != nil {
		return r, fmt.Errorf("%s: %s %s: %w", d.Source, d.Kind, d.Name, err)
	}
	if d.brings() && now == etag && etag != "" {
		r.Outcome = Unchanged
	}
	return r, nil
}

// same says whether what stands is what is wanted. A policy is compared as
// text (comments are part of it), but the line break at its end is not.
func same(have, want string) bool { return strings.TrimSpace(have) == strings.TrimSpace(want) }
