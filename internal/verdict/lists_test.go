package verdict

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/reputation"
)

// testLists are the reputation lists of the random workloads, by name.
var testLists = map[string][]string{
	"a": {"10.1.0.0/16", "2001:db8::1", "127.0.0.0/8", "::1", "evil.test"},
	"b": {"192.0.2.1", "168.63.129.16", "example.com"},
}

var bothLists = func() (out []*reputation.List) {
	for _, name := range []string{"a", "b"} {
		l, _, err := reputation.Parse(name, reputation.Source{Content: strings.Join(testLists[name], "\n")})
		if err != nil {
			panic(err)
		}
		out = append(out, l)
	}
	return out
}()

// naiveOnList gives the rule of the first list that has the address or one of
// the names, or "".
func naiveOnList(lists []string, w *Workload, addr netip.Addr, names []string) string {
	for _, part := range []string{"addr", "name"} {
		for _, n := range names {
			if n == "" {
				continue
			}
			for _, l := range lists {
				if part == "name" && naiveListHas(w, l, netip.Addr{}, n) {
					return fmt.Sprintf("lists[%s]", l)
				}
			}
		}
		for _, l := range lists {
			if part == "addr" && naiveListHas(w, l, addr, "") {
				return fmt.Sprintf("lists[%s]", l)
			}
		}
	}
	return ""
}

func naiveListHas(w *Workload, list string, addr netip.Addr, name string) bool {
	there := slices.ContainsFunc(w.Lists, func(l *reputation.List) bool { return l.Name == list })
	return there && slices.ContainsFunc(testLists[list], func(e string) bool {
		if name != "" {
			return name == e || strings.HasSuffix(name, "."+e)
		}
		return addr.IsValid() && !addr.IsLoopback() && strings.ContainsAny(e, ":0123456789") && anyAddr([]policy.CIDR{policy.CIDR(e)}, addr)
	})
}

func TestListsThatAreMissing(t *testing.T) {
	p := &policy.RuntimePolicy{APIVersion: policy.APIVersion, Kind: policy.KindRuntime, Metadata: policy.Meta{Name: "p"}}
	p.Spec.Controls.IPReputation = &policy.ReputationControl{Setting: policy.Setting{Mode: policy.Enforce}, Lists: []string{"b", "gone"}}
	p.Spec.Controls.CryptoMiners = &policy.MinerControl{Setting: policy.Setting{Mode: policy.Audit}, Lists: []string{"a"}}
	e, err := Compile([]*policy.RuntimePolicy{p}, Workload{Lists: bothLists})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.MissingLists(policy.Reputation); !slices.Equal(got, []string{"gone"}) || e.MissingLists(policy.Miners) != nil {
		t.Errorf("missing: %q, %q", got, e.MissingLists(policy.Miners))
	}
	for _, c := range e.Effective() {
		if (len(c.Notes) > 0) != (c.Control == policy.Reputation) {
			t.Errorf("%s: %q", c.Control, c.Notes)
		}
	}
	if got := p.Spec.Controls.Lists(); !slices.Equal(got, []string{"a", "b", "gone"}) {
		t.Errorf("lists of the policy: %q", got)
	}
	a := &action.Connect{Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort("192.0.2.1:80")}
	if d := e.Connect(a); d.Verdict != Deny || d.Rule != ListRule("b") {
		t.Errorf("%+v", d)
	}
	if n := testing.AllocsPerRun(100, func() { e.Connect(a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if n := e.Needs(); !n.BadNames || !n.Questions {
		t.Errorf("%+v", n.NameNeeds)
	}
}
