package verdict

import (
	"net/netip"
	"slices"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// network compiles the controls that judge sockets and connections.
func (c *compiler) network(k *policy.Controls) {
	if k.Outbound != nil {
		if src := c.source(policy.Outbound, k.Outbound.Setting); src != nil {
			o := c.outbound(k.Outbound)
			c.e.connect = append(c.e.connect, check[action.Connect]{src, o.match})
			c.e.frames = append(c.e.frames, check[action.Socket]{src, o.frames})
			c.proxies(src, k.Outbound)
		}
	}
	if k.MetadataEndpoints != nil {
		if src := c.source(policy.Metadata, k.MetadataEndpoints.Setting); src != nil {
			m := c.metadata(k.MetadataEndpoints)
			c.e.connect = append(c.e.connect, check[action.Connect]{src, m.match})
			c.e.frames = append(c.e.frames, check[action.Socket]{src, m.frames})
		}
	}
	if k.SocketFamilies != nil {
		if src := c.source(policy.SocketFamilies, k.SocketFamilies.Setting); src != nil {
			s := newFamilies(k.SocketFamilies)
			c.e.socket = append(c.e.socket, check[action.Socket]{src, s.match})
		}
	}
}

// outbound is a compiled policy.OutboundControl.
type outbound struct {
	allow, deny        []netRule
	allowIP, allowUnix bool // some allow rule is about IP, about UNIX sockets
	restrictLoopback   bool
	named              bool // some allow rule names hosts
}

// netRule is a compiled policy.NetworkRule.
type netRule struct {
	id        policy.RuleID
	byAddr    bool // cidrs or dnsNames are set
	addrs     addrSet
	names     *hostSet
	deny      bool
	ports     portSet
	protocols uint8 // bit by action.Protocol
	unix      *pathSet
	abstract  *nameSet
	processes *pathSet
	users     userSet
}

const allIP = 1<<action.ProtoTCP | 1<<action.ProtoUDP | 1<<action.ProtoICMP | 1<<action.ProtoOther

func (c *compiler) outbound(k *policy.OutboundControl) *outbound {
	o := &outbound{restrictLoopback: k.RestrictLoopback}
	for i := range k.Allow {
		r := c.netRule(&k.Allow[i], "allow", i)
		o.named = o.named || r.names != nil
		o.allow = append(o.allow, r)
		o.allowIP = o.allowIP || r.protocols&allIP != 0
		o.allowUnix = o.allowUnix || r.protocols&(1<<action.ProtoUnix) != 0
	}
	for i := range k.Deny {
		o.deny = append(o.deny, c.netRule(&k.Deny[i], "deny", i))
	}
	return o
}

func (c *compiler) netRule(k *policy.NetworkRule, list string, i int) netRule {
	r := netRule{
		id: ruleName(k.Name, list, i), byAddr: len(k.CIDRs)+len(k.DNSNames) > 0, addrs: c.addrs(k.CIDRs),
		ports: newPortSet(k.Ports), processes: c.paths(k.Processes), users: c.users(k.Users), names: newHostSet(k.DNSNames), deny: list == "deny",
	}
	var paths []policy.Glob
	var names []policy.Name
	for _, s := range k.UnixSockets {
		if s[0] == '@' {
			names = append(names, policy.Name(s[1:]))
		} else {
			paths = append(paths, policy.Glob(s))
		}
	}
	r.unix, r.abstract = c.paths(paths), c.names(names)
	for _, p := range k.Protocols {
		r.protocols |= protocolBit(p)
	}
	if len(k.Protocols) == 0 {
		if len(k.UnixSockets) > 0 {
			r.protocols |= 1 << action.ProtoUnix
		}
		if r.byAddr || r.ports != nil || len(k.UnixSockets) == 0 {
			r.protocols |= allIP
		}
	}
	c.e.needs.hosts(k.DNSNames, !r.deny)
	c.e.needs.Unix = c.e.needs.Unix || r.protocols&(1<<action.ProtoUnix) != 0
	return r
}

// protocolBit gives 0 for a protocol that this version does not know.
func protocolBit(p policy.NetworkProtocol) uint8 {
	switch p {
	case policy.TCP:
		return 1 << action.ProtoTCP
	case policy.UDP:
		return 1 << action.ProtoUDP
	case policy.ICMP:
		return 1 << action.ProtoICMP
	case policy.Unix:
		return 1 << action.ProtoUnix
	case policy.Other:
		return 1 << action.ProtoOther
	}
	return 0
}

func (o *outbound) match(a *action.Connect) policy.RuleID {
	addr := peerAddr(a.Peer)
	for i := range o.deny {
		if o.deny[i].covers(a, addr) {
			return o.deny[i].id
		}
	}
	if o.named && a.Resolver {
		return "" // rules by name stand on what those servers say
	}
	if a.Protocol == action.ProtoUnix {
		if !o.allowUnix || a.Absent {
			return ""
		}
	} else if !o.allowIP || addr.IsLoopback() && !o.restrictLoopback && !a.Proxied {
		return "" // a proxy's loopback is not ours
	}
	for i := range o.allow {
		if o.allow[i].covers(a, addr) {
			return ""
		}
	}
	return RuleNotListed
}

func (r *netRule) covers(a *action.Connect, addr netip.Addr) bool {
	if r.protocols&(1<<a.Protocol) == 0 {
		return false
	}
	if a.Protocol == action.ProtoUnix {
		if r.unix != nil || r.abstract != nil {
			if len(a.Unix) > 0 && a.Unix[0] == '@' {
				if r.abstract.find(a.Unix[1:]) == none {
					return false
				}
			} else if !r.unix.has(a.Unix) && (a.Real == "" || !r.unix.has(a.Real)) {
				return false
			}
		}
	} else {
		if r.byAddr && !r.addrs.has(addr) && !(r.deny && r.addrs.reaches(addr)) && !(r.names.any(a.Names) && (r.deny || byNameOnly(addr))) {
			return false
		}
		if r.ports != nil && !r.ports.has(a.Peer.Port()) && !(r.deny && hiddenPort(a)) {
			return false
		}
	}
	return r.holdsFor(a.Proc)
}

// hiddenPort says that a flow goes to a port that nobody could see: to one that
// is denied, and to none that is allowed.
func hiddenPort(a *action.Connect) bool { return a.Raw && a.Peer.Port() == 0 }

func (r *netRule) holdsFor(p *action.Process) bool {
	if r.processes != nil && (p == nil || !r.processes.has(p.Exe)) {
		return false
	}
	return !r.users.set || p != nil && r.users.has(p.UID)
}

// RuleFrames is about sockets whose sender writes whole frames: no address of
// theirs is ever asked about.
const RuleFrames policy.RuleID = "frames"

// Address families of Linux.
const (
	afUnix    = 1
	afKey     = 15
	afNetlink = 16
	afPacket  = 17
	afAlg     = 38
	afXDP     = 44
)

func writesFrames(a *action.Socket) bool { return a.Domain == afPacket || a.Domain == afXDP }

// RuleFamily is about sockets of networks that know other addresses than those
// of rules.
const RuleFamily policy.RuleID = "family"

// otherNetwork says that sockets of an address family reach somebody else, and
// that not by IP: a hypervisor (vsock), a bus, a radio. What is no network here
// is local: unix, key, netlink, alg.
func otherNetwork(domain int) bool {
	switch domain {
	case 0, afUnix, afInet, afInet6, afKey, afNetlink, afAlg, afPacket, afXDP:
		return false
	}
	return true
}

// frames: such a socket leads past every rule about addresses that holds for
// its process.
func (o *outbound) frames(a *action.Socket) policy.RuleID {
	rule := RuleFrames
	switch {
	case writesFrames(a):
	case otherNetwork(a.Domain):
		rule = RuleFamily
	default:
		return ""
	}
	for i := range o.deny {
		r := &o.deny[i]
		if r.protocols&allIP != 0 && r.holdsFor(a.Proc) && (rule == RuleFrames || r.everywhere()) {
			return rule
		}
	}
	if !o.allowIP {
		return ""
	}
	for i := range o.allow {
		if r := &o.allow[i]; r.everywhere() && r.holdsFor(a.Proc) {
			return ""
		}
	}
	return rule
}

// everywhere says that a rule is about every address and protocol.
func (r *netRule) everywhere() bool { return r.protocols&allIP == allIP && !r.byAddr && r.ports == nil }

// metadata is a compiled policy.MetadataControl.
type metadata struct {
	endpoints []endpoint
	allowed   callers
}

type endpoint struct {
	id   policy.RuleID
	addr netip.Addr // zero: nets
	nets addrSet
}

func (c *compiler) metadata(k *policy.MetadataControl) *metadata {
	m := &metadata{allowed: c.callers(k.AllowedProcesses, k.AllowedUsers)}
	for _, e := range policy.MetadataEndpointList {
		if !slices.Contains(k.AllowedEndpoints, e.Name) {
			m.endpoints = append(m.endpoints, endpoint{id: policy.RuleID(e.Name), addr: e.Address})
		}
	}
	for i, n := range k.Addresses {
		m.endpoints = append(m.endpoints, endpoint{id: ruleName("", "addresses", i), nets: c.addrs([]policy.CIDR{n})})
	}
	return m
}

func (m *metadata) match(a *action.Connect) policy.RuleID {
	addr := peerAddr(a.Peer).WithZone("")
	if a.Protocol == action.ProtoUnix || !addr.IsValid() {
		return ""
	}
	within := carried(addr)
	for i := range m.endpoints {
		e := &m.endpoints[i]
		if e.addr == addr || e.addr == within && within.IsValid() || !e.nets.empty() && e.nets.reaches(addr) {
			if m.allowed.has(a.Proc) {
				return ""
			}
			return e.id
		}
	}
	return ""
}

func (m *metadata) frames(a *action.Socket) policy.RuleID {
	if !writesFrames(a) || len(m.endpoints) == 0 || m.allowed.has(a.Proc) {
		return ""
	}
	return RuleFrames
}

// callers are processes that may do what others may not: by executable or by
// user, either is enough.
type callers struct {
	processes *pathSet
	users     userSet
}

func (c *compiler) callers(processes []policy.Glob, users []policy.User) callers {
	return callers{c.paths(processes), c.users(users)}
}

func (c *callers) has(p *action.Process) bool {
	return p != nil && (c.processes.has(p.Exe) || c.users.has(p.UID))
}

// families is a compiled policy.SocketFamilyControl.
type families struct {
	denied    map[int]policy.RuleID
	allowed   map[int]bool // nil: all
	types     [16]policy.RuleID
	protocols map[int]policy.RuleID
}

// Address families of Linux that have the socket types of the internet.
const (
	afInet  = 2
	afInet6 = 10
)

func newFamilies(k *policy.SocketFamilyControl) *families {
	f := &families{denied: map[int]policy.RuleID{}, protocols: map[int]policy.RuleID{}}
	for i, name := range k.Deny {
		f.denied[name.Number()] = ruleName("", "deny", i)
	}
	for _, name := range k.Allow {
		if f.allowed == nil {
			f.allowed = map[int]bool{}
		}
		f.allowed[name.Number()] = true
	}
	for i, t := range k.DenyTypes {
		f.types[t.Number()&15] = ruleName("", "denyTypes", i)
	}
	for i, p := range k.DenyProtocols {
		f.protocols[p.Number()] = ruleName("", "denyProtocols", i)
	}
	return f
}

func (f *families) match(a *action.Socket) policy.RuleID {
	if r, ok := f.denied[a.Domain]; ok {
		return r
	}
	if a.Domain == afInet || a.Domain == afInet6 {
		if r := f.types[a.Type&15]; r != "" {
			return r
		}
		if r, ok := f.protocols[a.Protocol]; ok {
			return r
		}
	}
	if f.allowed != nil && !f.allowed[a.Domain] {
		return RuleNotListed
	}
	return ""
}
