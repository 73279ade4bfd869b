package enforcer

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// Recorder takes events. Record takes the event over, never blocks, and
// bounds what it holds; what it cannot hold it counts.
type Recorder interface {
	Record(*eventpb.Event)
}

// Tee gives every event to all of its recorders. Each but the last is given
// its own copy.
type Tee []Recorder

// Record implements Recorder.
func (t Tee) Record(e *eventpb.Event) {
	for i, r := range t {
		if i < len(t)-1 {
			r.Record(clone(e))
		} else {
			r.Record(e)
		}
	}
}

// Lines writes events as JSON, one a line. A writer goroutine owns the
// output, so that a slow or stuck reader of it costs events and never time.
type Lines struct {
	w      io.Writer
	encode func(*eventpb.Event) ([]byte, error)
	bootID string
	max    int

	mu      sync.Mutex
	ready   sync.Cond
	queue   []*eventpb.Event
	lost    losses
	stats   LineStats
	closing bool
	done    chan struct{}
}

// LineStats counts occurrences: an event that stands for n equal ones counts n.
// Always, at rest: Generated = Written + Dropped + what is queued.
type LineStats struct {
	Generated, Written, Dropped uint64
}

// losses is what was dropped since the last report of drops.
type losses struct {
	count       uint64
	first, last int64
	byControl   map[string]uint64
}

// maxLostControls bounds the table inside a report of drops.
const maxLostControls = 64

func (l *losses) add(e *eventpb.Event, n uint64) {
	if l.count == 0 {
		l.first = e.ObservedAtNs
		l.byControl = map[string]uint64{}
	}
	l.count += n
	l.last = max(e.ObservedAtNs, e.LastObservedAtNs)
	c := e.Control
	if _, ok := l.byControl[c]; !ok && len(l.byControl) >= maxLostControls {
		c = "other"
	}
	l.byControl[c] += n
}

// NewLines starts a recorder that queues at most max events. encode gives one
// line, with its newline. Sequence numbers are given at Record, so a gap shows
// what is missing.
func NewLines(w io.Writer, bootID string, max int, encode func(*eventpb.Event) ([]byte, error)) *Lines {
	l := &Lines{w: w, encode: encode, bootID: bootID, max: max, done: make(chan struct{})}
	l.ready.L = &l.mu
	go l.run()
	return l
}

// Record implements Recorder.
func (l *Lines) Record(e *eventpb.Event) {
	n := occurrences(e)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Generated += n
	if l.closing || len(l.queue) >= l.max {
		l.stats.Dropped += n
		l.lost.add(e, n)
		return
	}
	l.queue = append(l.queue, e)
	l.ready.Signal()
}

// Stats gives the counts so far.
func (l *Lines) Stats() LineStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

func (l *Lines) run() {
	defer close(l.done)
	var seq uint64
	for {
		l.mu.Lock()
		for len(l.queue) == 0 && l.lost.count == 0 && !l.closing {
			l.ready.Wait()
		}
		batch := l.queue
		l.queue = nil
		lost := l.lost
		l.lost = losses{}
		end := l.closing && len(batch) == 0 && lost.count == 0
		l.mu.Unlock()
		if end {
			return
		}
		for _, e := range batch {
			seq++
			l.write(e, seq, occurrences(e))
		}
		if lost.count > 0 {
			seq++
			l.write(droppedEvent(lost, "queue full"), seq, 0)
		}
	}
}

func (l *Lines) write(e *eventpb.Event, seq, n uint64) {
	e.BootId, e.Sequence = l.bootID, seq
	b, err := l.encode(e)
	if err == nil {
		_, err = l.w.Write(b)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.stats.Dropped += n
		return
	}
	l.stats.Written += n
}

// Close writes what is queued and ends the writer. It gives up when ctx ends;
// what is still queued then counts as dropped.
func (l *Lines) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closing = true
	l.ready.Broadcast()
	l.mu.Unlock()
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func occurrences(e *eventpb.Event) uint64 { return max(e.Count, 1) }

// droppedEvent reports losses as an event of its own.
func droppedEvent(l losses, why string) *eventpb.Event {
	now := time.Now().UnixNano()
	return &eventpb.Event{
		Id:           newID(),
		ObservedAtNs: now, LastObservedAtNs: now, Count: 1,
		Kind:    eventpb.Kind_KIND_DROPPED,
		Verdict: eventpb.Verdict_VERDICT_ALLOW,
		Reason:  "Events were not recorded because they came faster than they could be written.",
		Object: &eventpb.Event_Dropped{Dropped: &eventpb.Dropped{
			Count: l.count, FirstNs: l.first, LastNs: l.last, ByControl: l.byControl, Reason: why,
		}},
	}
}
