package action

import "net/netip"

// Bind is a socket that is about to be bound to an address, or to listen.
type Bind struct {
	Proc     *Process
	Protocol Protocol
	// Local is the address asked for, or, when Listen is set, the one that the
	// socket is bound to. An unspecified address stands for all of the host's,
	// port 0 for any free one.
	Local  netip.AddrPort
	Listen bool
}

// Accept is an inbound connection that was taken from its queue and that the
// application has not seen yet.
type Accept struct {
	Proc        *Process
	Protocol    Protocol
	Peer, Local netip.AddrPort
}

// Scan is how far a process, or its parent's children together, reached out
// within the window of the port scan control.
type Scan struct {
	Ports int // different ports of the host that is connected to now
	Hosts int // different hosts
}
