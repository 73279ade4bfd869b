package enforcer

import (
	"net/netip"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// Where a proxy is asked to go is judged as if the process went there itself,
// but that the proxy's loopback is not the workload's.
func TestProxies(t *testing.T) {
	e := compiled(t, `
    outbound:
      mode: enforce
      allow:
        - {cidrs: [10.0.0.1], ports: [3128]}
        - {dnsNames: ["*.good.test"], ports: [443]}
        - {cidrs: [10.1.0.0/16]}
      deny: [{dnsNames: [bad.good.test]}]
      proxies: [{cidrs: [10.0.0.1], ports: [3128]}, {dnsNames: [proxy.test]}]
    metadataEndpoints: {mode: enforce, addresses: [192.0.2.9]}
`)
	if n := e.Needs(); !n.Talk || !n.Proxies {
		t.Fatalf("%+v", n)
	}
	peer := netip.MustParseAddrPort("10.0.0.1:3128")
	for c, want := range map[*action.Connect]bool{
		{Protocol: action.ProtoTCP, Peer: peer}:                                                                    true,
		{Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort("10.0.0.1:80")}:                                  false,
		{Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort("10.9.9.9:8080"), Names: []string{"proxy.test"}}: true,
	} {
		if got := e.Proxy(c); got != want {
			t.Errorf("%v: %v", c.Peer, got)
		}
	}
	for _, tt := range []struct {
		host, to string
		control  policy.ControlID
		rule     policy.RuleID
	}{
		{"a.good.test", "[::]:443", "", ""},
		{"a.good.test", "[::]:22", policy.Outbound, verdict.RuleNotListed},
		{"bad.good.test", "[::]:443", policy.Outbound, "deny[0]"},
		{"evil.test", "[::]:443", policy.Outbound, verdict.RuleNotListed},
		{"localhost", "[::]:443", policy.Outbound, verdict.RuleNotListed},
		{"", "10.1.2.3:5432", "", ""},
		{"", "10.2.2.3:5432", policy.Outbound, verdict.RuleNotListed},
		{"", "127.0.0.1:80", policy.Outbound, verdict.RuleNotListed},
		{"", "169.254.169.254:80", policy.Metadata, ""},
	} {
		to := netip.MustParseAddrPort(tt.to)
		talk := action.Talk{Protocol: action.TalkProxy, Peer: peer, ServerName: tt.host, To: to}
		if tt.host != "" {
			talk.Names, talk.To = []string{tt.host}, netip.AddrPortFrom(netip.Addr{}, to.Port())
		}
		d := e.Talk(&talk)
		if tt.control == "" && d.Verdict != verdict.Allow || tt.control != "" && (d.Verdict != verdict.Deny || tt.rule != "" && (d.Control != tt.control || d.Rule != tt.rule)) {
			t.Errorf("%s %s: %+v", tt.host, tt.to, d)
		}
	}
	if d := e.Talk(&action.Talk{Protocol: action.TalkUnread, Peer: peer}); d.Verdict != verdict.Deny || d.Rule != verdict.RuleUnread {
		t.Errorf("unread: %+v", d)
	}
	// A name has no address, and so none of an endpoint of metadata.
	e = compiled(t, "    metadataEndpoints: {mode: enforce, addresses: [192.0.2.9]}\n")
	if d := e.Talk(&action.Talk{Protocol: action.TalkProxy, Names: []string{"a.test"}, To: netip.AddrPortFrom(netip.Addr{}, 80)}); d.Verdict != verdict.Allow {
		t.Errorf("%+v", d)
	}
}
