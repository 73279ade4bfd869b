//go:build kernel || docker

package microenforcer_test

// portCases touch the ports of honeypots from within.
var portCases = []attackCase{
	{"honeypot port", "    honeypots: {mode: MODE, ports: [7004]}\n", []string{"tcp", "127.0.0.1:7004"}, "honeypots", "ports[0]", "got ", "errno 111", false},
	{"honeypot port by our own address", "    honeypots: {mode: MODE, ports: [9, 7000-7010]}\n", []string{"tcp", "PEERIP:7004"}, "honeypots", "ports[1]", "got ", "errno 111", false},
	{"honeypot port that is taken", "    honeypots: {mode: MODE, ports: [7004]}\n", []string{"listen", "127.0.0.1:7004"}, "honeypots", "ports[0]", "worked listen", "errno 13", false},
	{"honeypot port, and the process ends", "    honeypots: {mode: MODE, ports: [7004], response: killProcess}\n", []string{"child", "/tmp/attack", "tcp", "127.0.0.1:7004"}, "honeypots", "ports[0]", "got ", "signal: killed", false},
}
