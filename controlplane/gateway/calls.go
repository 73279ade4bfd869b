package gateway

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"connectrpc.com/connect"

	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/handler"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// calls is the Gateway service behind front: validate, forward, answer.
type calls struct{ g *Gateway }

// identity is the gateway's word about a caller.
func (c caller) identity() *wirepb.Identity {
	i := c.presented.Identity
	return &wirepb.Identity{Tenant: i.Tenant, EnforcerId: i.ID, Group: i.Group, Kind: i.Kind, Certificate: c.presented.Certificate.Raw}
}

func (c caller) key() string { return c.presented.Identity.Tenant + "/" + c.presented.Identity.ID }

func (s calls) Enroll(ctx context.Context, r *connect.Request[wirepb.EnrollRequest]) (*connect.Response[wirepb.EnrollResponse], error) {
	c := callerOf(ctx)
	return forward(ctx, s.g, r, wire.ValidateEnroll, func(ctx context.Context, m *wirepb.EnrollRequest) (*wirepb.EnrollResponse, error) {
		return s.g.cfg.Control.Enroll(ctx, &wirepb.ControlEnrollRequest{Request: m, RemoteAddr: c.addr.String()})
	})
}

func (s calls) Renew(ctx context.Context, r *connect.Request[wirepb.RenewRequest]) (*connect.Response[wirepb.RenewResponse], error) {
	c := callerOf(ctx)
	return forward(ctx, s.g, r, wire.ValidateRenew, func(ctx context.Context, m *wirepb.RenewRequest) (*wirepb.RenewResponse, error) {
		return s.g.cfg.Control.Renew(ctx, &wirepb.ControlRenewRequest{Identity: c.identity(), Request: m})
	})
}

func (s calls) Heartbeat(ctx context.Context, r *connect.Request[wirepb.HeartbeatRequest]) (*connect.Response[wirepb.HeartbeatResponse], error) {
	c := callerOf(ctx)
	return forward(ctx, s.g, r, wire.ValidateHeartbeat, func(ctx context.Context, m *wirepb.HeartbeatRequest) (*wirepb.HeartbeatResponse, error) {
		a, err := s.g.cfg.Control.Heartbeat(ctx, &wirepb.ControlHeartbeatRequest{
			Identity: c.identity(), Request: m, RemoteAddr: c.addr.String(), ReceivedAtNs: c.received.UnixNano(),
		})
		if err != nil {
			return nil, err
		}
		a.ReceivedAtNs = c.received.UnixNano()
		return a, nil
	})
}

func (s calls) PullBundle(ctx context.Context, r *connect.Request[wirepb.PullBundleRequest]) (*connect.Response[wirepb.PullBundleResponse], error) {
	c := callerOf(ctx)
	leave, err := s.g.polls.enter(c.key())
	if err != nil {
		return nil, handler.Error(err)
	}
	defer leave()
	// Up to a tenth less than asked, so that polls that began together end apart.
	spread := time.Duration(float64(pollWait(r.Msg)) * (0.9 + 0.1*rand.Float64()))
	r.Msg.WaitSeconds = uint32(spread / time.Second)
	ctx, cancel := context.WithTimeout(ctx, spread+5*time.Second)
	defer cancel()
	stop := s.g.onDrain(cancel)
	defer stop()
	return forward(ctx, s.g, r, wire.ValidatePull, func(ctx context.Context, m *wirepb.PullBundleRequest) (*wirepb.PullBundleResponse, error) {
		a, err := s.g.cfg.Control.PullBundle(ctx, &wirepb.ControlPullBundleRequest{Identity: c.identity(), Request: m})
		if err != nil && s.g.isDraining() {
			return &wirepb.PullBundleResponse{}, nil // nothing newer; the enforcer asks again, elsewhere or later
		}
		return a, err
	})
}

func pollWait(m *wirepb.PullBundleRequest) time.Duration {
	return min(time.Duration(m.WaitSeconds)*time.Second, wire.MaxWait)
}

func (s calls) PushEvents(ctx context.Context, r *connect.Request[wirepb.PushEventsRequest]) (*connect.Response[wirepb.PushEventsResponse], error) {
	c := callerOf(ctx)
	if err := s.g.events.take(c.received, c.key(), len(r.Msg.Events)); err != nil {
		return nil, handler.Error(err)
	}
	return forward(ctx, s.g, r, wire.ValidatePush, func(ctx context.Context, m *wirepb.PushEventsRequest) (*wirepb.PushEventsResponse, error) {
		a, err := s.g.cfg.Control.PushEvents(ctx, &wirepb.ControlPushEventsRequest{Identity: c.identity(), Request: m, ReceivedAtNs: c.received.UnixNano()})
		if err == nil {
			s.g.metrics.events.Add(float64(len(m.Events)))
		}
		return a, err
	})
}

func (s calls) PushProfile(ctx context.Context, r *connect.Request[wirepb.PushProfileRequest]) (*connect.Response[wirepb.PushProfileResponse], error) {
	c := callerOf(ctx)
	if err := s.g.events.take(c.received, c.key(), len(r.Msg.Items)); err != nil {
		return nil, handler.Error(err)
	}
	return forward(ctx, s.g, r, wire.ValidateProfile, func(ctx context.Context, m *wirepb.PushProfileRequest) (*wirepb.PushProfileResponse, error) {
		return s.g.cfg.Control.PushProfile(ctx, &wirepb.ControlPushProfileRequest{Identity: c.identity(), Request: m, ReceivedAtNs: c.received.UnixNano()})
	})
}

// forward validates, calls the control plane and notes whether it answered.
func forward[Q, A any](ctx context.Context, g *Gateway, r *connect.Request[Q], validate func(*Q) error, call func(context.Context, *Q) (*A, error)) (*connect.Response[A], error) {
	name := r.Spec().Procedure
	if err := validate(r.Msg); err != nil {
		g.metrics.refused.WithLabelValues(wire.Reason(err)).Inc()
		g.metrics.calls.WithLabelValues(name, wire.Reason(err)).Inc()
		return nil, handler.Error(err)
	}
	a, err := call(ctx, r.Msg)
	switch reason := wire.Reason(err); {
	case err == nil:
		g.lastOK.Store(g.now().UnixNano())
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		// The enforcer hung up.
	case reason == "unavailable":
		g.lastBad.Store(g.now().UnixNano())
		if g.logged.take(g.now(), "control", 1) == nil {
			g.log.Error("control plane did not do a call", "call", name, "error", err)
		}
	default:
		g.lastOK.Store(g.now().UnixNano()) // it answered, with a refusal
		g.metrics.refused.WithLabelValues(reason).Inc()
		if g.logged.take(g.now(), reason, 1) == nil {
			c := callerOf(ctx)
			g.log.Warn("control plane refused a call", "call", name, "remote", c.addr, "error", err)
		}
	}
	g.metrics.calls.WithLabelValues(name, wire.Reason(err)).Inc()
	if err != nil {
		return nil, handler.Error(err)
	}
	return connect.NewResponse(a), nil
}
