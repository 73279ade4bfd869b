package uplink

import (
	"context"
	"errors"
	"time"

	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// Pauses between the parts of a profile: soon at first, so that a person who
// watches sees something, then rarely.
const (
	profileFirst = time.Second
	profileEvery = 10 * time.Second
	// profileAway is the pause after a gateway that does not know the call.
	profileAway = 10 * time.Minute
)

// profiles hands in what the enforcer has learned, part by part.
func (u *Uplink) profiles(ctx context.Context) {
	b := backoff{min: profileFirst, max: profileAway}
	wait := profileFirst
	for pause(ctx, wait) {
		more, err := u.handIn(ctx)
		switch {
		case err != nil:
			wait = b.next(err)
		case more:
			b.reset()
			wait = profileFirst
		default:
			wait = jitter(profileEvery)
		}
	}
}

// handIn makes one call, if there is something to hand in. It says whether
// there was.
func (u *Uplink) handIn(ctx context.Context) (bool, error) {
	u.handing.Lock() // one part at a time: the last one comes from Flush
	defer u.handing.Unlock()
	d := u.cfg.Profile.Delta()
	if d == nil {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	m := &wirepb.PushProfileRequest{
		BootId: u.queue.boot, Sequence: d.Sequence, Items: d.Items, Dropped: d.Dropped, FromNs: d.FromNs, UntilNs: d.UntilNs,
		MaxTasks: d.MaxTasks, Workload: u.cfg.Workload,
	}
	a, err := u.gw.PushProfile(ctx, m)
	switch {
	case err == nil:
		u.cfg.Profile.Acked(a.AckedSequence)
	case errors.Is(err, wire.ErrInvalid) || errors.Is(err, wire.ErrTooLarge):
		u.cfg.Logger.Error("the gateway refuses a part of the profile", "error", err)
		u.cfg.Profile.Refused()
	}
	return true, err
}

// flushProfile hands in all that is left.
func (u *Uplink) flushProfile(ctx context.Context) error {
	if u.cfg.Profile == nil || u.ident.Load() == nil {
		return nil
	}
	for {
		if more, err := u.handIn(ctx); err != nil || !more {
			return err
		}
	}
}
