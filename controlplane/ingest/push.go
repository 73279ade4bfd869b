package ingest

import (
	"context"
	"math"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// Bounds of the committer.
const (
	maxRows   = 1000                   // rows of one transaction (a single push may have more)
	linger    = 50 * time.Millisecond  // longest wait for company, while commits follow each other closely
	queued    = 1024                   // pushes that may wait
	drainTime = 10 * time.Second       // to write what was handed over when the server stops
	retryWait = 500 * time.Millisecond // after a commit that failed
)

// push is the events of one call.
type push struct {
	events []store.Event
	done   chan error // buffered; nil: committed
}

// PushEvents commits the events and then acknowledges the last of them.
func (s *Service) PushEvents(ctx context.Context, m *wirepb.ControlPushEventsRequest) (*wirepb.PushEventsResponse, error) {
	t, e, err := s.who(ctx, m.GetIdentity())
	if err != nil {
		return nil, refused(err)
	}
	r := m.GetRequest()
	if len(r.GetEvents()) > wire.MaxBatch {
		return nil, wire.Errorf(wire.ErrInvalid, "events: at most %d, have %d", wire.MaxBatch, len(r.Events))
	}
	received := m.ReceivedAtNs
	if received <= 0 {
		received = time.Now().UnixNano()
	}
	p := &push{done: make(chan error, 1), events: make([]store.Event, 0, len(r.GetEvents()))}
	var last uint64
	for _, ev := range r.GetEvents() {
		if ev == nil || ev.Sequence == 0 || ev.Sequence > math.MaxInt64 {
			return nil, wire.Errorf(wire.ErrInvalid, "events: a sequence number is missing or too high")
		}
		row, err := newRow(t, e, r.GetBootId(), received, ev)
		if err != nil {
			return nil, wire.Errorf(wire.ErrInvalid, "events: %v", err)
		}
		p.events = append(p.events, row)
		last = max(last, ev.Sequence)
	}
	if len(p.events) == 0 {
		return &wirepb.PushEventsResponse{}, nil
	}
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if ended {
		return nil, wire.Errorf(wire.ErrUnavailable, "the server is stopping")
	}
	select {
	case s.queue <- p:
	case <-ctx.Done():
		return nil, wire.Errorf(wire.ErrBusy, "too many events wait to be committed")
	}
	select {
	case err := <-p.done:
		if err != nil {
			return nil, refused(err)
		}
		return &wirepb.PushEventsResponse{AckedSequence: last}, nil
	case <-ctx.Done():
		return nil, ctx.Err() // it may be committed or not: the enforcer sends it again
	}
}

// commitLoop is the only writer of events.
func (s *Service) commitLoop(ctx context.Context) {
	var busyUntil time.Time
	for {
		select {
		case p := <-s.queue:
			batch := s.gather(ctx, p, time.Now().Before(busyUntil))
			s.commit(ctx, batch)
			busyUntil = time.Now().Add(linger)
		case <-ctx.Done():
			s.drain(ctx)
			return
		}
	}
}

// gather takes what else waits, up to maxRows. While commits follow each
// other closely it waits up to linger for more: under load one transaction
// carries many pushes, and a lone push is committed at once.
func (s *Service) gather(ctx context.Context, first *push, busy bool) []*push {
	batch, rows := []*push{first}, len(first.events)
	var over <-chan time.Time
	if busy {
		t := time.NewTimer(linger)
		defer t.Stop()
		over = t.C
	}
	for rows < maxRows {
		if busy {
			select {
			case p := <-s.queue:
				batch, rows = append(batch, p), rows+len(p.events)
			case <-over:
				return batch
			case <-ctx.Done():
				return batch
			}
			continue
		}
		select {
		case p := <-s.queue:
			batch, rows = append(batch, p), rows+len(p.events)
		default:
			return batch
		}
	}
	return batch
}

func (s *Service) commit(ctx context.Context, batch []*push) {
	var rows []store.Event
	for _, p := range batch {
		rows = append(rows, p.events...)
	}
	// A commit that has begun is finished although the server stops.
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	start := time.Now()
	added, err := s.Store.AddEventsAnyTenant(work, rows)
	s.metrics.commit.Observe(time.Since(start).Seconds())
	if err != nil {
		s.Log.ErrorContext(ctx, "cannot commit events; their enforcers will send them again", "count", len(rows), "error", err)
		if ctx.Err() == nil {
			select {
			case <-time.After(retryWait): // do not run hot against a database that is away
			case <-ctx.Done():
			}
		}
	} else {
		s.metrics.events.Add(float64(added))
		s.metrics.duplicates.Add(float64(len(rows) - added))
		s.Hub.Committed()
	}
	for _, p := range batch {
		p.done <- err
	}
}

// drain commits what was handed over before the server stopped.
func (s *Service) drain(ctx context.Context) {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	for {
		select {
		case p := <-s.queue:
			s.commit(ctx, s.gather(ctx, p, false))
		default:
			return
		}
	}
}
