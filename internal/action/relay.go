package action

import "net/netip"

// Relay is how a shell hangs on the network although none of its own
// descriptors is a connection: In, which has one, writes its commands, and
// Out, which has one, reads its answers. They may be the same process.
type Relay struct {
	In, Out       string // programs, as /proc names them; "" if not known
	InPID, OutPID int
	Peers         []netip.AddrPort // far ends of the connections that both have
	Accepted      bool             // the far end started each of them
	Via           string           // pipe, terminal, pair of sockets
}
