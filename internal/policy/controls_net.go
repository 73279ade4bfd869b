package policy

// OutboundControl judges connections that the workload starts. What matches a
// rule of deny is a violation; if allow has rules, so is what matches none.
type OutboundControl struct {
	Setting
	Allow            []NetworkRule `json:"allow,omitempty" max:"1000" doc:"If not empty: everything that matches none of these rules is a violation."`
	Deny             []NetworkRule `json:"deny,omitempty" max:"1000" doc:"What matches one of these rules is a violation, also when allowed."`
	Proxies          []Proxy       `json:"proxies,omitempty" max:"100" doc:"HTTP and SOCKS proxies among the peers. Where a proxy is asked to go is judged by these rules as well, by name or address; what cannot be read is a violation."`
	RestrictLoopback bool          `json:"restrictLoopback,omitempty" doc:"Apply the allow list to 127.0.0.0/8 and ::1 too. Without it only deny rules do."`
}

// Proxy selects peers that go elsewhere when they are asked to. cidrs and
// dnsNames count as one selector.
type Proxy struct {
	CIDRs    []CIDR    `json:"cidrs,omitempty" max:"5000" doc:"Networks or addresses of proxies."`
	DNSNames []DNSName `json:"dnsNames,omitempty" max:"1000" doc:"Host names of proxies."`
	Ports    []Ports   `json:"ports,omitempty" max:"1000" doc:"Ports at which they listen."`
}

// NetworkRule selects peers. Every selector that is set must match; cidrs and
// dnsNames count as one selector.
type NetworkRule struct {
	Name        string            `json:"name,omitempty" doc:"Name shown in events."`
	CIDRs       []CIDR            `json:"cidrs,omitempty" max:"5000" doc:"IPv4 and IPv6 networks or addresses."`
	DNSNames    []DNSName         `json:"dnsNames,omitempty" max:"1000" doc:"Host names, *.example.com for everything below. An address counts while the workload's own name servers give it for the name; in allow, never a loopback, link-local or multicast address."`
	Ports       []Ports           `json:"ports,omitempty" max:"1000" doc:"Ports or ranges, such as 443 or 8000-8999."`
	Protocols   []NetworkProtocol `json:"protocols,omitempty" max:"5" doc:"tcp, udp, icmp, unix, other; empty means every IP protocol."`
	UnixSockets []SocketPath      `json:"unixSockets,omitempty" max:"1000" doc:"Paths of UNIX sockets, @name for abstract ones. A path at which there is nothing is a matter of deny rules only."`
	Processes   []Glob            `json:"processes,omitempty" max:"1000" doc:"Executables the rule is for; empty means all."`
	Users       []User            `json:"users,omitempty" max:"1000" doc:"Users the rule is for; empty means all."`
}

// InboundControl judges connections that others start.
type InboundControl struct {
	Setting
	Allow []PeerRule `json:"allow,omitempty" max:"1000" doc:"If not empty: peers that match none of these rules are refused."`
	Deny  []PeerRule `json:"deny,omitempty" max:"1000" doc:"Peers that are refused, also when allowed."`
}

// PeerRule selects the far end and the local port of an inbound connection.
type PeerRule struct {
	Name  string  `json:"name,omitempty" doc:"Name shown in events."`
	CIDRs []CIDR  `json:"cidrs,omitempty" max:"5000" doc:"Networks or addresses of the far end."`
	Ports []Ports `json:"ports,omitempty" max:"1000" doc:"Local ports or ranges."`
}

// BindControl governs which addresses and ports may be bound.
type BindControl struct {
	Setting
	AllowedPorts []Ports `json:"allowedPorts,omitempty" max:"1000" doc:"If not empty: ports that may be bound."`
	DeniedPorts  []Ports `json:"deniedPorts,omitempty" max:"1000" doc:"Ports that may not be bound."`
	Addresses    []CIDR  `json:"addresses,omitempty" max:"1000" doc:"If not empty: local addresses that may be bound."`
	Processes    []Glob  `json:"processes,omitempty" max:"1000" doc:"Executables the control is for; empty means all."`
}

