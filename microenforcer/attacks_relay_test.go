//go:build kernel || docker

package microenforcer_test

// relayCases put a shell into the hands of somebody on the network without a
// connection among its own descriptors.
var relayCases = []attackCase{
	{"shell on a terminal", "    reverseShell: {mode: MODE, relayed: true}\n", []string{"relay", "pty", "PEER", "/tmp/sh"}, "reverseShell", "relayed", "shell-ran", "signal: killed", false},
	{"shell behind pipes", "    reverseShell: {mode: MODE, relayed: true}\n", []string{"relay", "pipes", "PEER", "/tmp/sh", "-i"}, "reverseShell", "relayed", "shell-ran", "signal: killed", false},
	{"shell before the connection", "    reverseShell: {mode: MODE, relayed: true}\n", []string{"relay", "late", "PEER", "/tmp/sh", "-i"}, "reverseShell", "relayed", "shell-ran", "errno 111", false},
	{"shell on a pair of sockets", "    reverseShell: {mode: MODE, relayed: true}\n", []string{"relay", "pair", "PEER", "/tmp/sh"}, "reverseShell", "relayed", "shell-ran", "signal: killed", false},
	{"shell in a circle of pipes", "    reverseShell: {mode: MODE, relayed: true}\n", []string{"relay", "fifo", "PEER", "/tmp/sh", "-i"}, "reverseShell", "relayed", "shell-ran", "signal: killed", false},
	{"shell without -i behind pipes", "    reverseShell: {mode: MODE, relayed: true}\n", []string{"relay", "patient+MODE", "PEER", "/tmp/sh"}, "reverseShell", "relayed", "shell-ran", "signal: killed", false},
	{"bind shell behind pipes", "    bindShell: {mode: MODE, relayed: true}\n", []string{"relay", "accept", "127.0.0.1:7003", "/tmp/sh", "-i"}, "bindShell", "relayed", "told shell-ran", "signal: killed", false},
	{"bind shell before the connection", "    bindShell: {mode: MODE, relayed: true}\n", []string{"relay", "accept-late+MODE", "127.0.0.1:7003", "/tmp/sh"}, "bindShell", "relayed", "told shell-ran", "signal: killed", false},
}

// relayAllowed must work in enforce mode, and make no event.
var relayAllowed = []struct {
	name, controls string
	attack         []string
	want           string
}{
	{"a shell with -c", "    reverseShell: {mode: enforce, relayed: true}\n", []string{"relay", "pipes", "PEER", "/tmp/sh", "-c", "x"}, "shell exit status 99"},
	{"a script handed in by pipes", "    reverseShell: {mode: enforce, relayed: true}\n", []string{"relay", "script", "PEER", "/tmp/sh"}, "shell-ran"},
	{"a carrier that may", "    reverseShell: {mode: enforce, relayed: true, allowedParents: [/tmp/attack]}\n", []string{"relay", "pty", "PEER", "/tmp/sh"}, "shell-ran"},
	{"a far end that may", "    reverseShell: {mode: enforce, relayed: true, allowedPeers: [PEERIP]}\n", []string{"relay", "late", "PEER", "/tmp/sh", "-i"}, "shell-ran"},
	{"not asked for", "    reverseShell: {mode: enforce}\n", []string{"relay", "pty", "PEER", "/tmp/sh"}, "shell-ran"},
	{"a terminal of nobody", "    reverseShell: {mode: enforce, relayed: true}\n", []string{"relay", "pty", "-", "/tmp/sh", "-i"}, "shell-ran"},
	{"a connection of our own making", "    bindShell: {mode: enforce, relayed: true}\n", []string{"relay", "pty", "PEER", "/tmp/sh"}, "shell-ran"},
}
