package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
)

// FindingView is one root cause.
type FindingView struct {
	ID           string     `json:"id"`
	Control      string     `json:"control"`
	ControlTitle string     `json:"controlTitle"`
	Rule         string     `json:"rule"`
	Policy       string     `json:"policy"`
	Image        string     `json:"image"`
	ImageDigest  string     `json:"imageDigest"`
	Executable   string     `json:"executable"`
	Object       string     `json:"object" doc:"Class of what was acted upon"`
	Kind         string     `json:"kind"`
	Technique    string     `json:"technique"`
	Audited      int64      `json:"audited" doc:"Occurrences that were let through and reported"`
	Denied       int64      `json:"denied"`
	FirstSeen    time.Time  `json:"firstSeen"`
	LastSeen     time.Time  `json:"lastSeen"`
	State        string     `json:"state" enum:"open,acknowledged,muted" doc:"As it holds now: one that has expired is open"`
	Reason       string     `json:"reason"`
	ChangedBy    string     `json:"changedBy"`
	ChangedAt    *time.Time `json:"changedAt,omitempty"`
	ExpiresAt    *time.Time `json:"expiresAt,omitempty"`
	Since        int64      `json:"since" doc:"Occurrences since the state was changed"`
	Version      int64      `json:"version" doc:"The ETag without its quotes"`
}

func viewFinding(f store.Finding, now time.Time) FindingView {
	return FindingView{
		ID: events.FindingID(f.Item), Control: f.Control, ControlTitle: policy.ControlID(f.Control).Title(), Rule: f.Rule, Policy: f.Policy,
		Image: f.Image, ImageDigest: f.ImageDigest, Executable: f.Executable, Object: f.Object, Kind: f.Kind, Technique: f.Technique,
		Audited: f.Audited, Denied: f.Denied, FirstSeen: store.Time(f.FirstSeen), LastSeen: store.Time(f.LastSeen), State: f.StateAt(now),
		Reason: f.Reason, ChangedBy: f.ChangedBy, ChangedAt: when(f.ChangedAt), ExpiresAt: when(f.ExpiresAt),
		Since: f.Audited + f.Denied - f.SeenThen, Version: f.Version,
	}
}

// findingNumber reads the id of a finding; one that is none matches nothing.
func findingNumber(s string) int64 {
	if s == "" {
		return 0
	}
	if n := events.ParseFindingID(s); n != 0 {
		return n
	}
	return math.MinInt64
}

type listFindingsInput struct {
	PageInput
	State   string `query:"state" enum:"open,acknowledged,muted"`
	Control string `query:"control" maxLength:"64"`
	Group   string `query:"group" maxLength:"63"`
	Image   string `query:"image" maxLength:"512" doc:"Name, or digest (sha256:...)"`
	Q       string `query:"q" maxLength:"256" doc:"Part of the program, the object, the rule or the policy"`
}

// findingList is a page of findings with the number of all by state.
type findingList struct {
	Items      []FindingView  `json:"items" nullable:"false"`
	NextCursor string         `json:"nextCursor,omitempty"`
	States     map[string]int `json:"states" doc:"How many findings there are by state, counted up to 10,000: 10,001 means more"`
}

func (a *API) listFindings(ctx context.Context, in *listFindingsInput) (*bodyOutput[findingList], error) {
	t, now := access.From(ctx).Tenant, time.Now()
	rows, next, err := a.Store.Findings(ctx, t, store.FindingFilter{
		State: in.State, Control: in.Control, Group: in.Group, Image: in.Image, Query: in.Q, Now: now,
	}, in.page())
	if err != nil {
		return nil, err
	}
	out := &bodyOutput[findingList]{Body: findingList{Items: newList(rows, next, func(f store.Finding) FindingView { return viewFinding(f, now) }).Body.Items, NextCursor: next}}
	out.Body.States, err = a.Store.CountFindings(ctx, t, now)
	return out, err
}

// findingPlace is where a finding was met.
type findingPlace struct {
	Group      string    `json:"group"`
	EnforcerID string    `json:"enforcerId"`
	Count      int64     `json:"count"`
	LastSeen   time.Time `json:"lastSeen"`
}

type findingDetail struct {
	FindingView
	Places     []findingPlace `json:"places" nullable:"false" doc:"Most often first, at most 100"`
	PlaceCount int            `json:"placeCount"`
}

const maxPlaces = 100

func (a *API) oneFinding(ctx context.Context, f store.Finding) (*oneOutput[findingDetail], error) {
	rows, n, err := a.Store.FindingPlaces(ctx, access.From(ctx).Tenant, f.Item, maxPlaces)
	if err != nil {
		return nil, err
	}
	d := findingDetail{FindingView: viewFinding(f, time.Now()), Places: []findingPlace{}, PlaceCount: n}
	for _, p := range rows {
		d.Places = append(d.Places, findingPlace{p.GroupName, p.EnforcerID, p.N, store.Time(p.LastSeen)})
	}
	return &oneOutput[findingDetail]{ETag: etag(f.Version), Body: d}, nil
}

func (a *API) getFinding(ctx context.Context, in *IDInput) (*oneOutput[findingDetail], error) {
	f, err := a.Store.Finding(ctx, access.From(ctx).Tenant, findingNumber(in.ID))
	if err != nil {
		return nil, err
	}
	return a.oneFinding(ctx, f)
}

type putFindingInput struct {
	IDInput
	DryInput
	MatchInput
	Body struct {
		State     string    `json:"state" enum:"open,acknowledged,muted"`
		Reason    string    `json:"reason,omitempty" maxLength:"1024" doc:"Why; needed unless it is opened again"`
		ExpiresAt time.Time `json:"expiresAt,omitzero" doc:"When it is open again; absent: never"`
	}
}

func (a *API) putFinding(ctx context.Context, in *putFindingInput) (*oneOutput[findingDetail], error) {
	who := access.From(ctx)
	b := in.Body
	b.Reason = strings.TrimSpace(b.Reason)
	switch {
	case b.State != store.FindingOpen && b.Reason == "":
		return nil, huma.NewError(http.StatusUnprocessableEntity, "say why: reason")
	case !b.ExpiresAt.IsZero() && !b.ExpiresAt.After(time.Now()):
		return nil, huma.NewError(http.StatusUnprocessableEntity, "expiresAt lies in the past")
	}
	var f store.Finding
	err := a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) (err error) {
		if f, err = c.Finding(ctx, who.Tenant, findingNumber(in.ID)); err != nil {
			return err
		}
		if err := in.check(f.Version); err != nil {
			return err
		}
		before := f
		f.State, f.Reason, f.ChangedBy, f.ExpiresAt, f.SeenThen = b.State, b.Reason, who.Name, 0, f.Audited+f.Denied
		if b.State != store.FindingOpen && !b.ExpiresAt.IsZero() {
			f.ExpiresAt = b.ExpiresAt.UnixNano()
		}
		if f, err = c.SetFinding(ctx, who.Tenant, f); err != nil {
			return err
		}
		say := func(f store.Finding) map[string]any {
			return map[string]any{"state": f.State, "reason": f.Reason, "expiresAt": when(f.ExpiresAt), "control": f.Control, "executable": f.Executable}
		}
		return c.record(ctx, "update", "finding", events.FindingID(f.Item), say(before), say(f))
	})
	if err != nil {
		return nil, fmt.Errorf("cannot change finding: %w", err)
	}
	return a.oneFinding(ctx, f)
}
