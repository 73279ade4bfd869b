package enforcer

import (
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/intercept/resolve"
	"github.com/limpet-security/limpet/internal/verdict"
)

var _ resolve.Judge = (*Loop)(nil)

// Needs implements resolve.Judge.
func (l *Loop) Needs() resolve.Needs {
	p := l.current.Load()
	if p.Engine == nil {
		return resolve.Needs{}
	}
	n := p.Engine.Needs()
	return resolve.Needs{Names: n.Names || l.watching(), Answers: n.Answers, Hosts: n.Hosts}
}

// NamesMatter implements resolve.Judge.
func (l *Loop) NamesMatter(c *action.Connect) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false // Connect will say what it was
		}
	}()
	return l.current.Load().Engine.NamesMatter(c)
}

// Resolve implements resolve.Judge.
func (l *Loop) Resolve(q *action.Query) (a intercept.Answer) {
	defer l.caught("resolve", syscall.EPERM, &a)
	p := l.current.Load()
	d := p.Engine.Query(q)
	if p.Engine.Needs().RecordNames && q.Asked() {
		l.names.record(l, p, d, q)
	}
	if d.Verdict != verdict.Deny {
		l.observer.query(q)
	}
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	a = l.answer(d, nil, syscall.EPERM)
	l.reportQuery(p, d, q, a)
	return a
}

func (l *Loop) reportQuery(p *Policies, d verdict.Decision, q *action.Query, a intercept.Answer) {
	object := "dns " + q.Name + " " + q.Target
	if q.Address.IsValid() {
		object += " " + q.Address.String()
	}
	if d.Rule == "tunnel" {
		object = "dns tunnel " + resolve.Domain(q.Name) // thousands of names are one tunnel
	}
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_NETWORK, proc: q.Proc, object: object,
		fill: func(ev *eventpb.Event) { ev.Object = &eventpb.Event_Dns{Dns: dnsObject(q)} }})
}

func dnsObject(q *action.Query) *eventpb.DnsObject {
	o := &eventpb.DnsObject{Name: q.Name, Type: typeName(q.Type), Server: q.Server.String(), Protocol: protocolName(q.Protocol), Target: q.Target, Tunnel: q.Tunnel}
	if q.Address.IsValid() {
		o.Address = q.Address.String()
	}
	return o
}

var typeNames = map[uint16]string{1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV",
	35: "NAPTR", 37: "CERT", 43: "DS", 48: "DNSKEY", 52: "TLSA", 64: "SVCB", 65: "HTTPS", 99: "SPF", 255: "ANY", 257: "CAA"}

func typeName(t uint16) string {
	if n := typeNames[t]; n != "" {
		return n
	}
	return "TYPE" + strconv.Itoa(int(t))
}
