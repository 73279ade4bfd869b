package handler

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
	"github.com/limpet-security/limpet/internal/wire/wirepb/wirepbconnect"
)

// Control serves a ControlService to gateways. Only requests over TLS
// with a client certificate that was verified against the CA and names a
// gateway get through: use it on a listener with tls.RequireAndVerifyClientCert.
func Control(svc wire.ControlService) http.Handler {
	_, h := wirepbconnect.NewControlHandler(controlHandler{svc}, Options()...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			WriteError(w, r, wire.Errorf(wire.ErrIdentity, "a gateway's client certificate is needed"))
			return
		}
		if _, err := wire.GatewayOf(r.TLS.VerifiedChains[0][0]); err != nil {
			WriteError(w, r, wire.Errorf(wire.ErrIdentity, "the client certificate is not a gateway's"))
			return
		}
		h.ServeHTTP(w, r)
	})
}

type controlHandler struct{ svc wire.ControlService }

func (h controlHandler) Enroll(ctx context.Context, r *connect.Request[wirepb.ControlEnrollRequest]) (*connect.Response[wirepb.EnrollResponse], error) {
	return serve(ctx, h.svc.Enroll, r.Msg)
}

func (h controlHandler) Renew(ctx context.Context, r *connect.Request[wirepb.ControlRenewRequest]) (*connect.Response[wirepb.RenewResponse], error) {
	return serve(ctx, h.svc.Renew, r.Msg)
}

func (h controlHandler) Heartbeat(ctx context.Context, r *connect.Request[wirepb.ControlHeartbeatRequest]) (*connect.Response[wirepb.HeartbeatResponse], error) {
	return serve(ctx, h.svc.Heartbeat, r.Msg)
}

func (h controlHandler) PullBundle(ctx context.Context, r *connect.Request[wirepb.ControlPullBundleRequest]) (*connect.Response[wirepb.PullBundleResponse], error) {
	return serve(ctx, h.svc.PullBundle, r.Msg)
}

func (h controlHandler) PushEvents(ctx context.Context, r *connect.Request[wirepb.ControlPushEventsRequest]) (*connect.Response[wirepb.PushEventsResponse], error) {
	return serve(ctx, h.svc.PushEvents, r.Msg)
}

func (h controlHandler) PushProfile(ctx context.Context, r *connect.Request[wirepb.ControlPushProfileRequest]) (*connect.Response[wirepb.PushProfileResponse], error) {
	return serve(ctx, h.svc.PushProfile, r.Msg)
}

// serve runs one call of a ControlService for a Connect handler.
func serve[Q, A any](ctx context.Context, f func(context.Context, *Q) (*A, error), m *Q) (*connect.Response[A], error) {
	r, err := f(ctx, m)
	if err != nil {
		return nil, Error(err)
	}
	return connect.NewResponse(r), nil
}
