package notify

// netFamily is the network: sockets are made by us (net_socket.go), and what
// takes an address is carried out on our duplicate (net_connect.go,
// net_send.go).
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
