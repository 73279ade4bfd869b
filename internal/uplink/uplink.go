package uplink

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// Uplink is one enforcer's link. Make it with New, run it with Run.
type Uplink struct {
	cfg   Config
	state *stateDir // nil: memory only
	queue *queue
	pump  *pump
	gw    gateway

	ident     atomic.Pointer[identity]
	clock     atomic.Int64 // nanoseconds to add to this machine's clock when signing
	connected atomic.Bool
	lastError atomic.Pointer[string]
	running   atomic.Bool
	nudge     chan struct{} // asks for a heartbeat now
	handing   sync.Mutex    // held while a part of the profile is handed in

	mu    sync.Mutex
	token []byte // nil once the identity has been proven; guarded by mu
}

// gateway is what uplink calls: a *wire.GatewayClient, or a test's.
type gateway interface {
	Enroll(context.Context, *wirepb.EnrollRequest) (*wirepb.EnrollResponse, error)
	Renew(context.Context, *wirepb.RenewRequest) (*wirepb.RenewResponse, error)
	Heartbeat(context.Context, *wirepb.HeartbeatRequest) (*wirepb.HeartbeatResponse, error)
	PullBundle(context.Context, *wirepb.PullBundleRequest) (*wirepb.PullBundleResponse, error)
	PushEvents(context.Context, *wirepb.PushEventsRequest) (*wirepb.PushEventsResponse, error)
	PushProfile(context.Context, *wirepb.PushProfileRequest) (*wirepb.PushProfileResponse, error)
}

// New checks the configuration and, with Config.Dir, opens the folder and what
// an earlier start left in it. It opens no connection. Close the result if Run
// is never called.
func New(cfg Config) (*Uplink, error) {
	target, pool, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	u := &Uplink{cfg: cfg, nudge: make(chan struct{}, 1)}
	u.cfg.Token = ""
	if cfg.Token != "" {
		u.token = []byte(cfg.Token)
	}
	u.gw = u.dial(target, pool)
	var sp *spool
	if cfg.Dir != "" {
		if u.state, err = openState(cfg.Dir); err != nil {
			return nil, err
		}
		id, err := u.state.load()
		if err != nil {
			cfg.Logger.Warn("stored identity is not usable, enrolling anew", "error", err)
		}
		if id != nil {
			u.ident.Store(id)
		}
		if sp, err = openSpool(u.state.spoolDir(), cfg.Queue.SpoolBytes); err != nil {
			u.state.close()
			return nil, err
		}
	}
	u.queue = newQueue(uuid.NewString(), cfg.Queue, sp != nil)
	u.pump = newPump(u, sp)
	return u, nil
}

func (u *Uplink) dial(target *url.URL, pool *x509.CertPool) gateway {
	return wire.NewGatewayClient(httpClient(&u.cfg, pool, u.signer, u.clientCertificate), target.String())
}

// BootID is the identifier of this start, as it stands in every event.
func (u *Uplink) BootID() string { return u.queue.boot }

// Record queues an event; it takes the event over. It never blocks. It sets
// boot_id and sequence, id and observed_at_ns if they are missing, and cuts and
// cleans text (wire.CleanEvent).
func (u *Uplink) Record(e *eventpb.Event) { u.queue.record(e) }

// Run keeps the link until ctx ends, then returns nil. It returns an error
// (wire.ErrToken, wire.ErrInvalid) only if there is no identity and enrolment
// has been refused for good: the join token is unknown, expired or used up.
// The enforcer goes on without it; Record keeps counting. An identity that is
// refused later is tried again every ten minutes or so: a control plane that was
// restored from a backup may know it again. Run may be called once.
func (u *Uplink) Run(ctx context.Context) error {
	if !u.running.CompareAndSwap(false, true) {
		return fmt.Errorf("cannot run uplink: it was run before")
	}
	defer u.close()
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { u.pump.run(ctx) })
	err := u.enrol(ctx)
	if err == nil {
		if u.cfg.OnEnrolled != nil {
			u.cfg.OnEnrolled(u.ident.Load().enrolled())
		}
		u.pump.open()
		wg.Go(func() { u.heartbeats(ctx) })
		if u.cfg.OnBundle != nil {
			wg.Go(func() { u.pulls(ctx) })
		}
		if u.cfg.Profile != nil {
			wg.Go(func() { u.profiles(ctx) })
		}
		<-ctx.Done()
	}
	cancel()
	wg.Wait()
	if err != nil && ctx.Err() != nil && !wire.Permanent(err) {
		return nil // ended by the caller while it was still trying
	}
	return err
}

// Close gives up what New has opened. Only for an Uplink that is never run.
func (u *Uplink) Close() {
	if u.running.CompareAndSwap(false, true) {
		u.close()
	}
}

func (u *Uplink) close() {
	u.pump.close()
	if u.state != nil {
		u.state.close()
	}
}

// Flush sends all that is queued and then a last heartbeat that says stopping,
// while Run is running. It returns when all is acknowledged, or with an error
// that says how much is left when ctx ends or Run does. What is left stays in
// the spool if there is one.
func (u *Uplink) Flush(ctx context.Context) error {
	if err := u.pump.flush(ctx); err != nil {
		return err
	}
	if u.ident.Load() == nil {
		return nil
	}
	if err := u.flushProfile(ctx); err != nil {
		return fmt.Errorf("cannot hand in the rest of the profile: %w", err)
	}
	_, err := u.heartbeat(ctx, true)
	if err != nil {
		return fmt.Errorf("cannot send the last heartbeat: %w", err)
	}
	return nil
}

// Stats is the present state.
func (u *Uplink) Stats() Stats {
	s := u.queue.stats()
	s.Connected = u.connected.Load()
	s.Enrolled = u.ident.Load() != nil
	if e := u.lastError.Load(); e != nil {
		s.LastError = *e
	}
	return s
}

// note keeps what a call taught: that there is a link, or why not, and how far
// this machine's clock is off. It gives err back.
func (u *Uplink) note(err error) error {
	if err == nil {
		u.connected.Store(true)
		u.lastError.Store(nil)
		return nil
	}
	text := err.Error()
	u.lastError.Store(&text)
	u.connected.Store(reached(err))
	if at, ok := wire.ServerTime(err); ok {
		off := time.Until(at)
		u.clock.Store(int64(off))
		u.cfg.Logger.Warn("this machine's clock differs from the gateway's", "by", off)
	}
	return err
}
