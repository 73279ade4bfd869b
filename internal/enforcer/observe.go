package enforcer

import (
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/profile"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
	"github.com/limpet-security/limpet/internal/workload"
)

// Bounds of what a learning enforcer holds.
const (
	maxSeen = 8192 // different things of one boot; what comes beyond is counted
	maxRaw  = 4096 // raw names that are known to belong to one of them; forgotten at once when full
)

// Observer notes what the workload does while its group is learning: each
// different thing once, with counts. When it is off it costs one atomic load;
// what was seen before costs a map lookup and no allocation.
//
// Deltas are numbered. One is out at a time: Delta gives the same until Acked
// or Refused says what became of it, so that nothing is counted twice or lost.
type Observer struct {
	on  atomic.Bool
	now func() time.Time

	mu      sync.Mutex
	maybe   bool            // not known yet whether the group is learning: nothing is handed in
	raw     map[thing]*seen // by what the kernel said
	items   map[thing]*seen // by its generalised form
	dirty   *seen           // list of those with counts to send
	ends    *seen           // last of dirty
	from    time.Time       // what the next delta covers begins here
	dropped uint64          // occurrences that no item holds
	tasks   int
	ports   map[thing]bool // listening at the last look
	binds   bool           // every bind since the workload's start was seen
	number  uint64
	out     *wirepb.PushProfileRequest // not acknowledged yet
}

// thing is one kind of thing that a workload does. It is a map key: looking it
// up does not allocate.
type thing struct {
	kind    string // wire.ProfileExec ...
	exe     string
	path    string
	interp  string
	call    string
	detail  string
	uid     uint32
	digest  workload.Digest
	origin  action.Origin
	flags   uint8 // fileless, sockets
	proto   action.Protocol
	family  action.PrivilegeKind
	peer    netip.AddrPort
	a, b, c int64 // numbers of the kind: ids, domain, type, protocol
}

const (
	flagFileless = 1 << iota
	flagSockets
)

type seen struct {
	thing
	count       uint64
	first, last time.Time
	queued      bool
	told        bool // in an earlier delta of this boot
	next        *seen
}

// Learn switches the observation on or off. What was seen stays until it is
// handed in, unless it was seen on trial (LearnOnTrial).
func (l *Loop) Learn(on bool) { l.observer.set(on, false) }

// LearnOnTrial observes before the first word of the control plane has come,
// so that a start is not missed: Learn says what becomes of it.
func (l *Loop) LearnOnTrial() { l.observer.set(true, true) }

// EndTrial drops what was seen if nobody has said that it was wanted.
func (l *Loop) EndTrial() {
	o := &l.observer
	o.mu.Lock()
	maybe := o.maybe
	o.mu.Unlock()
	if maybe {
		o.set(false, false)
	}
}

func (o *Observer) set(on, trial bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.on.Load()
	switch {
	case trial && was:
		return
	case on && !was:
		if o.items == nil {
			o.raw, o.items, o.ports = map[thing]*seen{}, map[thing]*seen{}, map[thing]bool{}
		}
		o.from = o.now()
	case !on && o.maybe:
		o.raw, o.items, o.ports, o.dirty, o.ends, o.dropped, o.tasks = nil, nil, nil, nil, nil, 0, 0
	}
	o.maybe = trial
	o.binds = o.binds && on
	o.on.Store(on)
}

// Learning says whether the observation is on.
func (l *Loop) Learning() bool { return l.observer.on.Load() }

// Observer gives what is handed to an uplink.
func (l *Loop) Observer() *Observer { return &l.observer }

// note counts a thing; ids are of the processes whose number a name of it may
// hold.
func (o *Observer) note(t thing, ids ...int) {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(t, now, ids...)
}

// add needs o.mu.
func (o *Observer) add(t thing, now time.Time, ids ...int) {
	if o.items == nil {
		return // switched off meanwhile
	}
	s := o.raw[t]
	if s == nil {
		if s = o.find(t, now, ids); s == nil {
			o.dropped++
			return
		}
	}
	s.count++
	s.last = now
	if !s.queued {
		if s.count == 1 && s.told {
			s.first = now
		}
		s.queued, s.next = true, nil
		if o.ends == nil {
			o.dirty = s
		} else {
			o.ends.next = s
		}
		o.ends = s
	}
}

// find gives the item that a raw thing belongs to, or nil if there is no room.
func (o *Observer) find(t thing, now time.Time, ids []int) *seen {
	g := t
	g.exe, g.path, g.interp = profile.Path(t.exe), profile.Path(t.path, ids...), profile.Path(t.interp)
	if t.kind == wire.ProfileExec && profile.Wild(g.path) {
		g.digest = workload.Digest{} // a name that changes: so does what is behind it
	}
	s := o.items[g]
	if s == nil {
		if len(o.items) >= maxSeen {
			return nil
		}
		s = &seen{thing: g, first: now}
		o.items[g] = s
	}
	if len(o.raw) >= maxRaw {
		clear(o.raw)
	}
	o.raw[t] = s
	return s
}

func (o *Observer) exec(e *action.Exec) {
	if !o.on.Load() || e.Proc == nil {
		return
	}
	t := thing{kind: wire.ProfileExec, exe: e.Proc.Exe, uid: e.Proc.UID, path: e.Path, interp: e.Interpreter, digest: e.Digest, origin: e.Origin}
	if e.Fileless {
		t.flags |= flagFileless
	}
	if e.SocketFDs != 0 {
		t.flags |= flagSockets
	}
	o.note(t)
}

