package verdict

import (
	"net/netip"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

func TestCarried(t *testing.T) {
	for in, want := range map[string]string{
		"64:ff9b::169.254.169.254": "169.254.169.254", "64:ff9b:1::a9fe:a9fe": "169.254.169.254", "64:ff9b:1:2:3:4:a9fe:a9fe": "169.254.169.254",
		"::ffff:0:10.0.0.1": "10.0.0.1", "::10.0.0.1": "10.0.0.1", "2002:a00:1::1": "10.0.0.1", "2002:a9fe:a9fe:0:0:0:0:1": "169.254.169.254",
		"2001:0:102:304:0:0:f5ff:fffe": "10.0.0.1", "fe80::5efe:10.0.0.1": "10.0.0.1", "2001:db8::200:5efe:10.0.0.1": "10.0.0.1",
		"::": "", "::1": "", "::2": "", "fe80::1": "", "2001:db8::1": "", "2001:4860:4860::8888": "", "10.0.0.1": "", "64:ff9b:2::1": "",
	} {
		got := ""
		if a := carried(netip.MustParseAddr(in)); a.IsValid() {
			got = a.String()
		}
		if got != want {
			t.Errorf("%s carries %q, want %q", in, got, want)
		}
	}
}

// An address that is forbidden is not to be had by one that leads to it, and
// none is allowed because it could lead to one that is.
func TestCarriedIsForbidden(t *testing.T) {
	e := compile(t, Workload{GroupMode: policy.Enforce}, `
    outbound: {mode: enforce, deny: [{cidrs: [10.0.0.0/8]}]}
    metadataEndpoints: {mode: enforce}
    ipReputation: {mode: enforce, addresses: [203.0.113.0/24]}
`)
	for peer, want := range map[string]policy.ControlID{
		"64:ff9b::10.1.2.3": policy.Outbound, "2002:a01:203::1": policy.Outbound, "::10.1.2.3": policy.Outbound,
		"64:ff9b::169.254.169.254": policy.Metadata, "64:ff9b:1::a9fe:aa02": policy.Metadata, "64:ff9b::203.0.113.9": policy.Reputation,
		"64:ff9b::198.51.100.1": "", "2001:db8::10": "",
	} {
		d := e.Connect(&action.Connect{Protocol: action.ProtoTCP, Peer: netip.AddrPortFrom(netip.MustParseAddr(peer), 80)})
		if d.Control != want || (d.Verdict == Deny) != (want != "") {
			t.Errorf("%s: %+v, want %q", peer, d, want)
		}
	}
	e = compile(t, Workload{GroupMode: policy.Enforce}, "    outbound: {mode: enforce, allow: [{cidrs: [198.51.100.0/24]}]}\n")
	if d := e.Connect(&action.Connect{Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort("[2002:c633:6401::1]:80")}); d.Verdict != Deny {
		t.Errorf("allowed by what it could lead to: %+v", d)
	}
}

// A network without IP addresses is past every list of addresses.
func TestOtherNetworks(t *testing.T) {
	for controls, want := range map[string]bool{
		"    outbound: {mode: enforce, allow: [{cidrs: [198.51.100.0/24]}]}\n":                                         true,
		"    outbound: {mode: enforce, allow: [{protocols: [tcp, udp, icmp, other], processes: [/usr/bin/curl]}]}\n":   true,
		"    outbound: {mode: enforce, allow: [{cidrs: [10.0.0.0/8]}, {protocols: [tcp, udp, icmp, other]}]}\n":        false,
		"    outbound: {mode: enforce, allow: [{unixSockets: [/run/x.sock]}]}\n":                                       false,
		"    outbound: {mode: enforce, deny: [{cidrs: [10.0.0.0/8]}]}\n":                                               false,
		"    outbound: {mode: enforce, deny: [{protocols: [tcp, udp, icmp, other], processes: [/usr/bin/python3]}]}\n": true,
		"    metadataEndpoints: {mode: enforce}\n":                                                                     false,
	} {
		e := compile(t, Workload{GroupMode: policy.Enforce}, controls)
		for _, domain := range []int{24, 30, 40, 42} { // pppox, tipc, vsock, qipcrtr
			d := e.Socket(&action.Socket{Domain: domain, Type: 1, Proc: &action.Process{Exe: "/usr/bin/python3"}})
			if (d.Rule == RuleFamily) != want {
				t.Errorf("%s family %d: %+v, want %v", controls, domain, d, want)
			}
		}
		for _, domain := range []int{0, 1, 2, 10, 15, 16, 38} {
			if d := e.Socket(&action.Socket{Domain: domain, Type: 2, Proc: &action.Process{Exe: "/usr/bin/python3"}}); d.Verdict != Allow {
				t.Errorf("%s family %d: %+v", controls, domain, d)
			}
		}
	}
}
