package uplink

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

// pump moves events: from memory to the spool, from there (or from memory, if
// there is no spool) to the gateway. One goroutine, run, owns everything here;
// a call to the gateway is made in another, one at a time.
type pump struct {
	u      *Uplink
	q      *queue
	spool  *spool        // nil: memory only
	opened chan struct{} // closed when there is an identity to send with
	asked  chan chan struct{}
	ended  chan struct{}
	closed atomic.Bool

	ready    bool
	inflight *batch
	instead  *batch // of one item: what goes out in place of an event that the gateway refuses
	results  chan error
	tries    backoff
	notUntil time.Time // no call before
	lingered time.Time // when the oldest event that waits may go out, zero: none waits
	limit    int       // events a batch may have; halved while the gateway refuses batches
	spoolBad time.Time // no write to the spool before
	flushers []chan struct{}
}

// batch is what one call carries.
type batch struct {
	boot  string
	items []item
	ends  []int64 // offsets in the spool's first segment; nil: items are the front of the queue
}

// inMemory says that b's items are the front of the queue, which must not move.
func (b *batch) inMemory() bool { return b != nil && b.ends == nil }

const (
	pushTimeout  = 30 * time.Second
	spoolRetry   = 10 * time.Second
	flushBackoff = time.Second
)

func newPump(u *Uplink, sp *spool) *pump {
	p := &pump{
		u: u, q: u.queue, spool: sp,
		opened: make(chan struct{}), asked: make(chan chan struct{}), ended: make(chan struct{}),
		results: make(chan error, 1),
		tries:   backoff{min: time.Second, max: time.Minute},
		limit:   wire.MaxBatch,
	}
	if sp != nil {
		_, n := sp.pending()
		p.q.old = uint64(n)
		if sp.damaged > 0 {
			u.cfg.Logger.Warn("part of the spool cannot be read, events of an earlier start are lost", "bytes", sp.damaged)
		}
	}
	return p
}

// open lets calls go out. It is called once, after enrolment.
func (p *pump) open() { close(p.opened) }

func (p *pump) close() {
	if p.closed.CompareAndSwap(false, true) && p.spool != nil {
		p.spool.close()
	}
}

// flush waits until everything that was recorded is acknowledged.
func (p *pump) flush(ctx context.Context) error {
	done := make(chan struct{})
	left := func(why error) error {
		s := p.q.stats()
		return fmt.Errorf("cannot deliver %d events: %w", s.Queued+p.q.unreported(), why)
	}
	select {
	case p.asked <- done:
	case <-p.ended:
		return left(errors.New("the uplink has ended"))
	case <-ctx.Done():
		return left(ctx.Err())
	}
	select {
	case <-done:
		return nil
	case <-p.ended:
		return left(errors.New("the uplink has ended"))
	case <-ctx.Done():
		return left(ctx.Err())
	}
}

