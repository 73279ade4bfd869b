package verdict

import (
	"slices"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// honeyPorts compiles the part of honeypots that watches local ports: who
// connects to one from within, who takes its place, who comes from outside.
func (c *compiler) honeyPorts(k *policy.Controls) {
	if k.Honeypots == nil || len(k.Honeypots.Ports) == 0 {
		return
	}
	src := c.source(policy.Honeypots, k.Honeypots.Setting)
	if src == nil {
		return
	}
	ports, ids := k.Honeypots.Ports, ruleIDs("ports", len(k.Honeypots.Ports))
	for _, r := range ports {
		for p := int(r.First); p <= int(r.Last); p++ {
			if !slices.Contains(c.e.honeyPorts, uint16(p)) {
				c.e.honeyPorts = append(c.e.honeyPorts, uint16(p))
			}
		}
	}
	rule := func(proto action.Protocol, port uint16) policy.RuleID {
		if proto != action.ProtoTCP {
			return ""
		}
		for i, r := range ports {
			if r.First <= port && port <= r.Last {
				return ids[i]
			}
		}
		return ""
	}
	c.e.connect = append(c.e.connect, check[action.Connect]{src, func(a *action.Connect) policy.RuleID {
		if !a.Own && !peerAddr(a.Peer).IsLoopback() {
			return ""
		}
		return rule(a.Protocol, a.Peer.Port())
	}})
	c.e.bind = append(c.e.bind, check[action.Bind]{src, func(a *action.Bind) policy.RuleID { return rule(a.Protocol, a.Local.Port()) }})
	c.e.touch = append(c.e.touch, check[action.Accept]{src, func(a *action.Accept) policy.RuleID { return rule(a.Protocol, a.Local.Port()) }})
}

// HoneyPorts are the local TCP ports to listen on, each once.
func (e *Engine) HoneyPorts() []uint16 { return e.honeyPorts }

// Touch judges a connection to a honeypot's port that came from outside.
func (e *Engine) Touch(a *action.Accept) Decision {
	return first(e.touch, a, subject{addr: peerAddr(a.Peer), port: a.Local.Port()})
}
