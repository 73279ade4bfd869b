package wire

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// NewControlClient is a ControlService on the other end of hc, whose transport
// shows the gateway's client certificate.
func NewControlClient(hc *http.Client, base string) ControlService {
	return controlClient{wirepb.NewControlClient(hc, base, clientOptions()...)}
}

type controlClient struct{ c wirepb.ControlClient }

func (c controlClient) Enroll(ctx context.Context, m *wirepb.ControlEnrollRequest) (*wirepb.EnrollResponse, error) {
	return call(ctx, c.c.Enroll, m)
}

func (c controlClient) Renew(ctx context.Context, m *wirepb.ControlRenewRequest) (*wirepb.RenewResponse, error) {
	return call(ctx, c.c.Renew, m)
}

func (c controlClient) Heartbeat(ctx context.Context, m *wirepb.ControlHeartbeatRequest) (*wirepb.HeartbeatResponse, error) {
	return call(ctx, c.c.Heartbeat, m)
}

func (c controlClient) PullBundle(ctx context.Context, m *wirepb.ControlPullBundleRequest) (*wirepb.PullBundleResponse, error) {
	return call(ctx, c.c.PullBundle, m)
}

func (c controlClient) PushEvents(ctx context.Context, m *wirepb.ControlPushEventsRequest) (*wirepb.PushEventsResponse, error) {
	return call(ctx, c.c.PushEvents, m)
}

func (c controlClient) PushProfile(ctx context.Context, m *wirepb.ControlPushProfileRequest) (*wirepb.PushProfileResponse, error) {
	return call(ctx, c.c.PushProfile, m)
}

// NewControlHandler serves a ControlService to gateways. Only requests over TLS
// with a client certificate that was verified against the CA and names a
// gateway get through: use it on a listener with tls.RequireAndVerifyClientCert.
func NewControlHandler(svc ControlService, more ...connect.HandlerOption) http.Handler {
	_, h := wirepb.NewControlHandler(controlHandler{svc}, append(HandlerOptions(), more...)...)
	ew := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			_ = ew.Write(w, r, ToConnect(Errorf(ErrIdentity, "a gateway's client certificate is needed")))
			return
		}
		if _, err := GatewayOf(r.TLS.VerifiedChains[0][0]); err != nil {
			_ = ew.Write(w, r, ToConnect(Errorf(ErrIdentity, "the client certificate is not a gateway's")))
			return
		}
		h.ServeHTTP(w, r)
	})
}

type controlHandler struct{ svc ControlService }

func (h controlHandler) Enroll(ctx context.Context, r *connect.Request[wirepb.ControlEnrollRequest]) (*connect.Response[wirepb.EnrollResponse], error) {
	return Serve(ctx, h.svc.Enroll, r.Msg)
}

func (h controlHandler) Renew(ctx context.Context, r *connect.Request[wirepb.ControlRenewRequest]) (*connect.Response[wirepb.RenewResponse], error) {
	return Serve(ctx, h.svc.Renew, r.Msg)
}

func (h controlHandler) Heartbeat(ctx context.Context, r *connect.Request[wirepb.ControlHeartbeatRequest]) (*connect.Response[wirepb.HeartbeatResponse], error) {
	return Serve(ctx, h.svc.Heartbeat, r.Msg)
}

func (h controlHandler) PullBundle(ctx context.Context, r *connect.Request[wirepb.ControlPullBundleRequest]) (*connect.Response[wirepb.PullBundleResponse], error) {
	return Serve(ctx, h.svc.PullBundle, r.Msg)
}

func (h controlHandler) PushEvents(ctx context.Context, r *connect.Request[wirepb.ControlPushEventsRequest]) (*connect.Response[wirepb.PushEventsResponse], error) {
	return Serve(ctx, h.svc.PushEvents, r.Msg)
}

func (h controlHandler) PushProfile(ctx context.Context, r *connect.Request[wirepb.ControlPushProfileRequest]) (*connect.Response[wirepb.PushProfileResponse], error) {
	return Serve(ctx, h.svc.PushProfile, r.Msg)
}
