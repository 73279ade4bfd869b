package enforcer

import (
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// key is what makes two events equal: the same process image doing the same
// thing to the same object under the same rule.
type key struct {
	kind    eventpb.Kind
	verdict eventpb.Verdict
	control string
	rule    string
	policy  string
	exe     string
	uid     uint32
	object  string
	errno   int32
	killed  bool
}

// maxOpen bounds how many different events are being counted at a time. More
// are passed on one by one.
const maxOpen = 1024

// coalescer lets the first of equal events through at once and counts those
// that follow within a window; their sum goes out as one event when the window
// closes. Nothing is lost: the counts of what goes out add up to what came in.
type coalescer struct {
	window time.Duration
	out    func(*eventpb.Event)

	mu   sync.Mutex
	open map[key]*pending
}

// pending is one open window.
type pending struct {
	until time.Time
	event *eventpb.Event // the latest of those held back, with Count set; nil if none yet
}

// again counts an event that has an open window and says whether it had one.
// It costs no allocation once the window holds an event.
func (c *coalescer) again(k key, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.open[k]
	if p == nil || !now.Before(p.until) || p.event == nil {
		return false
	}
	p.event.Count++
	p.event.LastObservedAtNs = now.UnixNano()
	return true
}

// add takes an event whose window is not open or holds nothing yet.
func (c *coalescer) add(k key, e *eventpb.Event, now time.Time) {
	c.mu.Lock()
	p := c.open[k]
	switch {
	case p != nil && now.Before(p.until) && p.event == nil:
		p.event = e // the second of its kind: held until the window closes
		c.mu.Unlock()
		return
	case p != nil && now.Before(p.until):
		p.event.Count += e.Count // somebody added between again and add
		p.event.LastObservedAtNs = e.LastObservedAtNs
		c.mu.Unlock()
		return
	}
	var held *eventpb.Event
	if p != nil {
		held = p.event
		p.event, p.until = nil, now.Add(c.window)
	} else if len(c.open) < maxOpen {
		c.open[k] = &pending{until: now.Add(c.window)}
	}
	c.mu.Unlock()
	if held != nil {
		c.out(held)
	}
	c.out(e)
}

// sweep closes the windows that have ended; all of them with all set.
func (c *coalescer) sweep(now time.Time, all bool) {
	var ready []*eventpb.Event
	c.mu.Lock()
	for k, p := range c.open {
		if !all && now.Before(p.until) {
			continue
		}
		if p.event == nil {
			delete(c.open, k)
			continue
		}
		ready = append(ready, p.event)
		// It is still going on: the next ones are counted too.
		p.event, p.until = nil, now.Add(c.window)
		if all {
			delete(c.open, k)
		}
	}
	c.mu.Unlock()
	for _, e := range ready {
		c.out(e)
	}
}
