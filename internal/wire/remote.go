package wire

import (
	"context"
	"net/http"

	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// NewControlClient is a ControlService on the other end of hc, whose transport
// shows the gateway's client certificate.
func NewControlClient(hc *http.Client, base string) ControlService {
	return controlClient{newCaller(hc, base)}
}

type controlClient struct{ c caller }

func (c controlClient) Enroll(ctx context.Context, m *wirepb.ControlEnrollRequest) (*wirepb.EnrollResponse, error) {
	return answer[wirepb.EnrollResponse](ctx, c.c, controlService+"Enroll", m)
}

func (c controlClient) Renew(ctx context.Context, m *wirepb.ControlRenewRequest) (*wirepb.RenewResponse, error) {
	return answer[wirepb.RenewResponse](ctx, c.c, controlService+"Renew", m)
}

func (c controlClient) Heartbeat(ctx context.Context, m *wirepb.ControlHeartbeatRequest) (*wirepb.HeartbeatResponse, error) {
	return answer[wirepb.HeartbeatResponse](ctx, c.c, controlService+"Heartbeat", m)
}

func (c controlClient) PullBundle(ctx context.Context, m *wirepb.ControlPullBundleRequest) (*wirepb.PullBundleResponse, error) {
	return answer[wirepb.PullBundleResponse](ctx, c.c, controlService+"PullBundle", m)
}

func (c controlClient) PushEvents(ctx context.Context, m *wirepb.ControlPushEventsRequest) (*wirepb.PushEventsResponse, error) {
	return answer[wirepb.PushEventsResponse](ctx, c.c, controlService+"PushEvents", m)
}

func (c controlClient) PushProfile(ctx context.Context, m *wirepb.ControlPushProfileRequest) (*wirepb.PushProfileResponse, error) {
	return answer[wirepb.PushProfileResponse](ctx, c.c, controlService+"PushProfile", m)
}
