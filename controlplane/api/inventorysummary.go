package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// Bounds of what the dashboard shows of the inventory.
const (
	topShown   = 8
	topLooked  = 100 // of each list that the top is chosen from
	daysShown  = 90
	gapsListed = 50
)

type inventoryDayView struct {
	Day       string `json:"day"`
	Artifacts int64  `json:"artifacts"`
	Failing   int64  `json:"failing" doc:"Whose newest verdict is fail"`
	Risk      int64  `json:"risk" doc:"Sum over all artefacts"`
	Exploited int64  `json:"exploited" doc:"Artefacts with something that is known to be exploited"`
	Critical  int64  `json:"critical" doc:"Vulnerabilities, artefact by artefact"`
	High      int64  `json:"high"`
	Medium    int64  `json:"medium"`
	Low       int64  `json:"low"`
	Fixable   int64  `json:"fixable"`
	Running   int64  `json:"running" doc:"Different images that enforcers run"`
	Unscanned int64  `json:"unscanned" doc:"Of those, never scanned"`
}

func viewDay(d store.InventoryDay) inventoryDayView {
	return inventoryDayView{d.Day, d.Artifacts, d.Failing, d.Risk, d.Exploited, d.Critical, d.High, d.Medium, d.Low, d.Fixable, d.Running, d.Unscanned}
}

type gapView struct {
	Image       string `json:"image"`
	ImageDigest string `json:"imageDigest"`
	Enforcers   int64  `json:"enforcers"`
}

type inventoryView struct {
	Now             inventoryDayView    `json:"now"`
	Days            []inventoryDayView  `json:"days" nullable:"false" doc:"As it was at the end of each day, the oldest first; the last is now"`
	Artifacts       []artifactView      `json:"artifacts" nullable:"false" doc:"What to fix first: what runs, then by risk"`
	Vulnerabilities []vulnerabilityView `json:"vulnerabilities" nullable:"false" doc:"Exploited, then running, then by severity and likelihood"`
	Gaps            []gapView           `json:"gaps" nullable:"false" doc:"Images that run and were never scanned"`
}

// getInventory is the state of the inventory at a glance.
func (a *API) getInventory(ctx context.Context, _ *struct{}) (*bodyOutput[inventoryView], error) {
	t := access.From(ctx).Tenant
	v := inventoryView{Days: []inventoryDayView{}, Artifacts: []artifactView{}, Vulnerabilities: []vulnerabilityView{}, Gaps: []gapView{}}
	now, err := a.Store.InventoryNow(ctx, t)
	if err != nil {
		return nil, err
	}
	v.Now = viewDay(now)
	days, err := a.Store.InventoryDays(ctx, t, store.Now().Add(-daysShown*24*time.Hour).Format(time.DateOnly))
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		if d.Day != now.Day {
			v.Days = append(v.Days, viewDay(d))
		}
	}
	v.Days = append(v.Days, v.Now)
	if v.Artifacts, err = a.topArtifacts(ctx, t); err != nil {
		return nil, err
	}
	if v.Vulnerabilities, err = a.topVulnerabilities(ctx, t); err != nil {
		return nil, err
	}
	images, err := a.Store.RunningImages(ctx, t)
	if err != nil {
		return nil, err
	}
	for _, i := range images {
		if !i.Scanned && len(v.Gaps) < gapsListed {
			v.Gaps = append(v.Gaps, gapView{i.Image, i.ImageDigest, i.Enforcers})
		}
	}
	return &bodyOutput[inventoryView]{Body: v}, nil
}

func (a *API) topArtifacts(ctx context.Context, t tenant.ID) ([]artifactView, error) {
	out := []artifactView{}
	for _, f := range []store.ArtifactFilter{{ByRisk: true, Running: true}, {ByRisk: true}} {
		rows, _, err := a.Store.Artifacts(ctx, t, f, store.Page{Limit: topShown})
		if err != nil {
			return nil, err
		}
		digests := make([]string, len(rows))
		for i, r := range rows {
			digests[i] = r.Digest
		}
		running, err := a.Store.Running(ctx, t, digests)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if len(out) < topShown && r.Risk > 0 && !slices.ContainsFunc(out, func(o artifactView) bool { return o.ID == r.ID }) {
				view := viewArtifact(r)
				view.Running = running[r.Digest]
				out = append(out, view)
			}
		}
	}
	return out, nil
}

func (a *API) topVulnerabilities(ctx context.Context, t tenant.ID) ([]vulnerabilityView, error) {
	all := []store.Vulnerability{}
	for _, f := range []store.VulnerabilityFilter{{Severity: -1, KEV: true}, {Severity: -1, Running: true}, {Severity: -1}} {
		rows, _, err := a.Store.Vulnerabilities(ctx, t, f, store.Page{Limit: topLooked})
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	one := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	slices.SortFunc(all, func(x, y store.Vulnerability) int {
		return cmp.Or(cmp.Compare(one(y.KEV), one(x.KEV)), cmp.Compare(one(y.Running > 0), one(x.Running > 0)), cmp.Compare(y.Severity, x.Severity),
			cmp.Compare(y.EPSS, x.EPSS), cmp.Compare(y.Artifacts, x.Artifacts), cmp.Compare(x.Vulnerability, y.Vulnerability))
	})
	all = slices.CompactFunc(all, func(x, y store.Vulnerability) bool { return x.Vulnerability == y.Vulnerability })
	out := []vulnerabilityView{}
	for _, v := range all[:min(len(all), topShown)] {
		out = append(out, viewVulnerability(v))
	}
	return out, nil
}
