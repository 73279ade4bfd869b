package wire

import (
	"context"

	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// ControlService is the control plane as a gateway sees it. The control plane
// implements it on its store; a gateway calls it in the same process or over
// mutual TLS (NewControlClient, NewControlHandler).
//
// Requests have been validated and the Identity in them verified by the
// gateway: it chains to the install's CA and has not expired (Renew: not longer
// ago than the gateway's grace). Whether the enforcer still exists and is not
// revoked is for the implementation to say, with ErrIdentity.
//
// Errors that an enforcer may act upon are made with Errorf or wrap one of the
// Err values of this package; any other error reaches the enforcer as
// ErrUnavailable with the text "internal error" and is logged by the gateway.
type ControlService interface {
	// Enroll turns a join token and a certificate request into an identity.
	// ErrToken: the token is unknown, expired or used up. ErrInvalid: the
	// certificate request is not acceptable.
	Enroll(context.Context, *wirepb.ControlEnrollRequest) (*wirepb.EnrollResponse, error)
	// Renew gives the same identity a new certificate. An enforcer that was
	// only forgotten because it was silent may come back; one that was
	// removed by a person gets ErrIdentity.
	Renew(context.Context, *wirepb.ControlRenewRequest) (*wirepb.RenewResponse, error)
	// Heartbeat stores the status and says what is newest and when to call again.
	Heartbeat(context.Context, *wirepb.ControlHeartbeatRequest) (*wirepb.HeartbeatResponse, error)
	// PullBundle answers at once if the group's bundle is newer than
	// (have_epoch, have_number); otherwise it waits for one, at most
	// wait_seconds or until ctx ends, and then answers with an empty bundle.
	// Freshness is bundle.Fresh over the request's nonce and the bundle.
	PullBundle(context.Context, *wirepb.ControlPullBundleRequest) (*wirepb.PullBundleResponse, error)
	// PushEvents commits the events, then answers. It is idempotent on
	// (tenant, enforcer, boot id, sequence): events that are already there are
	// acknowledged again. acked_sequence is the highest sequence of boot_id
	// up to which everything that was sent is committed: normally that of the
	// last event in the request.
	PushEvents(context.Context, *wirepb.ControlPushEventsRequest) (*wirepb.PushEventsResponse, error)
	// PushProfile commits one delta of a workload's profile, then answers. It is
	// idempotent on (tenant, enforcer, boot id, sequence): a delta that is there
	// already, or an older one, is acknowledged again and counted once.
	PushProfile(context.Context, *wirepb.ControlPushProfileRequest) (*wirepb.PushProfileResponse, error)
}
