package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/limpet-security/limpet/controlplane/learn"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/profile"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// longestPart is the longest time that one part of a profile is believed to
// cover.
const longestPart = 24 * time.Hour

// PushProfile commits one part of a workload's profile. Whose it is is the
// gateway's word; what it says is the enforcer's.
func (s *Service) PushProfile(ctx context.Context, m *wirepb.ControlPushProfileRequest) (*wirepb.PushProfileResponse, error) {
	t, e, err := s.who(ctx, m.GetIdentity())
	if err != nil {
		return nil, refused(err)
	}
	r := m.GetRequest()
	if err := wire.ValidateProfile(r); err != nil {
		return nil, err
	}
	received := m.ReceivedAtNs
	if received <= 0 {
		received = time.Now().UnixNano()
	}
	setWorkload(&e, r.Workload)
	d := store.ProfileDelta{EnforcerID: e.ID, BootID: r.BootId, Sequence: int64(r.Sequence)}
	d.GroupName, d.Image, d.ImageDigest = e.GroupName, e.Image, e.ImageDigest
	switch {
	case e.ImageDigest != "":
		d.Workload = e.ImageDigest
	case e.Image != "":
		d.Workload = e.Image
	default:
		d.Workload = "unknown image"
	}
	d.FirstSeen, d.LastSeen = believe(r.FromNs, e.SkewNs, received), believe(r.UntilNs, e.SkewNs, received)
	d.ObservedNs = min(max(r.UntilNs-r.FromNs, 0), int64(longestPart))
	d.Dropped, d.MaxTasks = int64(r.Dropped), int64(r.MaxTasks)
	at := map[int64]int{}
	for _, it := range r.Items {
		// An enforcer makes patterns of names; what stands for more than that would
		// stand in a policy that was learned from it.
		if !profile.Made(it.Exe) || !profile.Made(it.Path) || !profile.Made(it.Interpreter) {
			return nil, wire.Errorf(wire.ErrInvalid, "items: a pattern that no enforcer makes")
		}
		row, err := learn.FromWire(it).Row()
		if err != nil {
			return nil, wire.Errorf(wire.ErrInvalid, "items: %v", err)
		}
		row.N = int64(max(it.Count, 1))
		row.FirstSeen, row.LastSeen = believe(it.FirstNs, e.SkewNs, received), believe(it.LastNs, e.SkewNs, received)
		if it.FirstTime {
			row.Starts = 1
		}
		if i, twice := at[row.ItemKey]; twice { // cleaned text may have made two things one
			d.Items[i].N += row.N
			continue
		}
		at[row.ItemKey] = len(d.Items)
		d.Items = append(d.Items, row)
	}
	err = s.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AddProfile(ctx, t, d)
		return err
	})
	if errors.Is(err, store.ErrProfiles) {
		return nil, wire.Errorf(wire.ErrInvalid, "workload: %v; have the group forget what it learned", err)
	}
	if err != nil {
		return nil, refused(err)
	}
	return &wirepb.PushProfileResponse{AckedSequence: r.Sequence}, nil
}