func (p *pump) run(ctx context.Context) {
	defer close(p.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	opened := p.opened
	for {
		now := time.Now()
		p.spill(now)
		again := p.q.report(now, len(p.flushers) > 0)
		if again == 0 && p.spool != nil {
			p.spill(now) // the report
		}
		p.finish()
		wait := p.start(ctx, now)
		if again > 0 && (wait == 0 || again < wait) {
			wait = again
		}
		if wait == 0 {
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			p.end()
			return
		case <-opened:
			p.ready, opened = true, nil
		case <-p.q.wake:
		case f := <-p.asked:
			p.flushers = append(p.flushers, f)
			p.notUntil = time.Time{} // one try at once
		case err := <-p.results:
			p.result(err)
		case <-timer.C:
		}
	}
}

// spill moves what is in memory to the spool.
func (p *pump) spill(now time.Time) {
	if p.spool == nil || now.Before(p.spoolBad) || p.inflight.inMemory() || p.instead.inMemory() {
		return
	}
	for {
		items := p.q.front(wire.MaxBatch, wire.MaxBatchBytes)
		if len(items) == 0 || !p.spool.room(items) {
			return
		}
		if err := p.spool.append(p.q.boot, items); err != nil {
			p.spoolBad = now.Add(spoolRetry)
			p.u.cfg.Logger.Warn("events stay in memory", "error", err)
			return
		}
		p.q.pop(len(items))
		n := recorded(items)
		p.q.count(func(q *queue) { q.disk += n })
	}
}

// start sends the next batch if there is one and it may go. It says how long to
// wait for it otherwise, 0 for as long as nothing happens.
func (p *pump) start(ctx context.Context, now time.Time) time.Duration {
	if p.inflight != nil || !p.ready {
		return 0
	}
	if wait := p.notUntil.Sub(now); wait > 0 {
		return wait
	}
	n := p.backlog()
	if n == 0 {
		p.lingered = time.Time{}
		return 0
	}
	if n < p.limit && len(p.flushers) == 0 {
		if p.lingered.IsZero() {
			p.lingered = now.Add(p.q.limits.Linger)
		}
		if wait := p.lingered.Sub(now); wait > 0 {
			return wait
		}
	}
	p.lingered = time.Time{}
	if b := p.next(); b != nil {
		p.inflight = b
		go func() { p.results <- p.push(ctx, b) }() // results has room: run always takes it, end too
	}
	return 0
}

// backlog counts what waits to be sent.
func (p *pump) backlog() int {
	n := p.q.len()
	if p.spool != nil {
		k, _ := p.spool.pending()
		n += k
	}
	return n
}

// next is the oldest batch: the spool's content is older than the memory's.
func (p *pump) next() *batch {
	if p.instead != nil {
		return p.instead
	}
	if p.spool != nil {
		boot, items, ends := p.spool.peek(p.limit, wire.MaxBatchBytes)
		p.lose()
		if len(items) > 0 {
			return &batch{boot: boot, items: items, ends: ends}
		}
	}
	if items := p.q.front(p.limit, wire.MaxBatchBytes); len(items) > 0 {
		return &batch{boot: p.q.boot, items: items}
	}
	return nil
}

// lose counts what a damaged spool has cost.
func (p *pump) lose() {
	for _, l := range p.spool.lost {
		p.u.cfg.Logger.Error("a spool segment cannot be read any more", "events", l.recorded)
		p.q.count(func(q *queue) {
			e := &eventpb.Event{ObservedAtNs: time.Now().UnixNano()}
			q.drop(e, "spool damaged", l.recorded)
			if l.boot == q.boot {
				q.waiting -= l.recorded
				q.disk -= l.recorded
			} else {
				q.dropped -= l.recorded // drop counts this boot's
				q.old -= l.recorded
			}
			q.poke()
		})
	}
	p.spool.lost = nil
}

// push makes one call. nil: all of b is committed.
func (p *pump) push(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	a, err := p.u.gw.PushEvents(ctx, request(b))
	if p.u.note(err) != nil {
		return err
	}
	if last := b.items[len(b.items)-1].seq; a.AckedSequence < last {
		return &partial{acked: a.AckedSequence}
	}
	return nil
}

// partial says that only a part of a batch was committed.
type partial struct{ acked uint64 }

func (e *partial) Error() string { return fmt.Sprintf("only events up to %d are committed", e.acked) }

// request is a PushEventsRequest around events that are encoded already: field
// 2, events, is put in as bytes that the message does not know and encodes as
// they are.
func request(b *batch) *wirepb.PushEventsRequest {
	var raw []byte
	for _, it := range b.items {
		raw = protowire.AppendTag(raw, 2, protowire.BytesType)
		raw = protowire.AppendBytes(raw, it.data)
	}
	m := &wirepb.PushEventsRequest{BootId: b.boot}
	m.ProtoReflect().SetUnknown(raw)
	return m
}

// result deals with the end of the call.
func (p *pump) result(err error) {
	b := p.inflight
	p.inflight = nil
	var part *partial
	switch {
	case err == nil:
		p.settle(b, len(b.items))
		p.tries.reset()
		p.limit = min(2*p.limit, wire.MaxBatch)
		p.notUntil = time.Time{}
	case errors.As(err, &part):
		n := 0
		for n < len(b.items) && b.items[n].seq <= part.acked {
			n++
		}
		if n > 0 {
			p.settle(b, n)
		}
		p.later(err)
	case errors.Is(err, wire.ErrInvalid) || errors.Is(err, wire.ErrTooLarge):
		// The batch will never be taken as it is: find the event that is at fault.
		if len(b.items) > 1 {
			p.limit = len(b.items) / 2
			return
		}
		p.limit = 1
		p.replace(b, err)
	default:
		if errors.Is(err, wire.ErrIdentity) {
			p.u.poke() // the heartbeat finds out what to do
		}
		p.later(err)
	}
}

func (p *pump) later(err error) {
	d := p.tries.next(err)
	if len(p.flushers) > 0 {
		d = min(d, max(flushBackoff, wire.RetryAfter(err)))
	}
	p.notUntil = time.Now().Add(d)
}

// replace puts a report in the place, and under the sequence number, of an
// event that the gateway refuses, so that the rest can follow.
func (p *pump) replace(b *batch, why error) {
	it := b.items[0]
	if it.own { // such a report was refused: give up on it
		p.u.cfg.Logger.Error("gateway refuses a report of drops", "error", why)
		p.settle(b, 1)
		return
	}
	p.u.cfg.Logger.Error("gateway refuses an event", "sequence", it.seq, "error", why)
	var e eventpb.Event
	d := drops{count: 1, by: map[string]uint64{}}
	if proto.Unmarshal(it.data, &e) == nil {
		d.count = max(e.Count, 1)
		d.first, d.last = e.ObservedAtNs, e.ObservedAtNs
		d.by[e.Control] = d.count
	}
	r := dropEvent(b.boot, "refused by the gateway", &d)
	r.Sequence = it.seq
	data, err := proto.Marshal(r)
	if err != nil {
		data = nil
	}
	p.q.count(func(q *queue) {
		if b.boot != q.boot {
			q.old--
			return
		}
		q.dropped++
		q.waiting--
		if b.ends != nil {
			q.disk--
		}
	})
	if b.ends != nil {
		p.spool.segments[0].recorded--
	}
	p.instead = &batch{boot: b.boot, items: []item{{seq: it.seq, own: true, data: data}}, ends: b.ends}
}

// settle takes the first n items of b out of where they wait.
func (p *pump) settle(b *batch, n int) {
	count := recorded(b.items[:n])
	p.instead = nil
	if b.ends != nil {
		p.spool.advance(b.items[:n], b.ends[n-1])
	} else {
		p.q.pop(n)
	}
	p.q.count(func(q *queue) {
		if b.boot != q.boot {
			q.old -= count
			return
		}
		q.acked += count
		q.waiting -= count
		if b.ends != nil {
			q.disk -= count
		}
	})
}

func recorded(items []item) (n uint64) {
	for _, it := range items {
		if !it.own {
			n++
		}
	}
	return n
}

// finish answers those who wait for an empty queue.
func (p *pump) finish() {
	if len(p.flushers) == 0 || p.inflight != nil || !p.q.empty() || p.backlog() > 0 {
		return
	}
	for _, f := range p.flushers {
		close(f)
	}
	p.flushers = nil
}

// end waits for the call that is under way (ctx has ended it) and saves what
// can be saved.
func (p *pump) end() {
	if p.inflight != nil {
		err := <-p.results
		b := p.inflight
		p.inflight = nil
		if err == nil {
			p.settle(b, len(b.items))
		}
	}
	if p.spool != nil {
		p.q.report(time.Now(), true)
		p.spill(time.Now())
	}
}
