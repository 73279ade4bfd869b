package verdict

import (
	"net/netip"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// RuleNames is the rule of the reputation control for host names.
const RuleNames policy.RuleID = "names"

// badNames is the part of policy.ReputationControl that is about host names:
// each stands for itself and for everything below it.
type badNames struct {
	names   *hostSet
	allowed addrSet
}

func (c *compiler) badNames(src *source, k *policy.ReputationControl) {
	if len(k.Names) == 0 {
		return
	}
	names := make([]policy.DNSName, 0, 2*len(k.Names))
	for _, n := range k.Names {
		if len(n) < 2 || n[:2] != "*." {
			names = append(names, n)
			n = "*." + n
		}
		names = append(names, n)
	}
	b := &badNames{names: newHostSet(names), allowed: c.addrs(k.Allowed)}
	c.e.connect = append(c.e.connect, check[action.Connect]{src, b.connect})
	c.e.query = append(c.e.query, check[action.Query]{src, b.query})
	n := &c.e.needs
	n.Names, n.Questions, n.Answers, n.BadNames = true, true, true, true
}

func (b *badNames) connect(a *action.Connect) policy.RuleID {
	if b.names.any(a.Names) && !b.allowed.has(peerAddr(a.Peer)) {
		return RuleNames
	}
	return ""
}

func (b *badNames) query(a *action.Query) policy.RuleID {
	name := a.Name
	switch {
	case a.Address != netip.Addr{}:
		return ""
	case a.Target != "":
		name = a.Target
	}
	if b.names.has(name) {
		return RuleNames
	}
	return ""
}
