package learn

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/profile"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/workload"
)

// Hit is what a policy would have done to one kind of thing.
type Hit struct {
	Verdict    string    `json:"verdict" enum:"audit,deny"`
	Control    string    `json:"control"`
	Rule       string    `json:"rule"`
	Policy     string    `json:"policy"`
	Executable string    `json:"executable"`
	Object     string    `json:"object"`
	Seen       int64     `json:"seen" doc:"Occurrences in profiles"`
	Events     int64     `json:"events" doc:"Occurrences in recorded events"`
	FirstSeen  time.Time `json:"firstSeen"`
	LastSeen   time.Time `json:"lastSeen"`
	Workloads  []string  `json:"workloads" nullable:"false"`
	Examples   []string  `json:"examples" nullable:"false" doc:"Identifiers of recorded events"`
}

// Unjudged is what could not be tried.
type Unjudged struct {
	What  string `json:"what"`
	Count int64  `json:"count"`
	Why   string `json:"why"`
}

// Simulation is what policies would have done.
type Simulation struct {
	Items       int        `json:"items" doc:"Different things of profiles that were tried"`
	Occurrences int64      `json:"occurrences" doc:"How often they happened"`
	Events      int64      `json:"events" doc:"Recorded events that were tried, by their counts"`
	Blocked     int64      `json:"blocked" doc:"Occurrences, of profiles and of events, that would have been denied"`
	Reported    int64      `json:"reported" doc:"Those that would have been let through and reported"`
	Hits        []Hit      `json:"hits" nullable:"false" doc:"Denied ones first, the most frequent first"`
	Truncated   bool       `json:"truncated,omitempty" doc:"There are more hits than are shown"`
	NotTried    []Unjudged `json:"notTried" nullable:"false"`
}

// Bounds of an answer.
const (
	maxHits     = 1000
	maxExamples = 5
)

// Trial tries an engine on things and events.
type Trial struct {
	engine *verdict.Engine
	out    Simulation
	hits   map[hitKey]*Hit
	not    map[[2]string]int64
}

type hitKey struct{ verdict, control, rule, policy, executable, object string }

// NewTrial compiles policies as for a group that enforces.
func NewTrial(policies []*policy.RuntimePolicy, w verdict.Workload) (*Trial, error) {
	w.GroupMode = policy.Enforce
	if w.Now.IsZero() {
		w.Now = time.Now()
	}
	if w.AssignedAt.IsZero() {
		w.AssignedAt = w.Now.AddDate(-20, 0, 0) // enforceAfterDays have passed
	}
	e, err := verdict.Compile(policies, w)
	if err != nil {
		return nil, err
	}
	return &Trial{engine: e, hits: map[hitKey]*Hit{}, not: map[[2]string]int64{}}, nil
}

// Item tries one thing of a profile and gives the verdict.
func (t *Trial) Item(it Item) verdict.Decision {
	d, why := t.judge(it.What)
	if why != "" {
		t.not[[2]string{it.Kind, why}] += it.Count
		return d
	}
	t.out.Items++
	t.out.Occurrences += it.Count
	if h := t.hit(d, it.Executable(), it.Object(), it.FirstSeen, it.LastSeen, it.Workload, it.Count); h != nil {
		h.Seen += it.Count
	}
	return d
}

// Event tries a recorded event.
func (t *Trial) Event(v events.View) {
	n := int64(min(v.Count, 1<<40))
	w, why := fromEvent(v)
	var d verdict.Decision
	if why == "" {
		d, why = t.judge(w)
	}
	if why != "" {
		if why != notAnAction {
			t.not[[2]string{"event " + v.Kind, why}] += n
		}
		return
	}
	t.out.Events += n
	last := v.ObservedAt
	if v.LastObservedAt != nil && v.LastObservedAt.After(last) {
		last = *v.LastObservedAt
	}
	if h := t.hit(d, w.Executable(), w.Object(), v.ObservedAt, last, v.Workload.ImageDigest, n); h != nil {
		h.Events += n
		if len(h.Examples) < maxExamples {
			h.Examples = append(h.Examples, v.ID)
		}
	}
}

func (t *Trial) hit(d verdict.Decision, exe, object string, first, last time.Time, where string, n int64) *Hit {
	switch d.Verdict {
	case verdict.Deny:
		t.out.Blocked += n
	case verdict.Audit:
		t.out.Reported += n
	default:
		return nil
	}
	k := hitKey{d.Verdict.String(), string(d.Control), string(d.Rule), d.Policy, exe, object}
	h := t.hits[k]
	if h == nil {
		h = &Hit{Verdict: k.verdict, Control: k.control, Rule: k.rule, Policy: k.policy, Executable: exe, Object: object,
			FirstSeen: first, LastSeen: last, Workloads: []string{}, Examples: []string{}}
		t.hits[k] = h
	}
	if first.Before(h.FirstSeen) {
		h.FirstSeen = first
	}
	if last.After(h.LastSeen) {
		h.LastSeen = last
	}
	if where != "" && !slices.Contains(h.Workloads, where) && len(h.Workloads) < 20 {
		h.Workloads = append(h.Workloads, where)
	}
	return h
}

