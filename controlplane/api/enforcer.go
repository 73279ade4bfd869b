package api

import (
	"context"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
)

type bundleState struct {
	Epoch   uint64 `json:"epoch"`
	Number  uint64 `json:"number"`
	Current bool   `json:"current" doc:"It is the group's newest"`
}

type eventState struct {
	Generated int64 `json:"generated"`
	Acked     int64 `json:"acked"`
	Dropped   int64 `json:"dropped"`
	Spooled   int64 `json:"spooled"`
}

type enforcerView struct {
	ID              string               `json:"id"`
	Group           string               `json:"group"`
	Kind            string               `json:"kind"`
	Hostname        string               `json:"hostname"`
	Image           string               `json:"image"`
	ImageDigest     string               `json:"imageDigest"`
	IdentityClaimed bool                 `json:"identityClaimed" doc:"The image is the workload's own word"`
	Labels          map[string]string    `json:"labels"`
	Version         string               `json:"version"`
	Rung            string               `json:"rung"`
	Kernel          string               `json:"kernel"`
	Arch            string               `json:"arch"`
	State           string               `json:"state" enum:"connected,stale"`
	Stopping        bool                 `json:"stopping" doc:"It said that its workload has ended"`
	Tasks           int64                `json:"tasks"`
	RemoteAddr      string               `json:"remoteAddr"`
	BootID          string               `json:"bootId"`
	FirstSeen       time.Time            `json:"firstSeen"`
	LastSeen        time.Time            `json:"lastSeen"`
	SkewMs          int64                `json:"skewMs" doc:"How far its clock is ahead of the server's, in milliseconds"`
	Bundle          bundleState          `json:"bundle"`
	Controls        []store.ControlState `json:"controls" nullable:"false"`
	Events          eventState           `json:"events"`
	Facilities      map[string]string    `json:"facilities"`
}

func (a *API) viewEnforcer(e store.Enforcer, newest store.Bundle) enforcerView {
	v := enforcerView{
		ID: e.ID, Group: e.GroupName, Kind: e.Kind, Hostname: e.Hostname, Image: e.Image, ImageDigest: e.ImageDigest,
		IdentityClaimed: e.Claimed, Labels: e.Labels, Version: e.Version, Rung: e.Rung, Kernel: e.Kernel, Arch: e.Arch,
		State: "stale", Stopping: e.Stopping, Tasks: e.Tasks, RemoteAddr: e.RemoteAddr, BootID: e.BootID,
		FirstSeen: store.Time(e.FirstSeen), LastSeen: store.Time(e.LastSeen), SkewMs: e.SkewNs / int64(time.Millisecond),
		Bundle: bundleState{
			Epoch: uint64(e.BundleEpoch), Number: uint64(e.BundleNumber),
			Current: e.BundleNumber > 0 && e.BundleEpoch == newest.Epoch && e.BundleNumber == newest.Number,
		},
		Controls:   e.Controls,
		Events:     eventState{Generated: e.EventsGenerated, Acked: e.EventsAcked, Dropped: e.EventsDropped, Spooled: e.EventsSpooled},
		Facilities: e.Facilities,
	}
	if !e.Stopping && store.Time(e.LastSeen).After(time.Now().Add(-a.StaleAfter)) {
		v.State = "connected"
	}
	if v.Labels == nil {
		v.Labels = map[string]string{}
	}
	if v.Controls == nil {
		v.Controls = []store.ControlState{}
	}
	if v.Facilities == nil {
		v.Facilities = map[string]string{}
	}
	return v
}

type listEnforcersInput struct {
	PageInput
	Group string `query:"group" maxLength:"63"`
	State string `query:"state" enum:"connected,stale"`
	Q     string `query:"q" maxLength:"256" doc:"Part of the id, host name or image"`
}

func (a *API) listEnforcers(ctx context.Context, in *listEnforcersInput) (*listOutput[enforcerView], error) {
	t := access.From(ctx).Tenant
	f := store.EnforcerFilter{Group: in.Group, Query: in.Q}
	switch limit := time.Now().Add(-a.StaleAfter); in.State {
	case "connected":
		f.SeenAfter = limit
	case "stale":
		f.SeenUntil = limit
	}
	rows, next, err := a.Store.Enforcers(ctx, t, f, in.page())
	if err != nil {
		return nil, err
	}
	total, err := a.Store.CountEnforcers(ctx, t, f)
	if err != nil {
		return nil, err
	}
	newest := map[string]store.Bundle{}
	for _, e := range rows {
		if _, ok := newest[e.GroupName]; !ok {
			newest[e.GroupName], _ = a.Publisher.Newest(ctx, t, e.GroupName) // none: nobody has the newest
		}
	}
	out := newList(rows, next, func(e store.Enforcer) enforcerView { return a.viewEnforcer(e, newest[e.GroupName]) })
	out.Body.Total = &total
	return out, nil
}

func (a *API) getEnforcer(ctx context.Context, in *IDInput) (*bodyOutput[enforcerView], error) {
	t := access.From(ctx).Tenant
	e, err := a.Store.Enforcer(ctx, t, in.ID)
	if err != nil {
		return nil, err
	}
	newest, _ := a.Publisher.Newest(ctx, t, e.GroupName)
	return &bodyOutput[enforcerView]{Body: a.viewEnforcer(e, newest)}, nil
}
