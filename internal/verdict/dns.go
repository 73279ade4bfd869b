package verdict

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// Ports at which names are asked.
const (
	portDNS   = 53
	portDoT   = 853 // DNS over TLS, and over QUIC
	portHTTPS = 443
)

// dns is a compiled policy.DNSControl: of questions and answers (match), and
// of the name servers that are connected to (server).
type dns struct {
	allow, deny, private *hostSet
	denyIDs              []policy.RuleID
	resolvers            addrSet
	limited              bool // resolvers are given
	named                bool // names are judged, so that they have to be seen
	tunnels, rebinding   bool
}

func (c *compiler) nameResolution(k *policy.Controls) {
	if k.DNS == nil {
		return
	}
	src := c.source(policy.DNS, k.DNS.Setting)
	if src == nil {
		return
	}
	d := &dns{
		allow: newHostSet(k.DNS.Allow), deny: newHostSet(k.DNS.Deny), private: newHostSet(k.DNS.PrivateNames),
		denyIDs: ruleIDs("deny", len(k.DNS.Deny)), resolvers: c.addrs(k.DNS.Resolvers), limited: len(k.DNS.Resolvers) > 0,
		tunnels: k.DNS.BlockTunnels, rebinding: k.DNS.BlockRebinding,
	}
	d.named = d.allow != nil || d.deny != nil || d.tunnels || d.rebinding
	n := &c.e.needs
	n.Names = n.Names || d.named || k.DNS.RecordRequests
	n.Questions = n.Questions || d.named
	n.Answers = n.Answers || d.deny != nil || d.rebinding
	n.RecordNames = n.RecordNames || k.DNS.RecordRequests
	if d.named {
		c.e.query = append(c.e.query, check[action.Query]{src, d.match})
	}
	if d.named || d.limited {
		c.e.connect = append(c.e.connect, check[action.Connect]{src, d.server})
	}
}

// match judges a question, or a part of an answer.
func (d *dns) match(a *action.Query) policy.RuleID {
	switch {
	case a.Target != "":
		// A name that is allowed may lead anywhere but to one that is denied.
		if i := d.deny.find(a.Target); i != none {
			return d.denyIDs[i]
		}
		return ""
	case a.Address.IsValid():
		if d.rebinding && privateAddr(a.Address) && strings.IndexByte(a.Name, '.') >= 0 && !d.private.has(a.Name) {
			return "rebinding"
		}
		return ""
	}
	if i := d.deny.find(a.Name); i != none {
		return d.denyIDs[i]
	}
	if d.tunnels && a.Tunnel != "" {
		return "tunnel"
	}
	if d.allow != nil && !d.allow.has(a.Name) && !d.allow.has(a.Bare) {
		return RuleNotListed
	}
	return ""
}

// server judges the name server that a connection or datagram is for.
func (d *dns) server(a *action.Connect) policy.RuleID {
	if a.Protocol != action.ProtoTCP && a.Protocol != action.ProtoUDP {
		return ""
	}
	if hiddenPort(a) || a.Raw && d.named && a.Peer.Port() == portDNS {
		return "raw" // a question that nobody reads
	}
	addr := peerAddr(a.Peer)
	switch a.Peer.Port() {
	case portDNS:
		if d.limited && !d.resolvers.has(addr) {
			return "resolvers"
		}
		return ""
	case portDoT:
	case portHTTPS:
		if !slices.Contains(publicResolvers, addr.WithZone("")) {
			return ""
		}
	default:
		return ""
	}
	switch {
	case d.named:
		return "encrypted" // nobody could see what is asked
	case d.limited && !d.resolvers.has(addr):
		return "resolvers"
	}
	return ""
}

// privateAddr is what a name of the public internet has no reason to have.
func privateAddr(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() ||
		carrier.Contains(a) || a.Is4() && a.As4()[0] == 0
}

var carrier = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// byNameOnly says whether an address that is known by a name may count for an
// allow rule: a name must not open what is on this host or this link, cloud
// metadata included, because whoever answers for the name chooses the address.
func byNameOnly(a netip.Addr) bool {
	return !(a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast())
}

// publicResolvers are addresses of well-known public resolvers that answer
// over HTTPS: Google, Cloudflare, Quad9, OpenDNS, AdGuard, Mullvad, NextDNS,
// CleanBrowsing, DNS.SB, Control D.
var publicResolvers = func() (out []netip.Addr) {
	for _, s := range strings.Fields(`
		8.8.8.8 8.8.4.4 2001:4860:4860::8888 2001:4860:4860::8844
		1.1.1.1 1.0.0.1 1.1.1.2 1.0.0.2 1.1.1.3 1.0.0.3 2606:4700:4700::1111 2606:4700:4700::1001
		9.9.9.9 149.112.112.112 9.9.9.10 9.9.9.11 2620:fe::fe 2620:fe::9
		208.67.222.222 208.67.220.220 2620:119:35::35 2620:119:53::53
		94.140.14.14 94.140.15.15 2a10:50c0::ad1:ff 2a10:50c0::ad2:ff
		194.242.2.2 194.242.2.3 45.90.28.0 45.90.30.0 185.228.168.9 185.228.169.9
		185.222.222.222 45.11.45.11 76.76.2.0 76.76.10.0`) {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}()

// Query judges a question to a name server, or a part of its answer.
func (e *Engine) Query(a *action.Query) Decision {
	return first(e.query, a, subject{proc: a.Proc, name: a.Name, addr: a.Server.Addr(), port: a.Server.Port()})
}

// NamesMatter says whether an allow rule could let a connection happen if its
// address were known by a name.
func (e *Engine) NamesMatter(a *action.Connect) bool {
	return e.needs.AllowNames && len(a.Names) == 0 && e.Connect(a).Verdict != Allow
}
