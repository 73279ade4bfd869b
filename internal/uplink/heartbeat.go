package uplink

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// Bounds of the interval that the control plane asks for.
const (
	defaultInterval = 30 * time.Second
	minInterval     = 5 * time.Second
	maxInterval     = 10 * time.Minute
	// refusedInterval is the pause after the identity has been refused several
	// times: by then nothing but a person or a restored database will help.
	refusedInterval = 10 * time.Minute
	refusedTries    = 3
)

// heartbeats tells the status at the interval that the control plane asks for,
// and keeps the certificate fresh. It is the one that deals with a refused
// identity.
func (u *Uplink) heartbeats(ctx context.Context) {
	b := backoff{min: time.Second, max: time.Minute}
	refused := 0
	wait := time.Duration(0)
	for u.sleep(ctx, wait, refused < refusedTries) {
		interval, err := u.beat(ctx)
		switch {
		case err == nil:
			refused = 0
			b.reset()
			u.wipeToken()
			wait = jitter(interval)
		case ctx.Err() != nil:
			return
		case errors.Is(err, wire.ErrIdentity):
			refused++
			if u.reenrol(ctx) {
				refused, wait = 0, 0
				continue
			}
			wait = b.next(err)
			if refused >= refusedTries {
				wait = jitter(refusedInterval)
			}
			if refused <= refusedTries {
				u.cfg.Logger.Error("the control plane refuses this enforcer", "error", err, "again", wait.Round(time.Second))
			}
		default:
			wait = b.next(err)
			u.cfg.Logger.Debug("heartbeat failed", "error", err, "again", wait)
		}
	}
}

// beat renews if it is time and sends one heartbeat.
func (u *Uplink) beat(ctx context.Context) (time.Duration, error) {
	i := u.ident.Load()
	if now := u.now(); now.After(i.halfLife()) {
		if err := u.renew(ctx); err != nil {
			if now.After(i.cert.NotAfter) {
				return 0, err // nothing else would be heard
			}
			u.cfg.Logger.Warn("cannot renew the certificate yet", "error", err, "expires", i.cert.NotAfter)
		}
	}
	return u.heartbeat(ctx, false)
}

// heartbeat makes one call. It gives the interval until the next.
func (u *Uplink) heartbeat(ctx context.Context, stopping bool) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	m := u.status()
	m.BootId, m.Stopping = u.queue.boot, m.Stopping || stopping
	s := u.queue.stats()
	m.EventsGenerated, m.EventsAcked, m.EventsDropped, m.EventsSpooled = s.Generated, s.Acked, s.Dropped, s.Queued
	m.SentAtNs = time.Now().UnixNano()
	a, err := u.gw.Heartbeat(ctx, m)
	if u.note(err) != nil {
		return 0, err
	}
	d := time.Duration(a.IntervalSeconds) * time.Second
	if d <= 0 {
		d = defaultInterval
	}
	return min(max(d, minInterval), maxInterval), nil
}

// status is the enforcer's own, with what the configuration knows filled in.
func (u *Uplink) status() *wirepb.HeartbeatRequest {
	m := &wirepb.HeartbeatRequest{}
	if u.cfg.Status != nil {
		if s := u.cfg.Status(); s != nil {
			m = proto.CloneOf(s) // the caller may keep and reuse its own
		}
	}
	fill := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	fill(&m.Version, u.cfg.Version)
	fill(&m.Rung, u.cfg.Rung)
	fill(&m.Hostname, u.cfg.Hostname)
	if m.Workload == nil {
		m.Workload = u.cfg.Workload
	}
	return m
}

// reenrol replaces an identity from an earlier start that is refused now, if
// there is still a token to do it with.
func (u *Uplink) reenrol(ctx context.Context) bool {
	if !u.hasToken() {
		return false
	}
	key, csr, err := newRequest()
	if err != nil {
		return false
	}
	id, err := u.tryEnrol(ctx, key, csr)
	if u.note(err) != nil {
		if errors.Is(err, wire.ErrToken) {
			u.wipeToken() // it will not get better
		}
		return false
	}
	u.adopt(id)
	u.cfg.Logger.Info("enrolled anew, the stored identity was refused", "enforcer", id.id)
	return true
}

// poke asks for a heartbeat soon.
func (u *Uplink) poke() {
	select {
	case u.nudge <- struct{}{}:
	default:
	}
}

// sleep waits for d or, if it may be woken, until poked, but then about a second
// at least. False: ctx ended.
func (u *Uplink) sleep(ctx context.Context, d time.Duration, wake bool) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	nudge := u.nudge
	if !wake {
		nudge = nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	case <-nudge:
		return pause(ctx, jitter(time.Second))
	}
}