// Result gives what was found.
func (t *Trial) Result() Simulation {
	s := t.out
	s.Hits, s.NotTried = []Hit{}, []Unjudged{}
	for _, h := range t.hits {
		s.Hits = append(s.Hits, *h)
	}
	slices.SortFunc(s.Hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Verdict, a.Verdict), cmp.Compare(b.Seen+b.Events, a.Seen+a.Events),
			cmp.Compare(a.Control, b.Control), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Executable, b.Executable), cmp.Compare(a.Object, b.Object))
	})
	if len(s.Hits) > maxHits {
		s.Hits, s.Truncated = s.Hits[:maxHits], true
	}
	for k, n := range t.not {
		s.NotTried = append(s.NotTried, Unjudged{k[0], n, k[1]})
	}
	slices.SortFunc(s.NotTried, func(a, b Unjudged) int { return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why)) })
	return s
}

// judge asks the engine. why says why it could not be asked.
func (t *Trial) judge(w What) (d verdict.Decision, why string) {
	switch w.Kind {
	case wire.ProfileExec:
		return t.engine.Exec(w.exec()), ""
	case wire.ProfileConnect:
		a, ok := w.connect()
		if !ok {
			return d, "the address is not known"
		}
		return t.engine.Connect(a), ""
	case wire.ProfileSocket:
		return t.engine.Socket(&action.Socket{Proc: w.proc(), Domain: int(w.Domain), Type: int(w.Type), Protocol: int(w.SocketProtocol)}), ""
	case wire.ProfilePrivilege:
		return t.engine.Privilege(w.privilege()), ""
	case wire.ProfileFile:
		a := w.file()
		if a.Access == 0 || a.Path == "" {
			return d, "the file or what was done to it is not known"
		}
		return t.engine.File(a), ""
	case wire.ProfileListen:
		a, ok := w.bind()
		if !ok {
			return d, "the port is not known"
		}
		return t.engine.Bind(a), ""
	case wire.ProfileDNS:
		a, ok := w.query()
		if !ok {
			return d, "the name is not known"
		}
		return t.engine.Query(a), ""
	}
	return d, "this kind cannot be tried yet"
}

// notAnAction marks events that no policy judges.
const notAnAction = "not an action"

// fromEvent reads what a recorded event was about.
func fromEvent(v events.View) (w What, why string) {
	if v.Process != nil {
		w.Exe, w.UID = profile.Path(v.Process.Exe), v.Process.UID
	}
	o := v.Object
	switch {
	case v.Verdict == "allow" || v.Kind == "lifecycle" || v.Kind == "dropped" || v.Kind == "status" || v.Kind == "tamper":
		return w, notAnAction
	case o == nil:
		return w, "the event names no object"
	case v.Kind == "exec" && o.Type == "file":
		w.Kind, w.Path, w.Digest, w.Origin = wire.ProfileExec, profile.Path(o.Path), o.Digest, o.Origin
		w.Interpreter, w.Fileless = profile.Path(o.Interpreter), o.Fileless
		w.Sockets = v.Attributes["socket_fds"] != ""
		if _, err := workload.ParseDigest(w.Digest); err != nil {
			w.Digest = ""
		}
	case v.Kind == "network" && o.Type == "network" && o.Direction != "inbound":
		w.Kind, w.Protocol = wire.ProfileConnect, o.Protocol
		if a, err := netip.ParseAddr(o.Address); err == nil {
			w.Address, w.Port = a.String(), o.Port
		} else if w.Protocol == "unix" {
			w.Path = profile.Path(o.Address)
		}
	case v.Kind == "network" && o.Type == "network" && o.LocalPort != 0 && o.Address == "":
		w.Kind, w.Protocol, w.Address, w.Port = wire.ProfileListen, o.Protocol, o.LocalAddress, o.LocalPort
	case v.Kind == "network" && o.Type == "dns":
		w.Kind, w.Name, w.Detail, w.Address = wire.ProfileDNS, o.Name, o.Target, o.Address
	case v.Kind == "file" && o.Type == "file":
		w.Kind, w.Path, w.Call = wire.ProfileFile, profile.Path(o.Path), o.Operation
	case v.Kind == "socket" && o.Type == "network":
		w.Kind, w.Domain, w.Type, w.SocketProtocol = wire.ProfileSocket, o.Domain, o.SocketType, o.SocketProtocol
	case v.Kind == "privilege" && o.Type == "call":
		w.Kind, w.Call, w.Detail = wire.ProfilePrivilege, o.Syscall, o.Detail
		if w.Family = familyOf(v.Control, o.Syscall); w.Family == "" {
			return w, "the family of the call is not known"
		}
		if w.Family == "identity" {
			w.ToUID, w.ToGID = targets(o.Detail)
		}
	default:
		return w, "this kind cannot be tried yet"
	}
	return w, ""
}

func familyOf(control, call string) string {
	switch policy.ControlID(control) {
	case policy.Namespaces:
		return "namespace"
	case policy.Mounts:
		return "mount"
	case policy.KernelInterfaces:
		return "kernel"
	case policy.Injection:
		return "trace"
	case policy.PrivilegeChange:
		if strings.HasPrefix(call, "set") {
			return "identity"
		}
		return "capability"
	}
	return ""
}

// targets reads "uid 0" and "gid 0" out of a call's description.
func targets(detail string) (uid, gid *int64) {
	one := int64(-1)
	u, g := one, one
	for part := range strings.SplitSeq(detail, ",") {
		var n int64
		if _, err := fmt.Sscanf(strings.TrimSpace(part), "uid %d", &n); err == nil {
			u = n
		} else if _, err := fmt.Sscanf(strings.TrimSpace(part), "gid %d", &n); err == nil {
			g = n
		}
	}
	return &u, &g
}
