package policy

import "slices"

// Words with a fixed set of values.
type (
	Response        string
	Indirection     string
	FileOperation   string
	NetworkProtocol string
	EndpointName    string
	SocketFamily    string
	SocketType      string
	IPProtocol      string
	Namespace       string
	ChangeKind      string
	Capability      string
)

// Responses, weakest first. The zero value means ResponseDeny.
const (
	ResponseDeny Response = "deny"
	ResponseKill Response = "killProcess"
	ResponseStop Response = "stopContainer"
)

// Which changes privilegeChange looks at. The zero value means ChangeRaise.
const (
	ChangeRaise ChangeKind = "raise"
	ChangeAny   ChangeKind = "any"
)

// Protocols of network rules.
const (
	TCP   NetworkProtocol = "tcp"
	UDP   NetworkProtocol = "udp"
	ICMP  NetworkProtocol = "icmp"
	Unix  NetworkProtocol = "unix"
	Other NetworkProtocol = "other"
)

// enumerated is implemented by words with a fixed set of values.
type enumerated interface{ values() []string }

func (Mode) values() []string     { return []string{"off", "audit", "enforce"} }
func (Response) values() []string { return []string{"deny", "killProcess", "stopContainer"} }
func (Indirection) values() []string {
	return []string{"loader", "applet", "wrapper", "script", "inlineCode"}
}
func (FileOperation) values() []string {
	return []string{"create", "modify", "delete", "attributes", "read"}
}
func (NetworkProtocol) values() []string { return []string{"tcp", "udp", "icmp", "unix", "other"} }
func (SocketType) values() []string      { return []string{"raw", "seqpacket", "rdm", "dccp"} }
func (IPProtocol) values() []string      { return []string{"mptcp", "sctp", "udplite", "dccp"} }
func (Namespace) values() []string {
	return []string{"cgroup", "ipc", "mount", "net", "pid", "time", "user", "uts"}
}
func (ChangeKind) values() []string { return []string{"raise", "any"} }

func (ControlID) values() []string {
	var out []string
	for _, c := range catalogue {
		if c.id != SelfProtection {
			out = append(out, string(c.id))
		}
	}
	return out
}

func (EndpointName) values() []string {
	var out []string
	for _, e := range MetadataEndpointList {
		out = append(out, string(e.Name))
	}
	return out
}

func (SocketFamily) values() []string {
	out := make([]string, 0, len(socketFamilies))
	for name := range socketFamilies {
		out = append(out, string(name))
	}
	slices.Sort(out)
	return out
}

func (Capability) values() []string { return capabilities }
