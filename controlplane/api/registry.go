package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/registries"
	"github.com/limpet-security/limpet/controlplane/registries/spec"
	"github.com/limpet-security/limpet/controlplane/store"
)

// registryView is a registry. Its secrets are named, never given.
type registryView struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Description string           `json:"description"`
	Spec        spec.Spec        `json:"spec"`
	Credentials []string         `json:"credentials" nullable:"false" doc:"Names of the secrets that are kept"`
	Insecure    bool             `json:"insecure" doc:"The connection is not protected"`
	Webhook     *registryWebhook `json:"webhook,omitempty"`
	Syncing     bool             `json:"syncing" doc:"It is looked through now"`
	NextSync    *time.Time       `json:"nextSync,omitempty"`
	SyncedAt    *time.Time       `json:"syncedAt,omitempty"`
	TookMS      int64            `json:"tookMs,omitempty"`
	State       string           `json:"state" enum:"new,ok,partial,failed" doc:"Of the last look"`
	Kind        registries.Kind  `json:"problemKind,omitempty" doc:"What kind of problem there was"`
	Problem     string           `json:"problem,omitempty" doc:"What was wrong, in English"`
	Found       struct {
		Repositories int64 `json:"repositories"`
		Tags         int64 `json:"tags"`
		Gone         int64 `json:"gone"`
		Enqueued     int64 `json:"enqueued" doc:"In the last look"`
	} `json:"found"`
	Version   int64     `json:"version" doc:"The ETag without its quotes"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	UpdatedBy string    `json:"updatedBy"`
}

// registryWebhook is where push notifications are sent. The secret is shown
// when it is made, and never again.
type registryWebhook struct {
	Sender spec.Sender `json:"sender"`
	URL    string      `json:"url"`
	Secret string      `json:"secret,omitempty"`
}

func (a *API) viewRegistry(r store.Registry, secret string) registryView {
	said, err := registries.SpecOf(r)
	v := registryView{
		ID: r.ID, Name: r.Name, Description: r.Description, Spec: said, Credentials: append([]string{}, r.Secrets...), Insecure: said.TLS.Insecure,
		Syncing: r.SyncingUntil > store.Now().UnixNano(), NextSync: when(r.NextSync), SyncedAt: when(r.SyncedAt), TookMS: r.SyncTook / int64(time.Millisecond),
		State: r.SyncState, Kind: registries.Kind(r.SyncKind), Problem: r.SyncError, Version: r.Version,
		CreatedAt: store.Time(r.CreatedAt), UpdatedAt: store.Time(r.UpdatedAt), UpdatedBy: r.UpdatedBy,
	}
	if err != nil {
		v.Problem = err.Error()
	}
	if v.State == "" {
		v.State = "new"
	}
	v.Found.Repositories, v.Found.Tags, v.Found.Gone, v.Found.Enqueued = r.Repositories, r.Tags, r.Gone, r.Enqueued
	if s := said.Webhook.Sender; s != "" {
		v.Webhook = &registryWebhook{Sender: s, URL: a.ServerURL + prefix + "/registries/" + r.ID + "/webhook", Secret: secret}
		if secret != "" && registries.SecretInAddress(s) {
			v.Webhook.URL += "?token=" + url.QueryEscape(secret)
		}
	}
	return v
}

func (a *API) oneRegistry(r store.Registry, secret string) *oneOutput[registryView] {
	return &oneOutput[registryView]{ETag: etag(r.Version), Body: a.viewRegistry(r, secret)}
}

// registryRecord is what the audit record shows: names of secrets, not them.
func registryRecord(r store.Registry) map[string]any {
	return map[string]any{"version": r.Version, "description": r.Description, "spec": r.Document, "credentials": r.Secrets}
}

// registryProblem turns what is wrong with a registry into an answer.
func registryProblem(err error) error {
	var list spec.Errors
	var p *registries.Problem
	switch {
	case errors.As(err, &list):
		var details []error
		for _, e := range list {
			details = append(details, &huma.ErrorDetail{Message: e.Error()})
		}
		return huma.NewError(http.StatusUnprocessableEntity, "the registry is not valid", details...)
	case errors.As(err, &p):
		status := http.StatusBadGateway
		if p.Kind == registries.NotFound {
			status = http.StatusUnprocessableEntity
		}
		return huma.NewError(status, p.Error(), &huma.ErrorDetail{Message: string(p.Kind), Location: "kind"})
	}
	return err
}

// RegistryFields is what a person says of a registry.
type RegistryFields struct {
	Description string            `json:"description,omitempty" maxLength:"1024"`
	Spec        spec.Spec         `json:"spec"`
	Credentials map[string]string `json:"credentials,omitempty" doc:"Secrets by name; those left out stay as they are while the address does, an empty one is taken away"`
}

func (f RegistryFields) draft(name string) registries.Draft {
	return registries.Draft{Name: name, Description: f.Description, Spec: f.Spec, Credentials: f.Credentials}
}

func (a *API) listRegistries(ctx context.Context, in *PageInput) (*listOutput[registryView], error) {
	rows, next, err := a.Store.Registries(ctx, access.From(ctx).Tenant, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, func(r store.Registry) registryView { return a.viewRegistry(r, "") }), nil
}

func (a *API) getRegistry(ctx context.Context, in *IDInput) (*oneOutput[registryView], error) {
	row, err := a.Store.Registry(ctx, access.From(ctx).Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	return a.oneRegistry(row, ""), nil
}

type registryTypesOutput struct {
	Body struct {
		Items []registryType `json:"items" nullable:"false"`
	}
}

type registryType struct {
	spec.Kind
	Senders []spec.Sender `json:"senders" nullable:"false" doc:"Who may send its push notifications, the usual first"`
}

func (a *API) listRegistryTypes(context.Context, *struct{}) (*registryTypesOutput, error) {
	out := &registryTypesOutput{}
	for _, k := range spec.Kinds() {
		out.Body.Items = append(out.Body.Items, registryType{Kind: k, Senders: k.Senders()})
	}
	return out, nil
}

type postRegistryInput struct {
	DryInput
	Body struct {
		Name string `json:"name" maxLength:"63"`
		RegistryFields
	}
}

func (a *API) postRegistry(ctx context.Context, in *postRegistryInput) (*oneOutput[registryView], error) {
	who := access.From(ctx)
	row, secret, err := a.Registries.Row(ctx, store.Registry{Tenant: who.Tenant}, in.Body.draft(in.Body.Name))
	if err != nil {
		return nil, registryProblem(err)
	}
	row.UpdatedBy = who.Name
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		if row, err = c.AddRegistry(ctx, who.Tenant, row); err != nil {
			return err
		}
		return c.record(ctx, "create", "registry", row.Name, nil, registryRecord(row))
	})
	if err != nil {
		return nil, err
	}
	a.Registries.Wake()
	return a.oneRegistry(row, shownSecret(secret, in.DryRun)), nil
}

// shownSecret hides a secret that was not kept.
func shownSecret(secret string, dry bool) string {
	if dry {
		return ""
	}
	return secret
}

type putRegistryInput struct {
	IDInput
	DryInput
	MatchInput
	Body struct {
		Name string `json:"name,omitempty" doc:"If present, that of the registry"`
		RegistryFields
	}
}

func (a *API) putRegistry(ctx context.Context, in *putRegistryInput) (*oneOutput[registryView], error) {
	who := access.From(ctx)
	var row store.Registry
	var secret string
	err := a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.Registry(ctx, who.Tenant, in.ID)
		if err != nil {
			return err
		}
		if in.Body.Name != "" && in.Body.Name != was.Name {
			return huma.NewError(http.StatusUnprocessableEntity, "a registry cannot be renamed")
		}
		if err := in.check(was.Version); err != nil {
			return err
		}
		if row, secret, err = a.Registries.Row(ctx, was, in.Body.draft(was.Name)); err != nil {
			return err
		}
		if registries.Same(was, row) {
			row = was
			return nil
		}
		row.UpdatedBy = who.Name
		if row, err = c.SetRegistry(ctx, who.Tenant, row); err != nil {
			return err
		}
		return c.record(ctx, "update", "registry", row.Name, registryRecord(was), registryRecord(row))
	})
	if err != nil {
		return nil, registryProblem(err)
	}
	a.Registries.Wake()
	return a.oneRegistry(row, shownSecret(secret, in.DryRun)), nil
}

type deleteRegistryInput struct {
	IDInput
	DryInput
	MatchInput
}

func (a *API) deleteRegistry(ctx context.Context, in *deleteRegistryInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		was, err := c.Registry(ctx, t, in.ID)
		if err != nil {
			return err
		}
		if err := in.checkIfGiven(was.Version); err != nil {
			return err
		}
		if err := c.DeleteRegistry(ctx, t, was.ID, was.Version); err != nil {
			return err
		}
		return c.record(ctx, "delete", "registry", was.Name, registryRecord(was), nil)
	})
}

type tryRegistryInput struct {
	Body struct {
		ID string `json:"id,omitempty" maxLength:"64" doc:"A registry whose kept secrets are used where none are sent, if they would go to the same place"`
		RegistryFields
	}
}

func (a *API) tryRegistry(ctx context.Context, in *tryRegistryInput) (*bodyOutput[registries.Tested], error) {
	var was store.Registry
	if in.Body.ID != "" {
		var err error
		if was, err = a.Store.Registry(ctx, access.From(ctx).Tenant, in.Body.ID); err != nil {
			return nil, err
		}
	}
	d := in.Body.draft("")
	secrets, err := a.Registries.Merge(ctx, was, d)
	if err != nil {
		return nil, registryProblem(err)
	}
	return &bodyOutput[registries.Tested]{Body: a.Registries.Test(ctx, d.Spec, secrets)}, nil
}

func (a *API) testRegistry(ctx context.Context, in *IDInput) (*bodyOutput[registries.Tested], error) {
	row, err := a.Store.Registry(ctx, access.From(ctx).Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	got, err := a.Registries.TestKept(ctx, row)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[registries.Tested]{Body: got}, nil
}

func (a *API) syncRegistry(ctx context.Context, in *IDInput) (*oneOutput[registryView], error) {
	t := access.From(ctx).Tenant
	var row store.Registry
	err := a.change(ctx, false, func(ctx context.Context, c *changes) (err error) {
		if row, err = c.Registry(ctx, t, in.ID); err != nil {
			return err
		}
		now := store.Now()
		row.NextSync = now.UnixNano()
		if err := c.WantSync(ctx, t, row.ID, now); err != nil {
			return err
		}
		return c.record(ctx, "sync", "registry", row.Name, nil, nil)
	})
	if err != nil {
		return nil, err
	}
	a.Registries.Wake()
	return a.oneRegistry(row, ""), nil
}

func (a *API) postHookSecret(ctx context.Context, in *IDInput) (*oneOutput[registryView], error) {
	who := access.From(ctx)
	var row store.Registry
	var secret string
	err := a.change(ctx, false, func(ctx context.Context, c *changes) (err error) {
		if row, err = c.Registry(ctx, who.Tenant, in.ID); err != nil {
			return err
		}
		said, err := registries.SpecOf(row)
		if err != nil {
			return err
		}
		if said.Webhook.Sender == "" {
			return huma.NewError(http.StatusUnprocessableEntity, "the registry takes no push notifications: say first who sends them")
		}
		if secret, err = a.Registries.NewHookSecret(ctx, &row); err != nil {
			return err
		}
		row.UpdatedBy = who.Name
		if row, err = c.SetRegistry(ctx, who.Tenant, row); err != nil {
			return err
		}
		return c.record(ctx, "webhook secret", "registry", row.Name, nil, nil)
	})
	if err != nil {
		return nil, err
	}
	return a.oneRegistry(row, secret), nil
}
