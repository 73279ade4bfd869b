package wire

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// GatewayClient calls a gateway. Errors are those of this package.
type GatewayClient struct{ c wirepb.GatewayClient }

// NewGatewayClient calls the gateway at base (https://host:port) with hc, whose
// transport signs (SigningTransport) and trusts the right CA.
func NewGatewayClient(hc *http.Client, base string) *GatewayClient {
	return &GatewayClient{wirepb.NewGatewayClient(hc, base, clientOptions()...)}
}

// Enroll: see ControlService.
func (g *GatewayClient) Enroll(ctx context.Context, m *wirepb.EnrollRequest) (*wirepb.EnrollResponse, error) {
	return call(ctx, g.c.Enroll, m)
}

// Renew: see ControlService.
func (g *GatewayClient) Renew(ctx context.Context, m *wirepb.RenewRequest) (*wirepb.RenewResponse, error) {
	return call(ctx, g.c.Renew, m)
}

// Heartbeat: see ControlService.
func (g *GatewayClient) Heartbeat(ctx context.Context, m *wirepb.HeartbeatRequest) (*wirepb.HeartbeatResponse, error) {
	return call(ctx, g.c.Heartbeat, m)
}

// PullBundle: see ControlService.
func (g *GatewayClient) PullBundle(ctx context.Context, m *wirepb.PullBundleRequest) (*wirepb.PullBundleResponse, error) {
	return call(ctx, g.c.PullBundle, m)
}

// PushEvents: see ControlService.
func (g *GatewayClient) PushEvents(ctx context.Context, m *wirepb.PushEventsRequest) (*wirepb.PushEventsResponse, error) {
	return call(ctx, g.c.PushEvents, m)
}

// PushProfile: see ControlService.
func (g *GatewayClient) PushProfile(ctx context.Context, m *wirepb.PushProfileRequest) (*wirepb.PushProfileResponse, error) {
	return call(ctx, g.c.PushProfile, m)
}

func call[Q, A any](ctx context.Context, f func(context.Context, *connect.Request[Q]) (*connect.Response[A], error), m *Q) (*A, error) {
	r, err := f(ctx, connect.NewRequest(m))
	if err != nil {
		return nil, fromConnect(err)
	}
	return r.Msg, nil
}

// Serve runs one call of a ControlService for a Connect handler.
func Serve[Q, A any](ctx context.Context, f func(context.Context, *Q) (*A, error), m *Q) (*connect.Response[A], error) {
	r, err := f(ctx, m)
	if err != nil {
		return nil, ToConnect(err)
	}
	return connect.NewResponse(r), nil
}
