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
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/learn"
	"github.com/limpet-security/limpet/controlplane/publish"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/internal/verdict"
)

// profileView is one workload of a group and how far its learning has come.
type profileView struct {
	Workload        string          `json:"workload" doc:"Image digest, or else the image"`
	Image           string          `json:"image"`
	ImageDigest     string          `json:"imageDigest"`
	FirstSeen       time.Time       `json:"firstSeen"`
	LastSeen        time.Time       `json:"lastSeen"`
	LastNew         time.Time       `json:"lastNew" doc:"When something was seen for the first time"`
	ObservedSeconds int64           `json:"observedSeconds" doc:"All starts together"`
	Starts          int64           `json:"starts"`
	Occurrences     int64           `json:"occurrences"`
	Dropped         int64           `json:"dropped" doc:"Occurrences that are in no item"`
	MaxTasks        int64           `json:"maxTasks"`
	Kinds           map[string]int  `json:"kinds" doc:"Different things by kind"`
	Readiness       learn.Readiness `json:"readiness"`
}

func viewProfile(p store.Profile, items []learn.Item, now time.Time) profileView {
	v := profileView{
		Workload: p.Workload, Image: p.Image, ImageDigest: p.ImageDigest, FirstSeen: store.Time(p.FirstSeen), LastSeen: store.Time(p.LastSeen),
		LastNew: store.Time(p.LastNew), ObservedSeconds: p.ObservedNs / int64(time.Second), Starts: p.Starts, Occurrences: p.Occurrences,
		Dropped: p.Dropped, MaxTasks: p.MaxTasks, Kinds: map[string]int{}, Readiness: learn.Assess(p, items, now),
	}
	for _, it := range items {
		v.Kinds[it.Kind]++
	}
	return v
}

type profilesInput struct {
	NameInput
	PageInput
}

func (a *API) listProfiles(ctx context.Context, in *profilesInput) (*listOutput[profileView], error) {
	t := access.From(ctx).Tenant
	if _, err := a.Store.Group(ctx, t, in.Name); err != nil {
		return nil, err
	}
	rows, next, err := a.Store.Profiles(ctx, t, in.Name, in.page())
	if err != nil {
		return nil, err
	}
	now := time.Now()
	out := &listOutput[profileView]{Body: list[profileView]{Items: []profileView{}, NextCursor: next}}
	for _, p := range rows {
		items, err := a.profileItems(ctx, t, in.Name, p.Workload, time.Time{}, time.Time{})
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, viewProfile(p, items, now))
	}
	return out, nil
}

func (a *API) profileItems(ctx context.Context, t tenant.ID, group, workload string, from, until time.Time) ([]learn.Item, error) {
	rows, err := a.Store.ProfileItems(ctx, t, group, workload, from, until)
	if err != nil {
		return nil, err
	}
	items := make([]learn.Item, 0, len(rows))
	for _, r := range rows {
		it, err := learn.FromRow(r)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, nil
}

type profileItemsInput struct {
	NameInput
	PageInput
	Workload string `query:"workload" maxLength:"512" required:"true" doc:"As a profile names it"`
	Kind     string `query:"kind" enum:"exec,connect,listen,socket,privilege,file,dns"`
}

func (a *API) listProfileItems(ctx context.Context, in *profileItemsInput) (*listOutput[learn.Item], error) {
	t := access.From(ctx).Tenant
	if _, err := a.Store.Group(ctx, t, in.Name); err != nil {
		return nil, err
	}
	rows, next, err := a.Store.ProfileItemPage(ctx, t, in.Name, in.Workload, in.Kind, in.page())
	if err != nil {
		return nil, err
	}
	out := &listOutput[learn.Item]{Body: list[learn.Item]{Items: make([]learn.Item, 0, len(rows)), NextCursor: next}}
	for _, r := range rows {
		it, err := learn.FromRow(r)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, it)
	}
	return out, nil
}

func (a *API) deleteProfiles(ctx context.Context, in *deleteNamedInput) (*noOutput, error) {
	t := access.From(ctx).Tenant
	return nil, a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		g, err := c.Group(ctx, t, in.Name)
		if err != nil {
			return err
		}
		if err := in.checkIfGiven(g.Version); err != nil {
			return err
		}
		n, err := c.DeleteProfiles(ctx, t, g.Name)
		if err != nil {
			return err
		}
		return c.record(ctx, "forget", "profile", g.Name, map[string]any{"workloads": n}, nil)
	})
}

// LearnRange narrows what is looked at.
type LearnRange struct {
	Workload string    `json:"workload,omitempty" maxLength:"512" doc:"One workload; absent: all of the group"`
	From     time.Time `json:"from,omitzero" doc:"What was last seen before is left out"`
	Until    time.Time `json:"until,omitzero" doc:"What was first seen later is left out"`
}

type learnInput struct {
	NameInput
	Body struct {
		LearnRange
		PolicyName string `json:"policyName,omitempty" pattern:"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$" maxLength:"63" doc:"Of the proposal; the group's name followed by -learned if absent"`
	}
}

