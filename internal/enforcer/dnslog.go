package enforcer

import (
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// nameLog records the names that a workload asks for, where the policy wants
// it: each program's question the first time at once, and how often it was
// asked again when the window closes. What comes too fast to be told apart is
// one event with a count: the counts of all events add up to the questions.
type nameLog struct {
	mu    sync.Mutex
	open  map[nameKey]*named
	began time.Time // of the second in which events are counted
	sent  int
	rest  *eventpb.Event // of those that came too fast; nil: none
}

type nameKey struct {
	exe     string
	uid     uint32
	name    string
	typ     uint16
	verdict verdict.Verdict
}

type named struct {
	until time.Time
	event *eventpb.Event // of the repetitions; nil if there are none
}

// Bounds of the log.
const (
	nameWindow   = 10 * time.Minute
	maxNameKeys  = 4096
	maxNewNames  = 50 // a second that are told apart
	recordedRule = "recordRequests"
)

func (n *nameLog) record(l *Loop, p *Policies, d verdict.Decision, q *action.Query) {
	k := nameKey{name: q.Name, typ: q.Type, verdict: d.Verdict}
	if q.Proc != nil {
		k.exe, k.uid = q.Proc.Exe, q.Proc.UID
	}
	now := l.cfg.Now()
	n.mu.Lock()
	o := n.open[k]
	if o != nil && now.Before(o.until) && o.event != nil {
		o.event.Count++
		o.event.LastObservedAtNs = now.UnixNano()
		n.mu.Unlock()
		return
	}
	if now.Sub(n.began) >= time.Second {
		n.began, n.sent = now, 0
	}
	full := o == nil && (n.sent >= maxNewNames || len(n.open) >= maxNameKeys)
	if full && n.rest != nil {
		n.rest.Count++
		n.rest.LastObservedAtNs = now.UnixNano()
		n.mu.Unlock()
		return
	}
	if n.sent++; full {
		n.sent--
	}
	n.mu.Unlock()

	e := l.nameEvent(p, d, q)
	n.mu.Lock()
	var out []*eventpb.Event
	o = n.open[k] // somebody may have been quicker
	switch {
	case full && n.rest == nil:
		e.GetDns().Name, e.GetDns().Type = "", ""
		e.Reason = "More different names were asked for than are recorded one by one; this event stands for them."
		n.rest = e
	case full:
		n.rest.Count++
	case o == nil:
		if n.open == nil {
			n.open = make(map[nameKey]*named)
		}
		n.open[k] = &named{until: now.Add(nameWindow)}
		out = append(out, e)
	case !now.Before(o.until):
		if o.event != nil {
			out = append(out, o.event)
		}
		o.event, o.until = nil, now.Add(nameWindow)
		out = append(out, e)
	case o.event == nil:
		o.event = e
	default:
		o.event.Count++
	}
	n.mu.Unlock()
	for _, e := range out {
		l.cfg.Recorder.Record(e)
	}
}

// nameEvent describes one question that is recorded, whatever became of it.
func (l *Loop) nameEvent(p *Policies, d verdict.Decision, q *action.Query) *eventpb.Event {
	e := l.plain(eventpb.Kind_KIND_NETWORK, "")
	e.Control, e.Rule = string(policy.DNS), recordedRule
	e.BundleEpoch, e.BundleNumber = p.Epoch, p.Number
	if q.Proc != nil {
		e.Process = l.process(q.Proc)
		for _, a := range l.lineage.above(q.Proc.PPID) {
			e.Ancestors = append(e.Ancestors, l.ancestor(a))
		}
	}
	e.Object = &eventpb.Event_Dns{Dns: dnsObject(q)}
	e.Technique = event.Technique(policy.DNS)
	e.Attributes = map[string]string{"verdict": d.Verdict.String()}
	e.Reason = event.Reason(e)
	event.Bound(e)
	return e
}

// sweep closes the windows that have ended; all of them with all set.
func (n *nameLog) sweep(l *Loop, now time.Time, all bool) {
	var out []*eventpb.Event
	n.mu.Lock()
	for k, o := range n.open {
		if !all && now.Before(o.until) {
			continue
		}
		if o.event != nil {
			out = append(out, o.event)
		}
		delete(n.open, k)
	}
	if n.rest != nil && (all || now.Sub(n.began) >= time.Second) {
		out = append(out, n.rest)
		n.rest = nil
	}
	n.mu.Unlock()
	for _, e := range out {
		l.cfg.Recorder.Record(e)
	}
}
