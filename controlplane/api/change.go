package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/audit"
	"github.com/limpet-security/limpet/controlplane/store"
)

// changes is one transaction of a handler: the change, its audit records,
// and the bundles that follow from it are one commit.
type changes struct {
	*store.Tx
	who    access.Principal
	remote string
	groups []string // to be published
}

// change runs f. With dry set everything is checked and nothing is kept.
func (a *API) change(ctx context.Context, dry bool, f func(context.Context, *changes) error) error {
	c := &changes{who: access.From(ctx), remote: callerOf(ctx).remote}
	if err := a.Publisher.Prepare(ctx, c.who.Tenant); err != nil {
		return err
	}
	run := a.Store.Update
	if dry {
		run = a.Store.DryRun
	}
	err := run(ctx, func(ctx context.Context, tx *store.Tx) error {
		c.Tx, c.groups = tx, nil
		if err := f(ctx, c); err != nil {
			return err
		}
		slices.Sort(c.groups)
		c.groups = slices.Compact(c.groups)
		for _, g := range c.groups {
			if err := a.Publisher.Stage(ctx, tx, c.who.Tenant, g); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && !dry {
		a.Publisher.Wake(c.who.Tenant, c.groups...)
	}
	return err
}

// record adds the audit record of the change.
func (c *changes) record(ctx context.Context, action, kind, name string, before, after any) error {
	return audit.Write(ctx, c.Tx, c.who.Tenant, audit.Change{
		Actor: c.who.Name, Action: action, Kind: kind, Name: name, Before: before, After: after, RemoteAddr: c.remote,
	})
}

// publish asks for new bundles of groups.
func (c *changes) publish(groups ...string) { c.groups = append(c.groups, groups...) }

// Inputs that many routes share.
type (
	// PageInput is how a list is paged.
	PageInput struct {
		Cursor string `query:"cursor" maxLength:"512" doc:"nextCursor of the page before"`
		Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"Rows of one page"`
	}
	// NameInput names one object in the path.
	NameInput struct {
		Name string `path:"name" maxLength:"63"`
	}
	// IDInput names one object in the path.
	IDInput struct {
		ID string `path:"id" maxLength:"64"`
	}
	// DryInput asks for everything but the change.
	DryInput struct {
		DryRun bool `query:"dryRun" doc:"Check everything and keep nothing"`
	}
	// MatchInput says which version a change is made to.
	MatchInput struct {
		IfMatch string `header:"If-Match" doc:"ETag of the object that is changed"`
	}
)

func (p PageInput) page() store.Page { return store.Page{Cursor: p.Cursor, Limit: p.Limit} }

// list is one page of rows.
type list[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"nextCursor,omitempty" doc:"Ask for the next page with it; absent at the end"`
	Total      *int   `json:"total,omitempty"`
}

// listOutput is the answer of a list route.
type listOutput[T any] struct{ Body list[T] }

func newList[R, T any](rows []R, next string, view func(R) T) *listOutput[T] {
	items := make([]T, len(rows))
	for i, r := range rows {
		items[i] = view(r)
	}
	return &listOutput[T]{Body: list[T]{Items: items, NextCursor: next}}
}

// oneOutput is the answer of a route about one object that has versions.
type oneOutput[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// bodyOutput is the answer of a route about something without versions.
type bodyOutput[T any] struct{ Body T }

// noOutput is an answer without a body (204).
type noOutput struct{}

// etag writes a version as an ETag.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// check compares If-Match with the version that stands: 428 if it is absent,
// 412 if it differs. "*" matches any version.
func (m MatchInput) check(version int64) error {
	v := strings.TrimSpace(m.IfMatch)
	switch {
	case v == "":
		return huma.NewError(http.StatusPreconditionRequired, "say which version you change: If-Match with the object's ETag")
	case v == "*" || v == etag(version):
		return nil
	}
	return huma.NewError(http.StatusPreconditionFailed, "the object has been changed since; its ETag is now "+etag(version))
}

// checkIfGiven is check where whoever deletes may leave If-Match out.
func (m MatchInput) checkIfGiven(version int64) error {
	if m.IfMatch == "" {
		return nil
	}
	return m.check(version)
}

// when shows a time of the store; nil if it never was.
func when(ns int64) *time.Time {
	if ns == 0 {
		return nil
	}
	t := store.Time(ns)
	return &t
}
