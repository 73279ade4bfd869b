package enforcer

import (
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/intercept/relay"
	"github.com/limpet-security/limpet/internal/verdict"
)

var _ relay.Judge = (*Loop)(nil)

// Talks implements relay.Judge.
func (l *Loop) Talks() bool {
	p := l.current.Load()
	return p.Engine != nil && p.Engine.Needs().Talk
}

// Proxy implements relay.Judge.
func (l *Loop) Proxy(c *action.Connect) (yes bool) {
	a := intercept.Allow
	defer l.caught("proxy", syscall.ECONNRESET, &a)
	return l.current.Load().Engine.Proxy(c)
}

// Talk implements relay.Judge.
func (l *Loop) Talk(t *action.Talk) (a intercept.Answer) {
	defer l.caught("talk", syscall.ECONNRESET, &a)
	p := l.current.Load()
	d := p.Engine.Talk(t)
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	a = l.answer(d, nil, syscall.ECONNRESET)
	what := map[string]string{}
	if t.Method != "" {
		what["method"] = t.Method
	}
	if t.ServerName != "" {
		what["server_name"] = t.ServerName
	}
	address, port := t.Peer.Addr().String(), t.Peer.Port()
	if t.Protocol == action.TalkProxy {
		what["proxy"] = t.Peer.String()
		if address, port = t.ServerName, t.To.Port(); address == "" {
			address = t.To.Addr().String()
		}
	}
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_NETWORK, proc: t.Proc,
		object: "talk " + address + " " + strconv.Itoa(int(port)) + " " + t.Method + t.ServerName,
		fill: func(ev *eventpb.Event) {
			ev.Object = &eventpb.Event_Network{Network: &eventpb.NetworkObject{Protocol: "tcp", Address: address, Port: uint32(port), Direction: "outbound"}}
			ev.Attributes = what
		}})
	return a
}
