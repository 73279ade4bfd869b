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

// naivePool says whether a name is a pool's, by the built-in list or a
// policy's, which stand for everything below.
func naivePool(k *policy.MinerControl, name string) bool {
	list := append([]policy.DNSName{"nanopool.org", "supportxmr.com"}, k.Pools...)
	return slices.ContainsFunc(list, func(p policy.DNSName) bool {
		s := strings.ToLower(strings.TrimPrefix(string(p), "*."))
		return name != "" && (name == s && !strings.HasPrefix(string(p), "*.") || strings.HasSuffix(name, "."+s))
	})
}

func naiveMiners(ps []*policy.RuntimePolicy, w *Workload, proc *action.Process, f facts, rule func(*policy.MinerControl) string) Decision {
	var vs []violation
	for _, p := range ps {
		k := p.Spec.Controls.CryptoMiners
		if k == nil || !naiveScope(p, w) || proc != nil && anyGlob(k.Except, proc.Exe) {
			continue
		}
		if r := rule(k); r != "" {
			vs = append(vs, violation{policy.Miners, k.Setting, r, p})
		}
	}
	return naiveDecide(vs, f, w)
}

func TestMinersAgreeWithNaiveEvaluator(t *testing.T) {
	r := random{rand.New(rand.NewPCG(20261122, 4))}
	counts := map[Verdict]int{}
	host := func() string {
		return pick(r, "xmr.nanopool.org", "nanopool.org", "pool.supportxmr.com", "example.com", "a.mine.test", "www.evil.test", "mine.test", "mine.test.org", "")
	}
	for range 800 {
		p := &policy.RuntimePolicy{APIVersion: policy.APIVersion, Kind: policy.KindRuntime, Metadata: policy.Meta{Name: "p"}}
		p.Spec.Controls.CryptoMiners = &policy.MinerControl{Setting: r.setting(), Pools: some[policy.DNSName](r, 2, "mine.test", "*.Mine.test", "example.com"),
			Names: some[policy.Name](r, 1, "digger", "a"), Ports: r.ports(), Except: r.globs(1), Lists: some[string](r, 2, "a", "b", "gone"), Heuristics: r.IntN(3) > 0}
		ps, w := []*policy.RuntimePolicy{p}, r.workload()
		e, err := Compile(ps, w)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			var got, want Decision
			var what any
			switch i % 4 {
			case 0:
				a := &action.Query{Proc: r.proc(), Server: r.peer(), Name: host(), Type: 1}
				name := a.Name
				if r.IntN(2) == 0 {
					a.Target = host()
					if a.Target != "" {
						name = a.Target
					}
				}
				what, got = a, e.Query(a)
				want = naiveMiners(ps, &w, a.Proc, facts{proc: a.Proc, name: a.Name, peer: a.Server}, func(k *policy.MinerControl) string {
					if naivePool(k, name) {
						return "pool"
					}
					return naiveOnList(k.Lists, &w, netip.Addr{}, []string{name})
				})
			case 1:
				a := r.connect()
				a.Names = some(r, 2, host(), host())
				what, got = a, e.Connect(a)
				want = naiveMiners(ps, &w, a.Proc, facts{proc: a.Proc, peer: a.Peer, path: a.Unix}, func(k *policy.MinerControl) string {
					if a.Protocol != action.ProtoTCP && a.Protocol != action.ProtoUDP {
						return ""
					}
					if slices.ContainsFunc(a.Names, func(n string) bool { return naivePool(k, n) }) {
						return "pool"
					}
					if i := slices.IndexFunc(k.Ports, func(p policy.Ports) bool { return p.First <= a.Peer.Port() && a.Peer.Port() <= p.Last }); i >= 0 {
						return fmt.Sprintf("ports[%d]", i)
					}
					return naiveOnList(k.Lists, &w, naivePeer(a.Peer), a.Names)
				})
			case 3:
				a := &action.Load{Proc: r.proc(), Threads: r.IntN(3), Pinned: r.IntN(3), HugePages: pick[uint64](r, 0, 1<<21), Code: pick[uint64](r, 0, 4096, 1<<16), Dataset: r.IntN(2) == 0,
					Args: pick(r, []string{"x"}, []string{"x", "-a", "rx/0"})}
				what, got, want = a, e.Load(a), naiveLoad(ps, &w, a)
			case 2:
				a := &action.Talk{Proc: r.proc(), Peer: r.peer(), Protocol: action.TalkProtocol(r.IntN(3))}
				if a.Protocol == action.TalkTLS {
					a.ServerName = host()
				}
				what, got = a, e.Talk(a)
				want = naiveMiners(ps, &w, a.Proc, facts{proc: a.Proc, peer: a.Peer}, func(k *policy.MinerControl) string {
					switch {
					case a.Protocol == action.TalkStratum:
						return "stratum"
					case naivePool(k, a.ServerName), naiveOnList(k.Lists, &w, netip.Addr{}, []string{a.ServerName}) != "":
						return "server-name"
					}
					return ""
				})
			}
			counts[got.Verdict]++
			if got != want {
				y, _ := p.YAML()
				t.Fatalf("%+v\nengine %+v\nnaive  %+v\n%s", what, got, want, y)
			}
		}
	}
	t.Log(counts)
	if counts[Deny] < 500 || counts[Audit] < 500 {
		t.Errorf("the mixture is poor: %v", counts)
	}
}

func TestMinerPrograms(t *testing.T) {
	e := compile(t, Workload{}, "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: a}\nspec:\n  controls:\n    cryptoMiners: {mode: enforce, names: [digger], pools: [mine.test], except: [/opt/ok/**]}\n")
	for _, tt := range []struct {
		args string // the first is the path
		want policy.RuleID
	}{
		{"/tmp/xmrig -o x", "name"}, {"/tmp/XMRig", "name"}, {"/usr/bin/xmrig-cuda", "name"}, {"/bin/digger", "name"}, {"/bin/diggers", ""},
		{"/tmp/a -o stratum+tcp://1.2.3.4:3333", "argument"}, {"/tmp/a --url=stratum+ssl://p:443", "argument"}, {"/tmp/a --pool=mine.test:80", "argument"},
		{"/tmp/a -o eu.mine.test:3333 -u w", "argument"}, {"/tmp/a https://user:x@mine.test/", "argument"}, {"/tmp/a mine.test", ""}, {"/tmp/a https://example.com/stratum", ""},
		{"/opt/ok/xmrig", ""}, {"/usr/bin/curl https://example.com/?u=stratum", ""},
	} {
		args := strings.Fields(tt.args)
		d := e.Exec(&action.Exec{Proc: proc, Path: args[0], Requested: args[0], Args: args})
		if d.Rule != tt.want {
			t.Errorf("%s: %q, want %q", tt.args, d.Rule, tt.want)
		}
	}
}
