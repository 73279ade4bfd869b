package api

import (
	"context"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/store"
)

// Dashboard is the state of a tenant at a glance.
type Dashboard struct {
	Enforcers struct {
		Total     int `json:"total"`
		Connected int `json:"connected"`
		Stale     int `json:"stale"`
	} `json:"enforcers"`
	Events24h     VerdictCounts   `json:"events24h"`
	Timeline      []TimelinePoint `json:"timeline" nullable:"false" doc:"The last 24 hours"`
	BucketSeconds int64           `json:"bucketSeconds"`
	TopControls   []TopCount      `json:"topControls" nullable:"false"`
	TopImages     []TopCount      `json:"topImages" nullable:"false"`
	Recent        []events.View   `json:"recent" nullable:"false" doc:"The newest events that broke a rule"`
	Policies      int             `json:"policies"`
	Groups        int             `json:"groups"`
	Versions      map[string]int  `json:"versions" doc:"Enforcers by the version they run"`
	VersionSkew   int             `json:"versionSkew" doc:"Enforcers whose version is not the server's"`
	Version       string          `json:"version" doc:"Of this server"`
}

// recentEvents is how many events the dashboard shows.
const recentEvents = 10

func (a *API) getDashboard(ctx context.Context, _ *struct{}) (*bodyOutput[Dashboard], error) {
	t := access.From(ctx).Tenant
	now := time.Now().UTC()
	var d Dashboard
	m, err := a.members(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range m {
		d.Enforcers.Total += g[0]
		d.Enforcers.Connected += g[1]
	}
	d.Enforcers.Stale = d.Enforcers.Total - d.Enforcers.Connected
	s, err := a.summary(ctx, t, "", now.Add(-24*time.Hour), now, 0)
	if err != nil {
		return nil, err
	}
	d.Events24h, d.Timeline, d.BucketSeconds = s.Totals, s.Timeline, s.BucketSeconds
	d.TopControls, d.TopImages = s.TopControls, s.TopImages
	if d.Recent, err = a.recent(ctx); err != nil {
		return nil, err
	}
	if d.Policies, err = a.Store.CountPolicies(ctx, t); err != nil {
		return nil, err
	}
	if d.Groups, err = a.Store.CountGroups(ctx, t); err != nil {
		return nil, err
	}
	if d.Versions, err = a.Store.EnforcersByVersion(ctx, t); err != nil {
		return nil, err
	}
	for version, n := range d.Versions {
		if version != a.Version {
			d.VersionSkew += n
		}
	}
	d.Version = a.Version
	return &bodyOutput[Dashboard]{Body: d}, nil
}

// recent gives the newest events with verdict audit or deny.
func (a *API) recent(ctx context.Context) ([]events.View, error) {
	t := access.From(ctx).Tenant
	var rows []store.Event
	for _, verdict := range []string{"deny", "audit"} {
		page, err := a.Store.Events(ctx, t, store.EventFilter{Verdict: verdict}, store.Page{Limit: recentEvents})
		if err != nil {
			return nil, err
		}
		rows = append(rows, page.Events...)
	}
	views := make([]events.View, 0, len(rows))
	for _, row := range rows {
		v, err := events.Decode(row)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	sortNewest(views)
	return views[:min(len(views), recentEvents)], nil
}
