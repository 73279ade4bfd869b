package verdict

import (
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// RuleUnread is the rule of outbound for what a proxy is asked for in words
// that cannot be read.
const RuleUnread policy.RuleID = "proxies"

func (c *compiler) proxies(src *source, k *policy.OutboundControl) {
	if len(k.Proxies) == 0 {
		return
	}
	for i, p := range k.Proxies {
		c.e.proxies = append(c.e.proxies, c.netRule(&policy.NetworkRule{CIDRs: p.CIDRs, DNSNames: p.DNSNames, Ports: p.Ports}, "proxies", i))
	}
	c.e.needs.Talk, c.e.needs.Proxies = true, true
	c.e.talk = append(c.e.talk, check[action.Talk]{src, func(a *action.Talk) policy.RuleID {
		if a.Protocol == action.TalkUnread {
			return RuleUnread
		}
		return ""
	}})
}

// Proxy says whether a connection goes to a proxy, so that what is asked of it
// is judged.
func (e *Engine) Proxy(a *action.Connect) bool {
	for i := range e.proxies {
		if e.proxies[i].covers(a, peerAddr(a.Peer)) {
			return true
		}
	}
	return false
}
