package verdict

import (
	"net/netip"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// RuleRelayed is that of shells whose commands others carry from the network.
const RuleRelayed policy.RuleID = "relayed"

func (c *compiler) addShells(src *source, s *shells) {
	c.addExec(src, s.match)
	if s.Relayed {
		c.e.relayed = append(c.e.relayed, check[action.Exec]{src, s.relayed})
	}
}

// relayed judges a shell by who carries its commands. One far end that nobody
// trusts is enough.
func (s *shells) relayed(a *action.Exec) policy.RuleID {
	r := a.Relay
	if r == nil || s.accepted && !r.Accepted || s.programs.has(a.Path) || a.Proc != nil && s.parents.has(a.Proc.Exe) ||
		s.parents.has(r.In) && s.parents.has(r.Out) {
		return ""
	}
	for _, p := range r.Peers {
		if !s.trusts(p) {
			return RuleRelayed
		}
	}
	return ""
}

// trusts says that a far end may have a shell.
func (s *shells) trusts(p netip.AddrPort) bool {
	peer := peerAddr(p)
	return s.AllowLoopback && peer.IsLoopback() || s.peers.has(peer)
}
