package enforcer

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
	"google.golang.org/protobuf/proto"
)

func newID() string { return event.NewID() }

func clone(e *eventpb.Event) *eventpb.Event { return proto.CloneOf(e) }

// found is a decision that is to be reported.
type found struct {
	p    *Policies
	d    verdict.Decision
	a    intercept.Answer
	kind eventpb.Kind
	proc *action.Process
	// above are the ancestors of proc; nil: they are looked up.
	above []ancestor
	// object is what distinguishes this event from others of the same process.
	object string
	// fill completes the event; it is not called when the event is only counted.
	fill func(*eventpb.Event)
}

// report counts a violation, and makes an event of it unless an equal one has
// an open window.
func (l *Loop) report(f found) {
	if f.proc != nil && f.proc.Gone {
		return // nothing came of it, and what excepts his program could not know him
	}
	l.violations.Add(1)
	k := key{
		kind: f.kind, verdict: verdictOf(f.d.Verdict), control: string(f.d.Control), rule: string(f.d.Rule),
		policy: f.d.Policy, object: f.object, errno: int32(f.a.Errno), killed: f.a.Kill,
	}
	if f.proc != nil {
		k.exe, k.uid = f.proc.Exe, f.proc.UID
	}
	now := l.cfg.Now()
	if l.events.again(k, now) {
		return
	}
	e := l.plain(f.kind, "")
	e.Verdict, e.Mode = k.verdict, modeOf(f.d.Mode)
	e.Control, e.Rule, e.Policy = k.control, k.rule, k.policy
	e.Errno, e.Killed = k.errno, k.killed
	e.BundleEpoch, e.BundleNumber = f.p.Epoch, f.p.Number
	if f.proc != nil {
		e.Process = l.process(f.proc)
		if f.above == nil {
			f.above = l.lineage.above(f.proc.PPID)
		}
		for _, a := range f.above {
			e.Ancestors = append(e.Ancestors, l.ancestor(a))
		}
	}
	f.fill(e)
	e.Technique = event.Technique(f.d.Control)
	e.Reason = event.Reason(e)
	event.Bound(e) // what an application says may be long, and no UTF-8, which protobuf refuses
	l.events.add(k, e, now)
}

// plain is an event with nothing but what every event has.
func (l *Loop) plain(kind eventpb.Kind, reason string) *eventpb.Event {
	now := l.cfg.Now().UnixNano()
	p := l.current.Load()
	return &eventpb.Event{
		Id: newID(), ObservedAtNs: now, LastObservedAtNs: now, Count: 1,
		Kind: kind, Verdict: eventpb.Verdict_VERDICT_ALLOW, Reason: reason, Workload: proto.CloneOf(l.cfg.Workload),
		BundleEpoch: p.Epoch, BundleNumber: p.Number,
	}
}

// Lifecycle records that something happened to the enforcer or its workload:
// started, policy applied, ended. attributes are strings for people and
// programs, never secrets.
func (l *Loop) Lifecycle(reason string, attributes map[string]string) {
	e := l.plain(eventpb.Kind_KIND_LIFECYCLE, reason)
	e.Attributes = attributes
	l.cfg.Recorder.Record(e)
}

func (l *Loop) process(p *action.Process) *eventpb.Process {
	out := &eventpb.Process{
		Pid: int32(p.PID), Tid: int32(p.TID), Ppid: int32(p.PPID), Uid: p.UID, Gid: p.GID,
		Exe: p.Exe, Comm: p.Comm, StartTime: p.StartTime, User: l.users.name(p.UID),
	}
	g, ok := l.lineage.program(p.PID, p.StartTime)
	if !ok {
		// It was forked and executed nothing since: it runs what its parent runs.
		g, ok = l.lineage.program(p.PPID, 0)
		ok = ok && g.exe == p.Exe
	}
	if ok {
		out.Args, out.ArgsTruncated, out.Digest = g.args, g.cut, g.digest.String()
		if out.Exe == "" {
			out.Exe = g.exe
		}
	}
	return out
}

func (l *Loop) ancestor(a ancestor) *eventpb.Process {
	return &eventpb.Process{
		Pid: int32(a.pid), Ppid: int32(a.ppid), Uid: a.uid, Gid: a.gid, Exe: a.exe, Comm: a.comm,
		StartTime: a.start, Args: a.args, ArgsTruncated: a.cut, Digest: a.digest.String(), User: l.users.name(a.uid),
	}
}

// learn remembers the program that an exec has just put into a process.
func (l *Loop) learn(e *action.Exec) {
	if e.Proc == nil {
		return
	}
	at := e.Proc.StartTime
	if at == 0 {
		at = linux.BootTicks() // it stands still before its first instruction
	}
	g := program{at: at, exe: e.Path, args: event.Redact(e.Args), cut: e.ArgsTruncated, digest: e.Digest}
	if e.Script { // its interpreter is what runs
		g.exe, g.digest = e.Interpreter, e.InterpDigest
	}
	l.lineage.learn(e.Proc.PID, g)
}

func (l *Loop) reportExec(p *Policies, d verdict.Decision, e *action.Exec, a intercept.Answer) {
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_EXEC, proc: e.Proc, object: execKey(e),
		fill: func(ev *eventpb.Event) { fillExec(l, ev, d, e) }})
}

