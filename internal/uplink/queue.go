package uplink

import (
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire"
)

// item is one encoded event with its sequence number.
type item struct {
	seq  uint64
	own  bool // made here, not recorded: a report of drops
	data []byte
}

// itemCost is what an item takes besides its bytes.
const itemCost = 64

// queue is the memory between Record and the pump. Sequence numbers are given
// when an event enters, so they have no gaps.
type queue struct {
	boot   string
	limits Limits
	full   string        // why an event is dropped when there is no room
	wake   chan struct{} // has one value when something has come in

	mu       sync.Mutex
	seq      uint64            // guarded by mu, as all below
	items    []item            // items[0] is the oldest
	bytes    int               // of items
	drops    map[string]*drops // not yet reported, by reason
	reported time.Time         // when the last report was made

	generated, acked, dropped uint64
	waiting                   uint64 // recorded in this boot and neither acked nor dropped
	old                       uint64 // of earlier boots, in the spool
	disk                      uint64 // of this boot, in the spool
}

// drops counts what was dropped for one reason since the last report, in
// occurrences: an event that stands for n equal ones counts n.
type drops struct {
	count       uint64
	first, last int64
	by          map[string]uint64
}

// maxDropControls bounds the controls that a report names.
const maxDropControls = 64

// reportEvery bounds how often drops are reported while they go on.
const reportEvery = time.Second

func newQueue(boot string, l Limits, spooled bool) *queue {
	q := &queue{boot: boot, limits: l, full: "queue full", wake: make(chan struct{}, 1), drops: map[string]*drops{}}
	if spooled {
		q.full = "spool full"
	}
	return q
}

func (q *queue) record(e *eventpb.Event) {
	if e == nil {
		return
	}
	if e.ObservedAtNs == 0 {
		e.ObservedAtNs = time.Now().UnixNano()
	}
	q.mu.Lock()
	q.generated++
	ok := q.room(e, 0)
	if !ok {
		q.drop(e, q.full, 1)
	}
	q.mu.Unlock()
	if !ok {
		return
	}
	if e.Id == "" {
		e.Id = newID()
	}
	e.BootId, e.Sequence = q.boot, 0
	wire.CleanEvent(e)
	data, err := proto.Marshal(e)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case err != nil:
		q.drop(e, "cannot be encoded", 1)
	case !q.room(e, len(data)):
		q.drop(e, q.full, 1)
	default:
		q.waiting++
		q.append(data, false)
	}
}

// room says whether e may enter. What was allowed anyway gets only three
// quarters of the queue, so that it cannot crowd out what was denied.
func (q *queue) room(e *eventpb.Event, size int) bool {
	n, b := q.limits.Events, q.limits.Bytes
	if e.Verdict == eventpb.Verdict_VERDICT_ALLOW && e.Kind != eventpb.Kind_KIND_LIFECYCLE {
		n, b = n-n/4, b-b/4
	}
	return len(q.items) < n && q.bytes+size+itemCost <= b
}

// append gives data its sequence number. In protobuf a field may stand anywhere,
// so it is written behind the rest.
func (q *queue) append(data []byte, own bool) {
	q.seq++
	data = protowire.AppendTag(data, 3, protowire.VarintType) // limpet.event.v1.Event.sequence
	data = protowire.AppendVarint(data, q.seq)
	q.items = append(q.items, item{seq: q.seq, own: own, data: data})
	q.bytes += len(data) + itemCost
	q.poke()
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// drop counts n events like e as dropped.
func (q *queue) drop(e *eventpb.Event, reason string, n uint64) {
	q.dropped += n
	n *= max(e.Count, 1)
	d := q.drops[reason]
	if d == nil {
		d = &drops{first: e.ObservedAtNs, by: map[string]uint64{}}
		q.drops[reason] = d
	}
	d.count += n
	d.last = e.ObservedAtNs
	c := e.Control
	if _, ok := d.by[c]; !ok && len(d.by) >= maxDropControls {
		c = "other"
	}
	d.by[c] += n
}

// report puts an event for each reason of unreported drops into the queue, if
// there is room or force is set, at most every reportEvery unless forced. It
// says when to come again, 0 for not at all.
func (q *queue) report(now time.Time, force bool) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.drops) == 0 {
		return 0
	}
	if !force {
		if wait := reportEvery - now.Sub(q.reported); wait > 0 {
			return wait
		}
		if len(q.items) >= q.limits.Events || q.bytes >= q.limits.Bytes {
			return reportEvery
		}
	}
	for reason, d := range q.drops {
		data, err := proto.Marshal(dropEvent(q.boot, reason, d))
		if err != nil {
			continue // cannot be: the texts are ours or cleaned
		}
		delete(q.drops, reason)
		q.append(data, true)
	}
	q.reported = now
	return 0
}

func dropEvent(boot, reason string, d *drops) *eventpb.Event {
	e := &eventpb.Event{
		Id:           newID(),
		BootId:       boot,
		ObservedAtNs: d.last,
		Kind:         eventpb.Kind_KIND_DROPPED,
		Verdict:      eventpb.Verdict_VERDICT_ALLOW,
		Reason:       fmt.Sprintf("%d events were not delivered: %s.", d.count, reason),
		Object:       &eventpb.Event_Dropped{Dropped: &eventpb.Dropped{Count: d.count, FirstNs: d.first, LastNs: d.last, ByControl: d.by, Reason: reason}},
		Count:        1,
	}
	wire.CleanEvent(e)
	return e
}

// front gives at most n items of at most size bytes in all, at least one if
// there is one. They stay in the queue; only the pump takes them out.
func (q *queue) front(n, size int) []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := 0
	for k < len(q.items) && k < n {
		if size -= len(q.items[k].data); size < 0 && k > 0 {
			break
		}
		k++
	}
	return append([]item(nil), q.items[:k]...)
}

// pop takes n items out of the front.
func (q *queue) pop(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range n {
		q.bytes -= len(q.items[i].data) + itemCost
		q.items[i] = item{}
	}
	q.items = q.items[n:]
	if len(q.items) == 0 {
		q.items = nil // let go of the array
	}
}

// count changes the figures that stats shows.
func (q *queue) count(f func(*queue)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f(q)
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// empty says that nothing waits in memory and no drop is unreported.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) == 0 && len(q.drops) == 0
}

func (q *queue) stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stats{Generated: q.generated, Acked: q.acked, Dropped: q.dropped, Queued: q.waiting, Spooled: q.old + q.disk}
}

// newID is a UUIDv7, or a random UUID should the clock fail.
func newID() string {
	if id, err := uuid.NewV7(); err == nil {
		return id.String()
	}
	return uuid.NewString()
}

// unreported counts the drops that no report has told yet.
func (q *queue) unreported() (n uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range q.drops {
		n += d.count
	}
	return n
}
