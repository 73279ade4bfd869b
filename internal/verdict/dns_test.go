package verdict

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// The naive evaluator's part for names.

func naiveHost(patterns []policy.DNSName, name string) bool {
	return name != "" && slices.ContainsFunc(patterns, func(p policy.DNSName) bool {
		s := strings.ToLower(string(p))
		if strings.HasPrefix(s, "*.") {
			return strings.HasSuffix(name, s[1:]) && len(name) > len(s)-1
		}
		return s == name
	})
}

func naiveNamed(r *policy.NetworkRule, a *action.Connect, deny bool) bool {
	addr := naivePeer(a.Peer)
	if !deny && (addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsMulticast()) {
		return false
	}
	return slices.ContainsFunc(a.Names, func(n string) bool { return naiveHost(r.DNSNames, n) })
}

func naiveBad(k *policy.ReputationControl, name string) bool {
	return naiveHost(k.Names, name) || slices.ContainsFunc(k.Names, func(n policy.DNSName) bool { return naiveHost([]policy.DNSName{"*." + n}, name) })
}

func naiveServer(k *policy.DNSControl, a *action.Connect) string {
	if a.Protocol != action.ProtoTCP && a.Protocol != action.ProtoUDP {
		return ""
	}
	addr, port := naivePeer(a.Peer), a.Peer.Port()
	doh := port == 443 && slices.Contains([]string{"8.8.8.8", "1.1.1.1", "2620:fe::fe"}, addr.String())
	named := len(k.Allow)+len(k.Deny) > 0 || k.BlockTunnels || k.BlockRebinding
	if a.Raw && (port == 0 && (named || len(k.Resolvers) > 0) || port == 53 && named) {
		return "raw"
	}
	if port != 53 && port != 853 && !doh {
		return ""
	}
	if port != 53 && named {
		return "encrypted"
	}
	if len(k.Resolvers) > 0 && !anyAddr(k.Resolvers, addr) {
		return "resolvers"
	}
	return ""
}

func naiveQuery(ps []*policy.RuntimePolicy, w *Workload, a *action.Query) Decision {
	var vs []violation
	for _, p := range ps {
		k := p.Spec.Controls.DNS
		if !naiveScope(p, w) {
			continue
		}
		if bad := p.Spec.Controls.IPReputation; bad != nil && !a.Address.IsValid() && (a.Asked() && naiveBad(bad, a.Name) || naiveBad(bad, a.Target)) {
			vs = append(vs, violation{policy.Reputation, bad.Setting, "names", p})
		} else if bad != nil && !a.Address.IsValid() {
			name := a.Target
			if a.Asked() {
				name = a.Name
			}
			if rule := naiveOnList(bad.Lists, w, netip.Addr{}, []string{name}); name != "" && rule != "" {
				vs = append(vs, violation{policy.Reputation, bad.Setting, rule, p})
			}
		}
		if k == nil {
			continue
		}
		rule := ""
		private := a.Address.IsPrivate() || a.Address.IsLoopback() || a.Address.IsLinkLocalUnicast() || strings.HasPrefix(a.Address.String(), "100.64.")
		switch {
		case a.Asked() && k.BlockTunnels && a.Tunnel != "":
			rule = "tunnel"
		case a.Asked() && len(k.Allow) > 0 && !naiveHost(k.Allow, a.Name) && !naiveHost(k.Allow, a.Bare):
			rule = "not-listed"
		case a.Target == "" && a.Address.IsValid() && k.BlockRebinding && private && strings.Contains(a.Name, ".") && !naiveHost(k.PrivateNames, a.Name):
			rule = "rebinding"
		}
		subject := a.Name
		if !a.Asked() {
			subject = a.Target
		}
		for i := len(k.Deny) - 1; i >= 0; i-- {
			if naiveHost(k.Deny[i:i+1], subject) {
				rule = fmt.Sprintf("deny[%d]", i)
			}
		}
		if rule != "" {
			vs = append(vs, violation{policy.DNS, k.Setting, rule, p})
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc, name: a.Name, peer: a.Server}, w)
}

func (r random) hostPatterns(n int) []policy.DNSName {
	return some[policy.DNSName](r, n, "example.com", "*.example.com", "Api.Example.com", "*.com", "db", "*.internal", "evil.test")
}

func (r random) host() string {
	return pick(r, "example.com", "api.example.com", "a.b.example.com", "com", "db", "db.internal", "evil.test", "notexample.com", "")
}

func (r random) dns() *policy.DNSControl {
	return &policy.DNSControl{Setting: r.setting(), Allow: r.hostPatterns(2), Deny: r.hostPatterns(2), Resolvers: r.cidrs(), BlockTunnels: r.IntN(3) == 0,
		BlockRebinding: r.IntN(3) == 0, PrivateNames: r.hostPatterns(1)}
}

// named gives a connection what name resolution knows about it.
func (r random) named(a *action.Connect) {
	switch r.IntN(4) {
	case 0:
		a.Names = some(r, 2, r.host(), r.host())
	case 1:
		a.Peer = netip.AddrPortFrom(netip.MustParseAddr(pick(r, "8.8.8.8", "1.1.1.1", "2620:fe::fe", "10.1.2.3", "127.0.0.1")), pick[uint16](r, 53, 853, 443))
		a.Resolver = a.Peer.Port() == 53 && r.IntN(2) == 0
	}
}

func TestQueriesAgreeWithNaiveEvaluator(t *testing.T) {
	r := random{rand.New(rand.NewPCG(20261122, 3))}
	counts := map[Verdict]int{}
	for range 1500 {
		ps := []*policy.RuntimePolicy{r.policy("p0"), r.policy("p1")}[:1+r.IntN(2)]
		w := r.workload()
		e, err := Compile(ps, w)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			a := &action.Query{Proc: r.proc(), Server: r.peer(), Name: r.host(), Bare: pick(r, "", "", r.host()), Type: 1, Tunnel: pick(r, "", "", "many names")}
			switch r.IntN(3) {
			case 0:
				a.Target = r.host()
			case 1:
				a.Address = naivePeer(r.peer())
			}
			got, want := e.Query(a), naiveQuery(ps, &w, a)
			counts[got.Verdict]++
			if got != want {
				y, _ := ps[0].YAML()
				t.Fatalf("%+v\nengine %+v\nnaive  %+v\n%s", a, got, want, y)
			}
		}
	}
	t.Log(counts)
	if counts[Audit] < 500 || counts[Deny] < 500 {
		t.Errorf("the mixture is poor: %v", counts)
	}
}

func TestHostSet(t *testing.T) {
	s := newHostSet([]policy.DNSName{"*.Example.com", "example.org", "*.b.example.com"})
	for name, want := range map[string]int{
		"a.example.com": 0, "example.com": none, "x.a.example.com": 0, "b.example.com": 0, "y.b.example.com": 0, "example.org": 1,
		"a.example.org": none, "xexample.com": none, "": none, "com": none, ".example.com": 0,
	} {
		if got := s.find(name); got != want {
			t.Errorf("%q: %d, want %d", name, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { s.find("x.a.example.com") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
