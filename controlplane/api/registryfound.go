package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/registries"
	"github.com/limpet-security/limpet/controlplane/store"
)

type registryRepositoryView struct {
	Repository string     `json:"repository"`
	Selected   bool       `json:"selected" doc:"The registry's patterns take it"`
	FirstSeen  time.Time  `json:"firstSeen"`
	LastSeen   time.Time  `json:"lastSeen"`
	GoneAt     *time.Time `json:"goneAt,omitempty" doc:"It was there, and is no more"`
}

type registryTagView struct {
	Repository string     `json:"repository"`
	Tag        string     `json:"tag"`
	Digest     string     `json:"digest"`
	Platforms  []string   `json:"platforms" nullable:"false"`
	Created    *time.Time `json:"created,omitempty" doc:"When it was made, or pushed where only that is told"`
	Selected   bool       `json:"selected"`
	FirstSeen  time.Time  `json:"firstSeen"`
	LastSeen   time.Time  `json:"lastSeen"`
	GoneAt     *time.Time `json:"goneAt,omitempty"`
	EnqueuedAt *time.Time `json:"enqueuedAt,omitempty" doc:"When it was last handed to the scan queue"`
}

type registryRepositoriesInput struct {
	IDInput
	PageInput
	Q string `query:"q" maxLength:"255" doc:"A part of the name"`
}

func (a *API) listRegistryRepositories(ctx context.Context, in *registryRepositoriesInput) (*listOutput[registryRepositoryView], error) {
	row, err := a.Store.Registry(ctx, access.From(ctx).Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	rows, next, err := a.Store.RegistryRepositories(ctx, row.Tenant, row.ID, in.Q, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, func(r store.RegistryRepository) registryRepositoryView {
		return registryRepositoryView{r.Repository, r.Selected, store.Time(r.FirstSeen), store.Time(r.LastSeen), when(r.GoneAt)}
	}), nil
}

type registryTagsInput struct {
	IDInput
	PageInput
	Repository string `query:"repository" maxLength:"255"`
}

func (a *API) listRegistryTags(ctx context.Context, in *registryTagsInput) (*listOutput[registryTagView], error) {
	row, err := a.Store.Registry(ctx, access.From(ctx).Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	rows, next, err := a.Store.RegistryTags(ctx, row.Tenant, row.ID, in.Repository, in.page())
	if err != nil {
		return nil, err
	}
	return newList(rows, next, func(t store.RegistryTag) registryTagView {
		return registryTagView{
			Repository: t.Repository, Tag: t.Tag, Digest: t.Digest, Platforms: append([]string{}, t.Platforms...), Created: when(t.Created), Selected: t.Selected,
			FirstSeen: store.Time(t.FirstSeen), LastSeen: store.Time(t.LastSeen), GoneAt: when(t.GoneAt), EnqueuedAt: when(t.EnqueuedAt),
		}
	}), nil
}

type searchRegistryInput struct {
	IDInput
	Q string `query:"q" maxLength:"255" doc:"A part of the name"`
}

func (a *API) searchRegistry(ctx context.Context, in *searchRegistryInput) (*listOutput[registries.RepositoryHit], error) {
	row, err := a.Store.Registry(ctx, access.From(ctx).Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	hits, err := a.Registries.Search(ctx, row, in.Q)
	if err != nil {
		return nil, registryProblem(err)
	}
	return newList(hits, "", func(h registries.RepositoryHit) registries.RepositoryHit { return h }), nil
}

type remoteTagsInput struct {
	IDInput
	Repository string `query:"repository" required:"true" maxLength:"255"`
}

type remoteTagsOutput struct {
	Body struct {
		Items []registries.TagHit `json:"items" nullable:"false"`
		More  bool                `json:"more,omitempty" doc:"There are more than are shown"`
	}
}

func (a *API) listRemoteTags(ctx context.Context, in *remoteTagsInput) (out *remoteTagsOutput, err error) {
	row, err := a.Store.Registry(ctx, access.From(ctx).Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	out = &remoteTagsOutput{}
	if out.Body.Items, out.Body.More, err = a.Registries.Tags(ctx, row, in.Repository); err != nil {
		return nil, registryProblem(err)
	}
	return out, nil
}

type addImagesInput struct {
	IDInput
	Body struct {
		Images []registries.Pick `json:"images" minItems:"1" maxItems:"100"`
	}
}

func (a *API) addImages(ctx context.Context, in *addImagesInput) (*listOutput[registries.Added], error) {
	row, err := a.Store.Registry(ctx, access.From(ctx).Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	added, err := a.Registries.Add(ctx, row, in.Body.Images, access.From(ctx).Name)
	if err != nil {
		return nil, registryProblem(err)
	}
	err = a.change(ctx, false, func(ctx context.Context, c *changes) error {
		return c.record(ctx, "scan", "registry", row.Name, nil, map[string]any{"images": in.Body.Images})
	})
	if err != nil {
		return nil, err
	}
	return newList(added, "", func(v registries.Added) registries.Added { return v }), nil
}

// hookInput is a push notification as it came: what is signed is its bytes.
type hookInput struct {
	IDInput
	Token   string `query:"token" doc:"The secret, of senders that can bring it in no other way"`
	RawBody []byte
	header  http.Header
	query   url.Values
}

// Resolve keeps the headers, in which each sender brings its secret or its
// signature elsewhere.
func (h *hookInput) Resolve(c huma.Context) []error {
	r := humagin.Unwrap(c).Request
	h.header, h.query = r.Header, r.URL.Query()
	return nil
}

// postRegistryHook takes a push notification. It is public: the notification
// brings a secret of its own, and who has none learns nothing.
func (a *API) postRegistryHook(ctx context.Context, in *hookInput) (*bodyOutput[registries.Hooked], error) {
	got, err := a.Registries.Hook(ctx, in.ID, callerOf(ctx).remote, in.header, in.query, in.RawBody)
	switch {
	case err == nil:
		return &bodyOutput[registries.Hooked]{Body: got}, nil
	case errors.Is(err, registries.ErrHook):
		return nil, huma.NewError(http.StatusUnauthorized, err.Error())
	case errors.Is(err, registries.ErrHookMany):
		return nil, huma.NewError(http.StatusTooManyRequests, err.Error())
	case errors.Is(err, registries.ErrHookBody):
		return nil, huma.NewError(http.StatusBadRequest, err.Error())
	case errors.Is(err, registries.ErrBusy):
		return nil, huma.NewError(http.StatusServiceUnavailable, err.Error())
	}
	a.Log.ErrorContext(ctx, "cannot act upon a push notification", "error", err)
	return nil, huma.NewError(http.StatusServiceUnavailable, "the notification was read and could not be acted upon; send it again")
}
