package api

import (
	"context"
	"time"

	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// UseQuery narrows a list to packages of which one thing is known.
type UseQuery struct {
	InUse string `query:"inUse" enum:"yes,notSeen" doc:"Only what learned profiles show in use, or what profiles that are ready do not show"`
}

func (in UseQuery) packages(u *inventory.Usage) []string {
	if in.InUse == "" {
		return nil
	}
	return u.Packages(inventory.Use(in.InUse))
}

// usage says what an artefact's workloads were seen to use; nil: there is no
// profile of it, and its report was not read.
func (a *API) usage(ctx context.Context, t tenant.ID, id string) (*inventory.Usage, error) {
	row, err := a.Store.Artifact(ctx, t, id)
	if err != nil || row.Digest == "" {
		return nil, err
	}
	profiles, err := a.Store.ProfilesOfImage(ctx, t, row.Digest, 1)
	if err != nil || len(profiles) == 0 {
		return nil, err
	}
	scan, err := a.Store.Scan(ctx, t, row.ScanID)
	if err != nil {
		return nil, err
	}
	report, err := a.reports.Get(ctx, a.Store.Reader, t, scan)
	if err != nil {
		return nil, err
	}
	return inventory.LoadUsage(ctx, a.Store.Reader, t, report, store.Now())
}

type useView struct {
	InUse    string        `json:"inUse" enum:"yes,notSeen,unknown" doc:"yes: a workload of the image executed or opened a file of it; notSeen: profiles that are ready show none of its programs and libraries; unknown: neither"`
	Evidence []useEvidence `json:"evidence,omitempty" doc:"The last sightings"`
}

type useEvidence struct {
	Path     string    `json:"path"`
	How      string    `json:"how" enum:"executed,opened"`
	By       string    `json:"by,omitempty" doc:"The program that did"`
	Group    string    `json:"group"`
	LastSeen time.Time `json:"lastSeen"`
}

func viewUse(u *inventory.Usage, id string) useView {
	use, seen := u.Of(id)
	v := useView{InUse: string(use)}
	for _, e := range seen {
		v.Evidence = append(v.Evidence, useEvidence{e.Path, e.How, e.By, e.Group, e.LastSeen})
	}
	return v
}
