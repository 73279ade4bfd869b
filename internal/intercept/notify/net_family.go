package notify

// netFamily is the network: sockets are made by us (net_socket.go), and what
// takes an address is carried out on our duplicate (net_connect.go,
// net_send.go).
//
// # What holds, and what does not
//
// A verdict about an INET or INET6 destination is bound to copied bytes and to
// the socket object; changing memory or descriptors afterwards changes nothing.
//
// Calls on other descriptors (AF_UNIX, netlink, accepted TCP) are carried out
// by the caller, because only there do they have its identity and may carry
// descriptors. They are let through while no socket exists that must not be
// swapped in under them, or while the caller has its descriptor table for
// itself; else they are made in a form, or by a thread, in which a swap has no
// effect (net_pass.go). Without ptrace that cannot be had: such calls are then
// contested, and status says so.
//
// Where Landlock is older than ABI 4 a TCP socket that was connected or accepted
// is dissolved only by a call that cannot connect (net_rewrite.go).
//
// Names of AF_UNIX sockets are judged on a copy, and the kernel reads them
// again. Sockets of a network namespace other than ours are refused. INET
// sockets that were received from outside the tree connect where pidfd_getfd
// is permitted, else not at all; plain sends on them are not seen. MSG_FASTOPEN
// with an address is EOPNOTSUPP, MPTCP ENOPROTOOPT, source routes EPERM:
// programs have a way on from each.
func netFamily() []entry {
	return []entry{
		{"socket", handleSocket},
		{"socketpair", handleSocketpair},
		{"connect", handleConnect},
		{"sendto", handleSendto},
		{"sendmsg", handleSendmsg},
		{"sendmmsg", handleSendmmsg},
		{"bind", handleBind},
		{"listen", handleListen},
		{"setsockopt", handleHeaderOption},
	}
}

// NetworkReport says how well the network is held, for status.
type NetworkReport struct {
	Gated     bool   // the kernel refuses the tree's own TCP connects (Landlock ABI 4)
	Sockets   int    // sockets remembered now
	Roaming   int    // those that could carry a call of the tree's own anywhere
	Carried   uint64 // calls carried out by a borrowed caller
	Contested uint64 // calls let through although such a socket might have been swapped in
	Swaps     uint64 // descriptors found to have changed under a call
}

// Network gives a report. It is safe at any time after Start.
func (s *Supervisor) Network() NetworkReport {
	s.net.mu.Lock()
	n := len(s.net.socks)
	s.net.mu.Unlock()
	return NetworkReport{
		Gated: s.net.gated, Sockets: n, Roaming: int(s.net.roaming.Load()),
		Carried: s.net.carried.Load(), Contested: s.net.contested.Load(), Swaps: s.net.swaps.Load(),
	}
}