// learnView is a proposal and how far it can be trusted.
type learnView struct {
	learn.Proposal
	Readiness map[string]learn.Readiness `json:"readiness" doc:"By workload"`
}

func (a *API) learnPolicy(ctx context.Context, in *learnInput) (*bodyOutput[learnView], error) {
	t := access.From(ctx).Tenant
	if _, err := a.Store.Group(ctx, t, in.Name); err != nil {
		return nil, err
	}
	items, err := a.profileItems(ctx, t, in.Name, in.Body.Workload, in.Body.From, in.Body.Until)
	if err != nil {
		return nil, err
	}
	v := learnView{Readiness: map[string]learn.Readiness{}}
	profiles, _, err := a.Store.Profiles(ctx, t, in.Name, store.Page{Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	of := map[string][]learn.Item{}
	for _, it := range items {
		of[it.Workload] = append(of[it.Workload], it)
	}
	for _, p := range profiles {
		if own := of[p.Workload]; len(own) > 0 {
			v.Readiness[p.Workload] = learn.Assess(p, own, time.Now())
		}
	}
	name := in.Body.PolicyName
	if name == "" {
		name = in.Name[:min(len(in.Name), 55)] + "-learned"
	}
	v.Proposal, err = learn.Propose(items, learn.Options{Name: name, Group: in.Name, From: in.Body.From, Until: in.Body.Until, Scores: v.Readiness})
	if errors.Is(err, learn.ErrNothing) {
		return nil, huma.NewError(http.StatusConflict, fmt.Sprintf("nothing has been learned of group %q in that time; switch learning on and run its workloads", in.Name))
	}
	if err != nil {
		return nil, err
	}
	return &bodyOutput[learnView]{Body: v}, nil
}

type simulateInput struct {
	NameInput
	Body struct {
		YAML     string          `json:"yaml,omitempty" maxLength:"1048576" doc:"A policy, stored or not"`
		Document json.RawMessage `json:"document,omitempty" doc:"The same as JSON"`
		LearnRange
		Policies []string `json:"policies,omitempty" maxItems:"100" doc:"Names of stored policies, instead of or beside yaml; if neither is given, those of the group"`
	}
}

// Bounds of a simulation over events.
const (
	maxSimulated = 50_000
	simulateTime = 15 * time.Second
)

func (a *API) simulatePolicy(ctx context.Context, in *simulateInput) (*bodyOutput[learn.Simulation], error) {
	t := access.From(ctx).Tenant
	g, err := a.Store.Group(ctx, t, in.Name)
	if err != nil {
		return nil, err
	}
	var policies []*policy.RuntimePolicy
	if in.Body.YAML != "" || len(in.Body.Document) > 0 {
		_, p, err := (policyBody{YAML: in.Body.YAML, Document: in.Body.Document}).parse()
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	names := in.Body.Policies
	if len(names) == 0 && len(policies) == 0 {
		names = g.Policies
	}
	for _, n := range names {
		row, err := a.Store.Policy(ctx, t, n)
		if err != nil {
			return nil, err
		}
		p, err := policy.Parse([]byte(row.Document))
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	for _, p := range policies {
		p.Spec.Scope = policy.Scope{} // the question is what it would do here
	}
	lists, err := publish.Lists(ctx, a.Store.Reader, t, policies)
	if err != nil {
		return nil, err
	}
	trial, err := learn.NewTrial(policies, verdict.Workload{Group: g.Name, Labels: g.Labels, Lists: lists})
	if err != nil {
		return nil, huma.NewError(http.StatusUnprocessableEntity, err.Error())
	}
	items, err := a.profileItems(ctx, t, g.Name, in.Body.Workload, in.Body.From, in.Body.Until)
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		trial.Item(it)
	}
	rest, err := a.simulateEvents(ctx, t, g.Name, in.Body.LearnRange, trial)
	if err != nil {
		return nil, err
	}
	s := trial.Result()
	if rest {
		s.NotTried = append(s.NotTried, learn.Unjudged{What: "events", Why: fmt.Sprintf("only the newest %d are tried, for at most %s", maxSimulated, simulateTime)})
	}
	return &bodyOutput[learn.Simulation]{Body: s}, nil
}

// simulateEvents tries recorded events, newest first; rest says that there
// are more.
func (a *API) simulateEvents(ctx context.Context, t tenant.ID, group string, r LearnRange, trial *learn.Trial) (rest bool, err error) {
	end := time.Now().Add(simulateTime)
	f := store.EventFilter{Group: group, From: r.From, To: r.Until}
	for n, cursor := 0, ""; ; {
		page, err := a.Store.Events(ctx, t, f, store.Page{Cursor: cursor, Limit: store.MaxLimit})
		if err != nil {
			return false, err
		}
		for _, row := range page.Events {
			v, err := events.Decode(row)
			if err != nil {
				return false, err
			}
			if r.Workload == "" || r.Workload == v.Workload.ImageDigest || r.Workload == v.Workload.Image {
				trial.Event(v)
			}
		}
		n += len(page.Events)
		if cursor = page.Next; cursor == "" {
			return false, nil
		}
		if n >= maxSimulated || time.Now().After(end) {
			return true, nil
		}
	}
}
