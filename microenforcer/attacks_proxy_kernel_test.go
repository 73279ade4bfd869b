//go:build kernel

package microenforcer_test

import (
	"path/filepath"
	"testing"
)

// A policy that lets the workload have a proxy, and by that a few hosts.
const proxied = `    outbound:
      mode: MODE
      allow: [{cidrs: [` + cellPeer + `], ports: [80]}, {dnsNames: [good.test, "*.good.test"], ports: [443, 80]}]
      proxies: [{cidrs: [` + cellPeer + `], ports: [80]}]
`

const (
	socks5  = "\x05\x01\x01\x05\x01"
	allowed = "CONNECT www.good.test:443 HTTP/1.1\r\nHost: www.good.test:443\r\n\r\n"
)

// An allowed proxy leads only where the policy lets the workload go itself.
func TestProxyAttacks(t *testing.T) {
	c := newCell(t)
	say := func(words string) []string { return []string{"say", cellPeer + ":80", words} }
	attackedByNames(t, c, []attackCase{
		{"CONNECT", proxied, say("CONNECT evil.test:443 HTTP/1.1\r\n\r\n"), "outbound", "not-listed", "said", "errno ", false},
		{"CONNECT to the proxy's loopback", proxied, say("CONNECT 127.0.0.1:22 HTTP/1.1\r\n\r\n"), "outbound", "not-listed", "said", "errno ", false},
		{"CONNECT after another", proxied, say(allowed + "CONNECT evil.test:443 HTTP/1.1\r\n\r\n"), "outbound", "not-listed", "said", "errno ", false},
		{"a plain request", proxied, say("GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n"), "outbound", "not-listed", "said", "errno ", false},
		{"SOCKS", proxied, say(socks5), "outbound", "proxies", "said", "errno ", false},
		{"credentials through the proxy", proxied + "    metadataEndpoints: {mode: MODE}\n", say("GET http://169.254.169.254/ HTTP/1.1\r\n\r\n"), "metadataEndpoints", "", "said", "errno ", false},
		{"words that nobody understands", proxied, say("hello"), "outbound", "proxies", "said", "errno ", false},
	})
	for name, words := range map[string]string{"CONNECT": allowed, "a plain request": "GET http://good.test/ HTTP/1.1\r\n\r\n"} {
		t.Run(name+" that is allowed", func(t *testing.T) {
			writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    outbound: {mode: enforce, allow: [{cidrs: [0.0.0.0/0]}, {dnsNames: [good.test, \"*.good.test\"]}], proxies: [{ports: [80]}]}\n")
			r := c.runNames(t, nil, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "say", cellPeer+":80", words)
			if !r.has("said") || len(r.of("outbound")) != 0 {
				t.Error(r.brief())
			}
		})
	}
}
