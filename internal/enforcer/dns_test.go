package enforcer

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/policy"
)

func query(name string) *action.Query {
	return &action.Query{Proc: proc(), Protocol: action.ProtoUDP, Server: netip.MustParseAddrPort("10.0.0.2:53"), Name: name, Type: 28}
}

func TestQueriesAreAnswered(t *testing.T) {
	const p = "    dns: {mode: MODE, deny: [\"*.evil.test\"], blockTunnels: true, blockRebinding: true}\n"
	for _, m := range []string{"audit", "enforce"} {
		l, k := newLoop(t, Config{}, mode(p, m))
		if n := l.Needs(); !n.Names || !n.Answers {
			t.Errorf("needs %+v", n)
		}
		cloak, tunnel, rebind := query("good.test"), query("x.tunnel.test"), query("rebind.test")
		cloak.Target, tunnel.Tunnel, rebind.Address = "a.evil.test", "many names", netip.MustParseAddr("10.1.2.3")
		for i, q := range []*action.Query{query("a.evil.test"), cloak, tunnel, rebind} {
			a := l.Resolve(q)
			if denied := a.Errno == syscall.EPERM; denied != (m == "enforce") {
				t.Errorf("%s %d: %+v", m, i, a)
			}
		}
		if a := l.Resolve(query("good.test")); a.Errno != 0 {
			t.Errorf("an allowed name: %+v", a)
		}
		got := k.take()
		wants := []string{`asked for "a.evil.test", which rule deny[0] denies.`, `leads to "a.evil.test"`, "look like data carried in names: many names", "answer 10.1.2.3 is a private address"}
		if len(got) != len(wants) {
			t.Fatalf("%d events", len(got))
		}
		for i, e := range got {
			if !strings.Contains(e.Reason, wants[i]) || e.Control != "dns" || e.Technique != "T1071.004" || e.GetDns().GetServer() != "10.0.0.2:53" || e.GetDns().GetType() != "AAAA" || e.Process == nil {
				t.Errorf("%v", e)
			}
		}
	}
}

// A tunnel is one thing, however many names it takes and whatever is said of
// their number; another domain's is another.
func TestTunnelsAreOneEvent(t *testing.T) {
	l, k := newLoop(t, Config{}, "    dns: {mode: enforce, blockTunnels: true}\n")
	for i := range 100 {
		q := query(fmt.Sprintf("n%d.%s.test", i, []string{"a", "b"}[i%2]))
		q.Tunnel = fmt.Sprintf("%d names that look like encoded data", i)
		l.Resolve(q)
	}
	l.Flush()
	counts := map[string]uint64{}
	got := k.take()
	for _, e := range got {
		name := e.GetDns().GetName()
		counts[name[strings.Index(name, "."):]] += e.Count
	}
	if len(got) != 4 || counts[".a.test"] != 50 || counts[".b.test"] != 50 {
		t.Errorf("%d events, %v", len(got), counts)
	}
}

// The log says each thing once and counts the rest: nothing is lost.
func TestNameLogCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k := newLoop(t, Config{}, "    dns: {mode: enforce, recordRequests: true, deny: [evil.test]}\n")
		asked := uint64(0)
		for range 20 {
			for i := range 300 {
				l.Resolve(query(fmt.Sprintf("n%d.test", i%(40+i/4))))
				asked++
			}
			time.Sleep(700 * time.Millisecond)
			l.names.sweep(l, time.Now(), false)
		}
		l.Resolve(query("evil.test"))
		asked++
		l.Flush()
		events := k.take()
		sum, denied := uint64(0), 0
		for _, e := range events {
			switch e.Rule {
			case recordedRule:
				sum += e.Count
				if e.Verdict != eventpb.Verdict_VERDICT_ALLOW || e.Process == nil {
					t.Errorf("%v", e)
				}
				if e.GetDns().Name == "evil.test" && e.Attributes["verdict"] != "deny" {
					t.Errorf("%v", e)
				}
			case "deny[0]":
				denied++
			}
		}
		if sum != asked || denied != 1 {
			t.Errorf("%d of %d recorded, %d denied", sum, asked, denied)
		}
		if len(events) > 1000 {
			t.Errorf("%d events for %d questions", len(events), asked)
		}
		if l, k = newLoop(t, Config{}, "    dns: {mode: enforce, deny: [evil.test]}\n"); l.Resolve(query("good.test")).Errno != 0 || len(k.take()) != 0 {
			t.Error("recorded although nobody asked for it")
		}
	})
}

func TestStatusOfNames(t *testing.T) {
	for _, tt := range []struct {
		controls string
		id       policy.ControlID
		armed    bool
		want     State
	}{
		{"    dns: {mode: enforce, deny: [x.test]}\n", policy.DNS, true, Enforced},
		{"    dns: {mode: enforce, deny: [x.test]}\n", policy.DNS, false, Unavailable},
		{"    dns: {mode: enforce, resolvers: [10.0.0.2]}\n", policy.DNS, false, Enforced},
		{"    outbound: {mode: enforce, allow: [{dnsNames: [x.test]}]}\n", policy.Outbound, false, Enforced},
		{"    outbound: {mode: enforce, allow: [{dnsNames: [\"*.x.test\"]}]}\n", policy.Outbound, false, Unavailable},
		{"    outbound: {mode: audit, allow: [{dnsNames: [\"*.x.test\"]}]}\n", policy.Outbound, true, Audited},
	} {
		e := compiled(t, tt.controls)
		if arms := ArmsOf(e); tt.armed && !arms.Receives {
			t.Errorf("%s does not arm", tt.controls)
		}
		_, out := Status(e, Support{Report: everything(), Known: true, Arms: seccomp.Arms{Receives: tt.armed}})
		for _, c := range out {
			if c.Control == tt.id && (c.State != tt.want || (tt.want == Unavailable) != strings.HasPrefix(c.Reason, "restart required")) {
				t.Errorf("%s armed %v: %+v", tt.controls, tt.armed, c)
			}
		}
	}
	if ArmsOf(compiled(t, "    outbound: {mode: enforce, deny: [{cidrs: [10.0.0.0/8]}]}\n")).Receives {
		t.Error("a policy without names pays for them")
	}
}

func TestTalkIsJudged(t *testing.T) {
	l, k := newLoop(t, Config{}, "    cryptoMiners: {mode: enforce, response: killProcess}\n")
	if !l.Talks() {
		t.Error("nobody listens")
	}
	a := l.Talk(&action.Talk{Proc: proc(), Peer: netip.MustParseAddrPort("203.0.113.9:3333"), Protocol: action.TalkStratum, Method: "mining.subscribe"})
	if a.Errno != syscall.ECONNRESET || !a.Kill {
		t.Errorf("%+v", a)
	}
	got := k.take()
	if len(got) != 1 || got[0].Reason != "/bin/sh spoke a miner's protocol (mining.subscribe) to 203.0.113.9:3333 over tcp." || got[0].Attributes["method"] == "" || got[0].Technique != "T1496" {
		t.Errorf("%v", got)
	}
	if l, _ := newLoop(t, Config{}, "    dns: {mode: enforce, deny: [x.test]}\n"); l.Talks() {
		t.Error("a policy without miners looks into connections")
	}
}
