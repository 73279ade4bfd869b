package verdict

import (
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// Rules of the controls in this file.
const (
	RuleAddresses policy.RuleID = "addresses"
	RuleBelow     policy.RuleID = "below"
	RuleMaxPorts  policy.RuleID = "maxPorts"
	RuleMaxHosts  policy.RuleID = "maxHosts"
)

// listening compiles the controls of what others can reach, and of how many
// others a process tries to reach.
func (c *compiler) listening(k *policy.Controls) {
	if k.Bind != nil {
		if src := c.source(policy.Bind, k.Bind.Setting); src != nil {
			b := &binding{allowed: newPortSet(k.Bind.AllowedPorts), denied: k.Bind.DeniedPorts, deniedIDs: ruleIDs("deniedPorts", len(k.Bind.DeniedPorts)),
				addrs: c.addrs(k.Bind.Addresses), limited: len(k.Bind.Addresses) > 0, processes: c.paths(k.Bind.Processes)}
			c.e.bind = append(c.e.bind, check[action.Bind]{src, b.match})
		}
	}
	if k.LowPorts != nil {
		if src := c.source(policy.LowPorts, k.LowPorts.Setting); src != nil {
			below, allowed := k.LowPorts.Below, c.paths(k.LowPorts.AllowedProcesses)
			if below == 0 {
				below = 1024
			}
			c.e.bind = append(c.e.bind, check[action.Bind]{src, func(a *action.Bind) policy.RuleID {
				if p := int(a.Local.Port()); p != 0 && p < below && (a.Proc == nil || !allowed.has(a.Proc.Exe)) {
					return RuleBelow
				}
				return ""
			}})
		}
	}
	if k.Inbound != nil {
		if src := c.source(policy.Inbound, k.Inbound.Setting); src != nil {
			in := &inbound{allow: c.peerRules(k.Inbound.Allow, "allow"), deny: c.peerRules(k.Inbound.Deny, "deny")}
			c.e.accept = append(c.e.accept, check[action.Accept]{src, in.match})
		}
	}
	if k.PortScan != nil {
		if src := c.source(policy.PortScan, k.PortScan.Setting); src != nil {
			s := &scanning{ports: orDefault(k.PortScan.MaxPorts, 20), hosts: orDefault(k.PortScan.MaxHosts, 50), except: c.paths(k.PortScan.Except)}
			window := time.Duration(orDefault(k.PortScan.WindowSeconds, 10)) * time.Second
			n := &c.e.needs
			n.ScanWindow, n.ScanPorts, n.ScanHosts = max(n.ScanWindow, window), max(n.ScanPorts, s.ports), max(n.ScanHosts, s.hosts)
			c.e.connect = append(c.e.connect, check[action.Connect]{src, s.match})
		}
	}
	if k.IPReputation != nil {
		if src := c.source(policy.Reputation, k.IPReputation.Setting); src != nil {
			r := &badAddrs{bad: c.addrs(k.IPReputation.Addresses), allowed: c.addrs(k.IPReputation.Allowed)}
			c.e.connect = append(c.e.connect, check[action.Connect]{src, r.match})
			c.badNames(src, k.IPReputation)
			c.reputationLists(src, k.IPReputation)
			if len(k.IPReputation.Lists)+len(k.IPReputation.Addresses)+len(k.IPReputation.Names) == 0 {
				c.note(src, "neither lists nor addresses nor names are given, so nothing is judged")
			}
		}
	}
}

func orDefault(v, d int) int {
	if v == 0 {
		return d
	}
	return v
}

// binding is a compiled policy.BindControl.
type binding struct {
	allowed   portSet // nil: all
	denied    []policy.Ports
	deniedIDs []policy.RuleID
	addrs     addrSet
	limited   bool // addresses are given
	processes *pathSet
}

func (b *binding) match(a *action.Bind) policy.RuleID {
	if b.processes != nil && (a.Proc == nil || !b.processes.has(a.Proc.Exe)) {
		return ""
	}
	port := a.Local.Port()
	if port != 0 {
		for i, r := range b.denied {
			if r.First <= port && port <= r.Last {
				return b.deniedIDs[i]
			}
		}
	}
	if b.limited && !b.addrs.has(a.Local.Addr()) {
		return RuleAddresses
	}
	// Any free port is a client's; who listens on it is judged by its number.
	if len(b.allowed) > 0 && (port != 0 || a.Listen) && !b.allowed.has(port) {
		return RuleNotListed
	}
	return ""
}

// inbound is a compiled policy.InboundControl.
type inbound struct{ allow, deny []peerRule }

type peerRule struct {
	id     policy.RuleID
	byAddr bool
	addrs  addrSet
	ports  portSet
}

func (c *compiler) peerRules(rules []policy.PeerRule, list string) []peerRule {
	var out []peerRule
	for i := range rules {
		out = append(out, peerRule{ruleName(rules[i].Name, list, i), len(rules[i].CIDRs) > 0, c.addrs(rules[i].CIDRs), newPortSet(rules[i].Ports)})
	}
	return out
}

func (in *inbound) match(a *action.Accept) policy.RuleID {
	for i := range in.deny {
		if in.deny[i].covers(a) {
			return in.deny[i].id
		}
	}
	if len(in.allow) == 0 {
		return ""
	}
	for i := range in.allow {
		if in.allow[i].covers(a) {
			return ""
		}
	}
	return RuleNotListed
}

func (r *peerRule) covers(a *action.Accept) bool {
	return (!r.byAddr || r.addrs.has(a.Peer.Addr())) && (len(r.ports) == 0 || r.ports.has(a.Local.Port()))
}

// scanning is a compiled policy.PortScanControl.
type scanning struct {
	ports, hosts int
	except       *pathSet
}

func (s *scanning) match(a *action.Connect) policy.RuleID {
	switch {
	case a.Protocol == action.ProtoUnix, a.Proc != nil && s.except.has(a.Proc.Exe):
	case a.Scan.Ports > s.ports:
		return RuleMaxPorts
	case a.Scan.Hosts > s.hosts:
		return RuleMaxHosts
	}
	return ""
}

// badAddrs is the part of policy.ReputationControl that is about addresses.
type badAddrs struct{ bad, allowed addrSet }

func (r *badAddrs) match(a *action.Connect) policy.RuleID {
	if a.Protocol == action.ProtoUnix {
		return ""
	}
	if addr := peerAddr(a.Peer); r.bad.reaches(addr) && !r.allowed.has(addr) {
		return RuleAddresses
	}
	return ""
}

// Bind judges a socket that is about to be bound or to listen.
func (e *Engine) Bind(a *action.Bind) Decision {
	return first(e.bind, a, subject{proc: a.Proc, addr: peerAddr(a.Local), port: a.Local.Port()})
}

// Accept judges an inbound connection.
func (e *Engine) Accept(a *action.Accept) Decision {
	return first(e.accept, a, subject{proc: a.Proc, addr: peerAddr(a.Peer), port: a.Local.Port()})
}
