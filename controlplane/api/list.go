package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/reputation"
)

// maxListBody bounds the body of a request that holds a reputation list, in
// bytes: the text, and what JSON makes of its line breaks.
const maxListBody = reputation.MaxContent + reputation.MaxContent/4

// reputationListView is a reputation list. Lists of lists leave out the text.
type reputationListView struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Format      string    `json:"format" enum:"text,csv"`
	Column      string    `json:"column,omitempty"`
	Content     string    `json:"content,omitempty" doc:"The list as its author wrote it; absent in lists of lists"`
	Entries     int64     `json:"entries" doc:"Lines that hold an address, a network, a range or a name"`
	Ranges      int64     `json:"ranges" doc:"Ranges of addresses, after those that touch were joined"`
	Names       int64     `json:"names" doc:"Different host names"`
	Digest      string    `json:"digest" doc:"Of what enforcers are given"`
	Warnings    []string  `json:"warnings,omitempty" doc:"What a person should look at; in answers to a change"`
	Version     int64     `json:"version" doc:"The ETag without its quotes"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
	UpdatedBy   string    `json:"updatedBy"`
	Policies    []string  `json:"policies" nullable:"false" doc:"Policies that name it"`
}

func viewReputationList(l store.ReputationList, policies []string) reputationListView {
	if policies == nil {
		policies = []string{}
	}
	return reputationListView{
		Name: l.Name, Description: l.Description, Format: l.Format, Column: l.CSVColumn, Content: l.Content, Entries: l.Entries, Ranges: l.Ranges,
		Names: l.Names, Digest: l.Digest, Version: l.Version, CreatedAt: store.Time(l.CreatedAt), UpdatedAt: store.Time(l.UpdatedAt),
		UpdatedBy: l.UpdatedBy, Policies: policies,
	}
}

// listRecord is what the audit record shows of a list: not its text.
func listRecord(l store.ReputationList) map[string]any {
	return map[string]any{"version": l.Version, "description": l.Description, "entries": l.Entries, "ranges": l.Ranges, "names": l.Names, "digest": l.Digest}
}

// policiesOfLists names the policies that use reputation lists, by list. Only
// policies in which `word` stands as a word are read.
func policiesOfLists(ctx context.Context, r store.Reader, word string) (map[string][]string, error) {
	rows, err := r.PoliciesNaming(ctx, access.From(ctx).Tenant, word)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, row := range rows {
		p, err := policy.Parse([]byte(row.Document))
		if err != nil {
			return nil, fmt.Errorf("cannot read policy %q: %w", row.Name, err)
		}
		for _, l := range p.Spec.Controls.Lists() {
			out[l] = append(out[l], row.Name)
		}
	}
	return out, nil
}

// policiesOfList names the policies that use a reputation list.
func policiesOfList(ctx context.Context, r store.Reader, name string) ([]string, error) {
	used, err := policiesOfLists(ctx, r, name)
	return used[name], err
}

func (a *API) listReputationLists(ctx context.Context, in *PageInput) (*listOutput[reputationListView], error) {
	rows, next, err := a.Store.ReputationLists(ctx, access.From(ctx).Tenant, in.page())
	if err != nil {
		return nil, err
	}
	used, err := policiesOfLists(ctx, a.Store.Reader, "lists")
	if err != nil {
		return nil, err
	}
	return newList(rows, next, func(l store.ReputationList) reputationListView { return viewReputationList(l, used[l.Name]) }), nil
}

func (a *API) getReputationList(ctx context.Context, in *NameInput) (*oneOutput[reputationListView], error) {
	l, err := a.Store.ReputationList(ctx, access.From(ctx).Tenant, in.Name)
	if err != nil {
		return nil, err
	}
	used, err := policiesOfList(ctx, a.Store.Reader, l.Name)
	if err != nil {
		return nil, err
	}
	return &oneOutput[reputationListView]{ETag: etag(l.Version), Body: viewReputationList(l, used)}, nil
}

// ReputationListFields is what a person says of a reputation list.
type ReputationListFields struct {
	Description string `json:"description,omitempty" maxLength:"1024"`
	reputation.Source
}

// row reads a list that was sent.
func (f ReputationListFields) row(name, by string) (store.ReputationList, reputation.Report, error) {
	f.Content = reputation.Normal(f.Content)
	l, report, err := reputation.Parse(name, f.Source)
	if err != nil {
		return store.ReputationList{}, report, err
	}
	if f.Format == "" {
		f.Format = reputation.Text
	}
	return store.ReputationList{
		Name: name, Description: f.Description, Format: f.Format, CSVColumn: f.Column, Content: f.Content, Packed: l.Packed(), Digest: l.Digest(),
		Entries: int64(report.Entries), Ranges: int64(report.Ranges), Names: int64(report.Names), UpdatedBy: by,
	}, report, nil
}

// changedList answers a change: without the text, with the warnings.
func changedList(l store.ReputationList, r reputation.Report, used []string) *oneOutput[reputationListView] {
	l.Content = ""
	v := viewReputationList(l, used)
	v.Warnings = r.Warnings
	return &oneOutput[reputationListView]{ETag: etag(l.Version), Body: v}
}

type postReputationListInput struct {
	DryInput
	Body struct {
		Name string `json:"name" pattern:"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$" maxLength:"63"`
		ReputationListFields
	}
}

func (a *API) postReputationList(ctx context.Context, in *postReputationListInput) (*oneOutput[reputationListView], error) {
	who := access.From(ctx)
	row, report, err := in.Body.row(in.Body.Name, who.Name)
	if err != nil {
		return nil, err
	}
	var used []string
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		if row, err = c.AddReputationList(ctx, who.Tenant, row); err != nil {
			return err
		}
		if used, err = c.publishList(ctx, row.Name); err != nil {
			return err
		}
		return c.record(ctx, "create", "reputation list", row.Name, nil, listRecord(row))
	})
	if err != nil {
		return nil, err
	}
	return changedList(row, report, used), nil
}

// publishList asks for new bundles of the groups whose policies name a list.
func (c *changes) publishList(ctx context.Context, name string) ([]string, error) {
	used, err := policiesOfList(ctx, c.Reader, name)
	if err != nil {
		return nil, err
	}
	for _, p := range used {
		groups, err := c.GroupsOfPolicy(ctx, c.who.Tenant, p)
		if err != nil {
			return nil, err
		}
		c.publish(groups...)
	}
	return used, nil
}

type putReputationListInput struct {
	NameInput
	DryInput
	MatchInput
	Body struct {
		Name string `json:"name,omitempty" doc:"If present, that of the path"`
		ReputationListFields
	}
}

func (a *API) putReputationList(ctx context.Context, in *putReputationListInput) (*oneOutput[reputationListView], error) {
	who := access.From(ctx)
	if in.Body.Name != "" && in.Body.Name != in.Name {
		return nil, huma.NewError(http.StatusUnprocessableEntity, "a reputation list cannot be renamed")
	}
	row, report, err := in.Body.row(in.Name, who.Name)
	if err != nil {
		return nil, err
	}
	var used []string
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.ReputationList(ctx, who.Tenant, in.Name)
		if err != nil {
			return err
		}
		if err := in.check(was.Version); err != nil {
			return err
		}
		if was.Content == row.Content && was.Description == row.Description && was.Format == row.Format && was.CSVColumn == row.CSVColumn {
			row = was
			used, err = policiesOfList(ctx, c.Reader, row.Name)
			return err
		}
		row.Version, row.CreatedAt = was.Version, was.CreatedAt
		if row, err = c.SetReputationList(ctx, who.Tenant, row); err != nil {
			return err
		}
		if used, err = c.publishList(ctx, row.Name); err != nil {
			return err
		}
		return c.record(ctx, "update", "reputation list", row.Name, listRecord(was), listRecord(row))
	})
	if err != nil {
		return nil, err
	}
	return changedList(row, report, used), nil
}

func (a *API) deleteReputationList(ctx context.Context, in *deleteNamedInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.ReputationList(ctx, t, in.Name)
		if err != nil {
			return err
		}
		if err := in.checkIfGiven(was.Version); err != nil {
			return err
		}
		used, err := policiesOfList(ctx, c.Reader, was.Name)
		if err != nil {
			return err
		}
		if len(used) > 0 {
			return fmt.Errorf("reputation list %q is named by policy %q: %w", was.Name, used[0], store.ErrInUse)
		}
		if err := c.DeleteReputationList(ctx, t, was.Name, was.Version); err != nil {
			return err
		}
		return c.record(ctx, "delete", "reputation list", was.Name, listRecord(was), nil)
	})
}