// attribute adds what is known of an event, if it is.
func attribute(ev *eventpb.Event, k, v string) {
	if v == "" {
		return
	}
	if ev.Attributes == nil {
		ev.Attributes = map[string]string{}
	}
	ev.Attributes[k] = v
}

// fillExec puts the program of an exec into an event.
func fillExec(l *Loop, ev *eventpb.Event, d verdict.Decision, e *action.Exec) {
	// The arguments are those of the program that was asked for.
	ev.Process.Args, ev.Process.ArgsTruncated = event.Redact(e.Args), e.ArgsTruncated
	f := &eventpb.FileObject{
		Path: e.Path, Requested: e.Requested, Digest: e.Digest.String(), Dev: e.File.Dev, Ino: e.File.Ino,
		Mode: e.File.Mode, Origin: originName(e.Origin), Fileless: e.Fileless, Interpreter: e.Interpreter,
	}
	if e.Origin == action.OriginModified {
		if m, ok := l.cfg.Manifest.Lookup(e.Path); ok {
			f.ExpectedDigest = m.Digest.String()
		}
	}
	ev.Object = &eventpb.Event_File{File: f}
	if e.SocketFDs != 0 && (d.Control == policy.ReverseShell || d.Control == policy.BindShell) {
		if e.SocketPeer.IsValid() {
			attribute(ev, "peer", e.SocketPeer.String())
		}
		attribute(ev, "socket_fds", fdList(e.SocketFDs))
	}
	if e.Decoy != "" && d.Control == policy.Honeypots {
		attribute(ev, "decoy", e.Decoy)
	}
	if e.IDs != nil && d.Control == policy.Users {
		attribute(ev, "ids", tellIDs(e.IDs))
	}
	attribute(ev, "named", tellRefs(e))
	if e.Unverified {
		attribute(ev, "unverified", "true")
	}
	if e.Late {
		attribute(ev, "late", "true") // it ran for a moment before it was seen
	}
}

// execKey tells execs apart by object and by what was asked of it: two
// different command lines of one shell are two events.
func execKey(e *action.Exec) string {
	k := e.Path
	if k == "" {
		k = e.Requested
	}
	for i, a := range e.Args {
		if i == 4 || len(k) > 512 {
			break
		}
		k += "\x00" + a
	}
	return k
}

func (l *Loop) reportSocket(p *Policies, d verdict.Decision, s *action.Socket, a intercept.Answer) {
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_SOCKET, proc: s.Proc,
		object: fmt.Sprintf("%d/%d/%d", s.Domain, s.Type, s.Protocol),
		fill: func(ev *eventpb.Event) {
			ev.Object = &eventpb.Event_Network{Network: &eventpb.NetworkObject{
				Protocol: "other", Direction: "outbound", Domain: int32(s.Domain), Type: int32(s.Type), SocketProtocol: int32(s.Protocol),
			}}
		}})
}

func (l *Loop) reportConnect(p *Policies, d verdict.Decision, c *action.Connect, a intercept.Answer) {
	proto := protocolName(c.Protocol)
	address := c.Unix
	if c.Protocol != action.ProtoUnix {
		address = c.Peer.Addr().String()
	}
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_NETWORK, proc: c.Proc,
		object: connectObject(d, c, proto+" "+address+" "+strconv.Itoa(int(c.Peer.Port()))),
		fill: func(ev *eventpb.Event) {
			ev.Object = &eventpb.Event_Network{Network: &eventpb.NetworkObject{
				Protocol: proto, Address: address, Port: uint32(c.Peer.Port()), Direction: "outbound",
			}}
			ev.Attributes = scanned(d, c)
			attribute(ev, "leads_to", c.Real) // the name is a link's
			attribute(ev, "names", strings.Join(c.Names[:min(len(c.Names), 4)], ", "))
		}})
}

func (l *Loop) reportFork(p *Policies, d verdict.Decision, f *action.Fork, a intercept.Answer) {
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_PROCESS, proc: f.Proc, object: "fork",
		fill: func(ev *eventpb.Event) {
			what := "process"
			if f.Thread {
				what = "thread"
			}
			ev.Object = &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: "clone", Detail: fmt.Sprintf("new %s, %d tasks", what, f.Tasks)}}
		}})
}

func (l *Loop) reportPrivilege(p *Policies, d verdict.Decision, c *action.Privilege, a intercept.Answer) {
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_PRIVILEGE, proc: c.Proc, object: c.Syscall + " " + c.Detail,
		fill: func(ev *eventpb.Event) {
			ev.Object = &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: c.Syscall, Detail: c.Detail}}
		}})
}

func (l *Loop) reportTamper(p *Policies, d verdict.Decision, t *action.Tamper) {
	l.report(found{p: p, d: d, a: intercept.Answer{Errno: tamperErrno}, kind: eventpb.Kind_KIND_TAMPER, proc: t.Proc, object: t.Syscall + " " + t.Detail,
		fill: func(ev *eventpb.Event) {
			ev.Object = &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: t.Syscall, Detail: t.Detail}}
		}})
}

func fdList(bits uint8) string {
	s := ""
	for i := range 3 {
		if bits&(1<<i) != 0 {
			if s != "" {
				s += ","
			}
			s += strconv.Itoa(i)
		}
	}
	return s
}
