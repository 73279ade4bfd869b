package action

import "net/netip"

// Query is one question that a process asks a name server; or, with Target or
// Address set, something that the answer holds. Names are lower case, without
// the last dot.
type Query struct {
	Proc     *Process
	Protocol Protocol       // ProtoUDP or ProtoTCP
	Server   netip.AddrPort // the name server as the process addressed it
	Name     string
	Bare     string // Name without a search domain of the workload's resolv.conf; "" if it ends in none
	Type     uint16 // RFC 1035 QTYPE: 1 is A, 28 is AAAA
	// Tunnel says why the questions below this name's domain look like data
	// carried in names; "" if they do not.
	Tunnel string
	// Target is a name that the answer leads to (CNAME); "" in the question.
	Target string
	// Address is one that the answer gives; not valid in the question.
	Address netip.Addr
}

// Asked says that q is the question itself and not a part of its answer.
func (q *Query) Asked() bool { return q.Target == "" && !q.Address.IsValid() }

// TalkProtocol is what the first words of a connection are.
type TalkProtocol uint8

// Protocols that are told apart.
const (
	TalkOther   TalkProtocol = iota
	TalkStratum              // a miner's JSON-RPC
	TalkTLS                  // a client's hello
	TalkProxy                // what a proxy is asked for
	TalkUnread               // what a proxy is asked for cannot be read
)

// Talk is the first that a process says on an outbound TCP connection that is
// looked into.
type Talk struct {
	Proc       *Process
	Peer       netip.AddrPort
	Protocol   TalkProtocol
	Method     string // TalkStratum: what is called, such as mining.subscribe
	ServerName string // TalkTLS: lower case, "" if the hello names none; TalkProxy: where to, if that is a name
	// To is where a proxy is asked to go; without an address if that is a name.
	To    netip.AddrPort
	Names []string // of To
}
