package ingest

import (
	"context"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

type beatKey struct {
	tenant tenant.ID
	id     string
}

// beatEvery is how often heartbeats are written. They are no promise: what a
// crash loses, the next heartbeat says again.
const beatEvery = 200 * time.Millisecond

// maxBeats bounds the heartbeats that wait to be written.
const maxBeats = 100_000

// Heartbeat notes the status and says what is newest.
func (s *Service) Heartbeat(ctx context.Context, m *wirepb.ControlHeartbeatRequest) (*wirepb.HeartbeatResponse, error) {
	now := time.Now()
	t, e, err := s.who(ctx, m.GetIdentity())
	if err != nil {
		return nil, refused(err)
	}
	r := m.GetRequest()
	e.Version, e.Rung, e.BootID, e.RemoteAddr = r.Version, r.Rung, r.BootId, m.RemoteAddr
	if r.Hostname != "" {
		e.Hostname = r.Hostname
	}
	setWorkload(&e, r.Workload)
	e.Stopping, e.Tasks, e.Facilities = r.Stopping, int64(r.Tasks), r.Facilities
	e.Controls = make([]store.ControlState, len(r.Controls))
	for i, c := range r.Controls {
		e.Controls[i] = store.ControlState{Control: c.Control, State: c.State, Reason: c.Reason, Errno: c.Errno}
	}
	e.BundleEpoch, e.BundleNumber = int64(r.BundleEpoch), int64(r.BundleNumber)
	e.EventsGenerated, e.EventsAcked = int64(r.EventsGenerated), int64(r.EventsAcked)
	e.EventsDropped, e.EventsSpooled = int64(r.EventsDropped), int64(r.EventsSpooled)
	if r.SentAtNs > 0 {
		e.SkewNs = r.SentAtNs - now.UnixNano()
	}
	e.LastSeen = now.UnixNano()
	if !s.keepBeat(t, e) {
		return nil, wire.Errorf(wire.ErrBusy, "too many heartbeats wait to be written")
	}
	out := &wirepb.HeartbeatResponse{ReceivedAtNs: now.UnixNano(), IntervalSeconds: uint32(s.Interval / time.Second)}
	if b, err := s.Publisher.Newest(ctx, t, e.GroupName); err == nil {
		out.NewestEpoch, out.NewestNumber = uint64(b.Epoch), uint64(b.Number)
	}
	return out, nil
}

func (s *Service) keepBeat(t tenant.ID, e store.Enforcer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || len(s.beats) >= maxBeats {
		return false
	}
	s.beats[beatKey{t, e.ID}] = e
	return true
}

func (s *Service) beatLoop(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.writeBeats(ctx)
		case <-ctx.Done():
			s.mu.Lock()
			s.ended = true
			s.mu.Unlock()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
			defer cancel()
			s.writeBeats(last)
			return
		}
	}
}

func (s *Service) writeBeats(ctx context.Context) {
	s.mu.Lock()
	beats := s.beats
	if len(beats) == 0 {
		s.mu.Unlock()
		return
	}
	s.beats = make(map[beatKey]store.Enforcer, len(beats))
	s.mu.Unlock()
	err := s.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		for k, e := range beats {
			// A removal that came between heartbeat and this write stays.
			if gone, err := tx.EnforcerRevoked(ctx, k.tenant, k.id); err != nil {
				return err
			} else if gone {
				continue
			}
			if err := tx.PutEnforcer(ctx, k.tenant, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "cannot write heartbeats; the next ones will be", "count", len(beats), "error", err)
	}
}