func (o *Observer) connect(c *action.Connect) {
	if !o.on.Load() || c.Proc == nil {
		return
	}
	name, peer := settled(c)
	o.note(thing{kind: wire.ProfileConnect, exe: c.Proc.Exe, uid: c.Proc.UID, proto: c.Protocol, path: c.Unix, peer: peer, detail: name})
}

func (o *Observer) socket(s *action.Socket) {
	if !o.on.Load() || s.Proc == nil {
		return
	}
	o.note(thing{kind: wire.ProfileSocket, exe: s.Proc.Exe, uid: s.Proc.UID, a: int64(s.Domain), b: int64(s.Type), c: int64(s.Protocol)})
}

func (o *Observer) privilege(p *action.Privilege) {
	if !o.on.Load() || p.Proc == nil {
		return
	}
	t := thing{kind: wire.ProfilePrivilege, exe: p.Proc.Exe, uid: p.Proc.UID, call: p.Syscall, family: p.Kind, a: p.ToUID, b: p.ToGID}
	if p.Kind == action.PrivNamespace {
		t.detail = p.Detail // the kinds of namespaces; elsewhere it may name a process
	}
	o.note(t)
}

func (o *Observer) fork(f *action.Fork) {
	if !o.on.Load() {
		return
	}
	o.mu.Lock()
	o.tasks = max(o.tasks, f.Tasks)
	o.mu.Unlock()
}

// file notes changes of files, and reads outside of what every program reads.
func (o *Observer) file(f *action.FileOp) {
	if !o.on.Load() || f.Proc == nil || !worthNoting(f) {
		return
	}
	what := thing{kind: wire.ProfileFile, exe: f.Proc.Exe, uid: f.Proc.UID, path: f.Path, a: int64(f.Access)}
	if profile.SharedObject(f.Path) {
		o.note(what) // libc.so.6 is no name that process 6 made up
		return
	}
	o.note(what, f.Proc.PID, f.Proc.PPID)
}

// sample looks at what no call tells: listening ports and the number of tasks.
// ours says that a port is the enforcer's own.
func (o *Observer) sample(proc string, ours func(port uint16) bool) {
	if !o.on.Load() {
		return
	}
	tasks := procfs.TreeTasks(os.Getpid())
	o.mu.Lock()
	o.tasks = max(o.tasks, tasks)
	exact := o.binds
	o.mu.Unlock()
	if exact {
		return // what else listens in the same network is not the workload's
	}
	open := listening(proc)
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for t := range open {
		if !o.ports[t] && !(t.proto == action.ProtoTCP && ours(t.peer.Port())) {
			o.add(t, now) // counted once for as long as it stays open
		}
	}
	o.ports = open
}

// Delta gives what is to be handed in: nil if nothing is.
func (o *Observer) Delta() *wirepb.PushProfileRequest {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.maybe {
		return nil
	}
	if o.out != nil {
		return o.out
	}
	if o.dirty == nil && o.dropped == 0 {
		return nil
	}
	now := o.now()
	m := &wirepb.PushProfileRequest{Dropped: o.dropped, FromNs: o.from.UnixNano(), UntilNs: now.UnixNano(), MaxTasks: uint32(o.tasks)}
	for s := o.dirty; s != nil && len(m.Items) < wire.MaxProfileItems; s = o.dirty {
		m.Items = append(m.Items, s.item())
		s.count, s.queued, s.told = 0, false, true
		o.dirty, s.next = s.next, nil
	}
	if o.dirty == nil {
		o.ends = nil
	}
	o.number++
	m.Sequence = o.number
	o.dropped, o.from, o.out = 0, now, m
	return m
}

// Acked says that the delta is committed.
func (o *Observer) Acked(sequence uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.out != nil && o.out.Sequence <= sequence {
		o.out = nil
	}
}

// Refused says that the delta will never be taken: what it held counts as
// dropped.
func (o *Observer) Refused() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.out == nil {
		return
	}
	o.dropped += o.out.Dropped
	for _, it := range o.out.Items {
		o.dropped += it.Count
	}
	o.out = nil
}

func (s *seen) item() *wirepb.ProfileItem {
	it := &wirepb.ProfileItem{
		Kind: s.kind, Exe: s.exe, Uid: s.uid, Path: s.path, Call: s.call, Detail: s.detail, Count: s.count,
		FirstNs: s.first.UnixNano(), LastNs: s.last.UnixNano(), FirstTime: !s.told,
	}
	switch s.kind {
	case wire.ProfileExec:
		if !s.digest.IsZero() {
			it.Digest = s.digest.String()
		}
		it.Origin, it.Interpreter = originName(s.origin), s.interp
		it.Fileless, it.Sockets = s.flags&flagFileless != 0, s.flags&flagSockets != 0
	case wire.ProfileConnect, wire.ProfileListen:
		it.Protocol = protocolName(s.proto)
		if s.peer.IsValid() {
			it.Address, it.Port = s.peer.Addr().String(), uint32(s.peer.Port())
		}
		it.Name, it.Detail = s.detail, ""
	case wire.ProfileDNS:
		it.Name, it.Detail = s.detail, ""
	case wire.ProfileFile:
		it.Call = action.FileAccess(s.a).String()
	case wire.ProfileSocket:
		it.Domain, it.Type, it.SocketProtocol = int32(s.a), int32(s.b), int32(s.c)
	case wire.ProfilePrivilege:
		it.Family, it.ToUid, it.ToGid = familyNames[s.family], s.a, s.b
	}
	return it
}

var familyNames = [...]string{
	action.PrivNamespace: "namespace", action.PrivMount: "mount", action.PrivKernel: "kernel",
	action.PrivTrace: "trace", action.PrivIdentity: "identity", action.PrivCapability: "capability",
}
