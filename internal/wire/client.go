package wire

import (
	"context"
	"net/http"

	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// Paths of the services; a method's name follows.
const (
	GatewayService = "/limpet.wire.v1.Gateway/"
	controlService = "/limpet.wire.v1.Control/"
)

// GatewayClient calls a gateway. Errors are those of this package.
type GatewayClient struct{ c caller }

// NewGatewayClient calls the gateway at base (https://host:port) with hc, whose
// transport signs (SigningTransport) and trusts the right CA.
func NewGatewayClient(hc *http.Client, base string) *GatewayClient {
	return &GatewayClient{newCaller(hc, base)}
}

// Enroll: see ControlService.
func (g *GatewayClient) Enroll(ctx context.Context, m *wirepb.EnrollRequest) (*wirepb.EnrollResponse, error) {
	return answer[wirepb.EnrollResponse](ctx, g.c, GatewayService+"Enroll", m)
}

// Renew: see ControlService.
func (g *GatewayClient) Renew(ctx context.Context, m *wirepb.RenewRequest) (*wirepb.RenewResponse, error) {
	return answer[wirepb.RenewResponse](ctx, g.c, GatewayService+"Renew", m)
}

// Heartbeat: see ControlService.
func (g *GatewayClient) Heartbeat(ctx context.Context, m *wirepb.HeartbeatRequest) (*wirepb.HeartbeatResponse, error) {
	return answer[wirepb.HeartbeatResponse](ctx, g.c, GatewayService+"Heartbeat", m)
}

// PullBundle: see ControlService.
func (g *GatewayClient) PullBundle(ctx context.Context, m *wirepb.PullBundleRequest) (*wirepb.PullBundleResponse, error) {
	return answer[wirepb.PullBundleResponse](ctx, g.c, GatewayService+"PullBundle", m)
}

// PushEvents: see ControlService.
func (g *GatewayClient) PushEvents(ctx context.Context, m *wirepb.PushEventsRequest) (*wirepb.PushEventsResponse, error) {
	return answer[wirepb.PushEventsResponse](ctx, g.c, GatewayService+"PushEvents", m)
}

// PushProfile: see ControlService.
func (g *GatewayClient) PushProfile(ctx context.Context, m *wirepb.PushProfileRequest) (*wirepb.PushProfileResponse, error) {
	return answer[wirepb.PushProfileResponse](ctx, g.c, GatewayService+"PushProfile", m)
}

// message is a *M.
type message[M any] interface {
	*M
	proto.Message
}

func answer[A any, P message[A]](ctx context.Context, c caller, procedure string, q proto.Message) (*A, error) {
	a := P(new(A))
	if err := c.call(ctx, procedure, q, a); err != nil {
		return nil, err
	}
	return (*A)(a), nil
}