// MetadataControl keeps the cloud's metadata and credential endpoints from
// processes that do not need them (see MetadataEndpointList).
type MetadataControl struct {
	Setting
	AllowedProcesses []Glob         `json:"allowedProcesses,omitempty" max:"1000" doc:"Executables that may ask."`
	AllowedUsers     []User         `json:"allowedUsers,omitempty" max:"1000" doc:"Users that may ask."`
	AllowedEndpoints []EndpointName `json:"allowedEndpoints,omitempty" max:"20" doc:"Built-in endpoints that stay open, by name."`
	Addresses        []CIDR         `json:"addresses,omitempty" max:"100" doc:"Endpoints beyond the built-in list."`
}

// SocketFamilyControl governs which kinds of sockets may be made.
type SocketFamilyControl struct {
	Setting
	Deny          []SocketFamily `json:"deny,omitempty" max:"64" doc:"Families that may not be used."`
	Allow         []SocketFamily `json:"allow,omitempty" max:"64" doc:"If not empty: the only families that may be used."`
	DenyTypes     []SocketType   `json:"denyTypes,omitempty" max:"10" doc:"Socket types that may not be used with inet and inet6: raw, seqpacket, rdm, dccp."`
	DenyProtocols []IPProtocol   `json:"denyProtocols,omitempty" max:"10" doc:"IP protocols that may not be used: mptcp, sctp, udplite, dccp."`
}

// DNSControl governs name resolution.
type DNSControl struct {
	Setting
	Allow          []DNSName `json:"allow,omitempty" max:"5000" doc:"If not empty: the only names that may be resolved."`
	Deny           []DNSName `json:"deny,omitempty" max:"5000" doc:"Names that may not be resolved, nor stand in an answer."`
	Resolvers      []CIDR    `json:"resolvers,omitempty" max:"100" doc:"If not empty: the only name servers that may be asked."`
	BlockTunnels   bool      `json:"blockTunnels,omitempty" doc:"Treat traffic that looks like data carried in names as a violation."`
	BlockRebinding bool      `json:"blockRebinding,omitempty" doc:"Treat an answer that gives a name a private, loopback or link-local address as a violation, but for privateNames."`
	PrivateNames   []DNSName `json:"privateNames,omitempty" max:"1000" doc:"Names that may have private addresses, such as *.internal. Names of one part always may."`
	RecordRequests bool      `json:"recordRequests,omitempty" doc:"Record every name that is resolved."`
}

// PortScanControl notices a process that tries many ports or hosts.
type PortScanControl struct {
	Setting
	MaxPorts      int    `json:"maxPorts,omitempty" min:"1" max:"65535" doc:"Different ports of one host within the window; default 20."`
	MaxHosts      int    `json:"maxHosts,omitempty" min:"1" max:"1000000" doc:"Different hosts within the window; default 50."`
	WindowSeconds int    `json:"windowSeconds,omitempty" min:"1" max:"3600" doc:"Length of the window; default 10."`
	Except        []Glob `json:"except,omitempty" max:"1000" doc:"Executables that may scan."`
}

// ReputationControl stops connections to addresses with a bad name.
type ReputationControl struct {
	Setting
	Addresses []CIDR    `json:"addresses,omitempty" max:"5000" doc:"Networks or addresses with a bad name."`
	Names     []DNSName `json:"names,omitempty" max:"5000" doc:"Host names with a bad name; each stands for everything below it, too."`
	Lists     []string  `json:"lists,omitempty" max:"100" doc:"Names of reputation lists of the control plane (kind ReputationList). What stands in one is judged like addresses and names; loopback addresses in it never count."`
	Allowed   []CIDR    `json:"allowed,omitempty" max:"1000" doc:"Addresses that are not looked up."`
}
