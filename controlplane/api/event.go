package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/tenant"
)

// EventQuery is how events are filtered, wherever they are listed.
type EventQuery struct {
	From     time.Time `query:"from" doc:"RFC 3339; included"`
	To       time.Time `query:"to" doc:"RFC 3339; excluded"`
	Control  string    `query:"control" maxLength:"64"`
	Verdict  string    `query:"verdict" enum:"allow,audit,deny"`
	Kind     string    `query:"kind" maxLength:"32"`
	Group    string    `query:"group" maxLength:"63"`
	Enforcer string    `query:"enforcer" maxLength:"64"`
	Image    string    `query:"image" maxLength:"512"`
	Finding  string    `query:"finding" maxLength:"16" doc:"Events of one finding"`
	Q        string    `query:"q" maxLength:"256" doc:"Part of a path, argument, address, host name, rule or reason"`
}

func (q EventQuery) filter() store.EventFilter {
	return store.EventFilter{
		From: q.From, To: q.To, Control: q.Control, Verdict: q.Verdict, Kind: q.Kind,
		Group: q.Group, Enforcer: q.Enforcer, Image: q.Image, Query: q.Q, Item: findingNumber(q.Finding),
	}
}

type listEventsInput struct {
	PageInput
	EventQuery
}

func (a *API) listEvents(ctx context.Context, in *listEventsInput) (*listOutput[events.View], error) {
	page, err := a.Store.Events(ctx, access.From(ctx).Tenant, in.filter(), in.page())
	if err != nil {
		return nil, err
	}
	out := &listOutput[events.View]{Body: list[events.View]{Items: make([]events.View, 0, len(page.Events)), NextCursor: page.Next}}
	for _, row := range page.Events {
		v, err := events.Decode(row)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, v)
	}
	return out, nil
}

// EventDetail is one event with the reason for its verdict.
type EventDetail struct {
	events.View
	Explain events.Explanation `json:"explain"`
}

func (a *API) getEvent(ctx context.Context, in *IDInput) (*bodyOutput[EventDetail], error) {
	t := access.From(ctx).Tenant
	v, err := a.event(ctx, t, in.ID)
	if err != nil {
		return nil, err
	}
	asked, err := a.askedMode(ctx, t, v)
	if err != nil {
		return nil, err
	}
	g, err := a.Store.Group(ctx, t, v.Group)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return &bodyOutput[EventDetail]{Body: EventDetail{View: v, Explain: events.Explain(v, asked, g.Mode)}}, nil
}

func (a *API) event(ctx context.Context, t tenant.ID, id string) (events.View, error) {
	row, err := a.Store.Event(ctx, t, id)
	if err != nil {
		return events.View{}, err
	}
	return events.Decode(row)
}

// askedMode is what the policy that an event names asks of its control now.
func (a *API) askedMode(ctx context.Context, t tenant.ID, v events.View) (string, error) {
	row, err := a.Store.Policy(ctx, t, v.Policy)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	p, err := policy.Parse([]byte(row.Document))
	if err != nil {
		return "", err
	}
	s, _ := p.Spec.Controls.Setting(policy.ControlID(v.Control))
	return string(s.Mode), nil
}

// Proposal is a change of a policy that nobody has made yet.
type Proposal struct {
	events.Proposal
	ETag string `json:"etag" doc:"Send it as If-Match when you put the policy"`
}

func (a *API) proposeForEvent(ctx context.Context, in *IDInput) (*bodyOutput[Proposal], error) {
	t := access.From(ctx).Tenant
	v, err := a.event(ctx, t, in.ID)
	if err != nil {
		return nil, err
	}
	if v.Policy == "" {
		return nil, huma.NewError(http.StatusUnprocessableEntity, "no policy decided this, so no exception can allow it")
	}
	row, err := a.Store.Policy(ctx, t, v.Policy)
	if err != nil {
		return nil, err
	}
	p, err := events.Propose(v, row.YAML)
	if errors.Is(err, events.ErrNoProposal) {
		return nil, huma.NewError(http.StatusUnprocessableEntity, err.Error())
	}
	if err != nil {
		return nil, err
	}
	return &bodyOutput[Proposal]{Body: Proposal{Proposal: p, ETag: etag(row.Revision)}}, nil
}
