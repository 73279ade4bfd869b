package enforcer

import (
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

var _ intercept.NetworkJudge = (*Loop)(nil)

// JudgesPeers implements intercept.NetworkJudge.
func (l *Loop) JudgesPeers() bool { return l.watching() || l.current.Load().Engine.Needs().Connect }

// JudgesUnix implements intercept.NetworkJudge.
func (l *Loop) JudgesUnix() bool { return l.current.Load().Engine.Needs().Unix }

// JudgesBinds implements intercept.NetworkJudge.
func (l *Loop) JudgesBinds() bool { return l.watching() || l.current.Load().Engine.Needs().Bind }

// JudgesAccepts implements intercept.NetworkJudge.
func (l *Loop) JudgesAccepts() bool { return l.current.Load().Engine.Needs().Accept }

// Bind implements intercept.NetworkJudge.
func (l *Loop) Bind(b *action.Bind) (a intercept.Answer) {
	defer l.caught("bind", syscall.EACCES, &a)
	p := l.current.Load()
	d := p.Engine.Bind(b)
	if d.Verdict != verdict.Deny {
		l.observer.bind(b)
		l.ports.yield(b)
	}
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	a = l.answer(d, b.Proc, syscall.EACCES)
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_NETWORK, proc: b.Proc, object: "bind " + protocolName(b.Protocol) + " " + b.Local.String(),
		fill: func(ev *eventpb.Event) {
			ev.Object = &eventpb.Event_Network{Network: &eventpb.NetworkObject{
				Protocol: protocolName(b.Protocol), Direction: "inbound", LocalAddress: b.Local.Addr().String(), LocalPort: uint32(b.Local.Port()),
			}}
		}})
	return a
}

// Accept implements intercept.NetworkJudge.
func (l *Loop) Accept(c *action.Accept) (a intercept.Answer) {
	defer l.caught("accept", syscall.ECONNABORTED, &a)
	p := l.current.Load()
	d := p.Engine.Accept(c)
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	a = l.answer(d, nil, syscall.ECONNABORTED)
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_NETWORK, proc: c.Proc, object: "accept " + c.Peer.Addr().String() + " " + strconv.Itoa(int(c.Local.Port())),
		fill: func(ev *eventpb.Event) { ev.Object = acceptObject(c) }})
	return a
}

func acceptObject(c *action.Accept) *eventpb.Event_Network {
	return &eventpb.Event_Network{Network: &eventpb.NetworkObject{
		Protocol: protocolName(c.Protocol), Direction: "inbound", Address: c.Peer.Addr().String(), Port: uint32(c.Peer.Port()),
		LocalAddress: c.Local.Addr().String(), LocalPort: uint32(c.Local.Port()),
	}}
}

// scan fills in how far the caller reached out lately, where a rule asks.
func (l *Loop) scan(p *Policies, c *action.Connect) {
	n := p.Engine.Needs().NetworkNeeds
	if n.ScanWindow > 0 && c.Protocol != action.ProtoUnix {
		c.Scan = l.scans.note(c, &n, l.self, l.cfg.Now())
	}
}

// connectObject tells connections apart: all that a scan tries are one.
func connectObject(d verdict.Decision, c *action.Connect, peer string) string {
	if d.Control == policy.PortScan {
		return "scan"
	}
	return peer
}

// scanned tells what a port scan reached; nil if the event is of none.
func scanned(d verdict.Decision, c *action.Connect) map[string]string {
	if d.Control != policy.PortScan {
		return nil
	}
	return map[string]string{"ports": strconv.Itoa(c.Scan.Ports), "hosts": strconv.Itoa(c.Scan.Hosts)}
}
