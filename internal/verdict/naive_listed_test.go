package verdict

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

func (r random) syscallControl() *policy.SyscallControl {
	k := &policy.SyscallControl{Setting: r.setting(), Deny: some[policy.SyscallName](r, 2, "ptrace", "mount", "getppid")}
	if r.IntN(3) == 0 {
		k.Allow = some[policy.SyscallName](r, 3, "unshare", "bpf", "setuid", "sync")
	}
	return k
}

func naiveCall(ps []*policy.RuntimePolicy, w *Workload, a *action.Call) Decision {
	var vs []violation
	for _, p := range ps {
		k := p.Spec.Controls.Syscalls
		if k == nil || !naiveScope(p, w) {
			continue
		}
		if i := slices.Index(k.Deny, policy.SyscallName(a.Name)); i >= 0 {
			vs = append(vs, violation{policy.Syscalls, k.Setting, fmt.Sprintf("deny[%d]", i), p})
		} else if len(k.Allow) > 0 && !slices.Contains(k.Allow, policy.SyscallName(a.Name)) {
			vs = append(vs, violation{policy.Syscalls, k.Setting, "not-listed", p})
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc, syscall: a.Name}, w)
}

func TestCallsAgreeWithNaiveEvaluator(t *testing.T) {
	r := random{rand.New(rand.NewPCG(20261122, 4))}
	counts := map[Verdict]int{}
	for range 800 {
		ps := []*policy.RuntimePolicy{r.policy("p0"), r.policy("p1")}[:1+r.IntN(2)]
		for _, p := range ps {
			p.Spec.Controls.Syscalls = maybe(r, r.syscallControl)
		}
		w := r.workload()
		e, err := Compile(ps, w)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ptrace", "mount", "getppid", "unshare", "bpf", "setuid", "sync", "read"} {
			a := &action.Call{Proc: r.proc(), Name: name}
			got, want := e.Call(a), naiveCall(ps, &w, a)
			counts[got.Verdict]++
			if got != want {
				t.Fatalf("%+v %+v\nengine %+v\nnaive  %+v\n%+v", a, a.Proc, got, want, ps)
			}
			if got.Verdict != Allow && !e.Lists(name) {
				t.Fatalf("%s is judged and not listed", name)
			}
		}
	}
	if counts[Allow] < 500 || counts[Audit] < 100 || counts[Deny] < 150 {
		t.Errorf("the mixture is poor: %v", counts)
	}
}

// What is dropped is ALL but for what is kept, by the mode that holds.
func TestDropped(t *testing.T) {
	p := &policy.RuntimePolicy{APIVersion: policy.APIVersion, Kind: policy.KindRuntime, Metadata: policy.Meta{Name: "p"}}
	p.Spec.Controls.Capabilities = &policy.CapabilityControl{Setting: policy.Setting{Mode: policy.Enforce}, Drop: []policy.Capability{"ALL"}, Keep: []policy.Capability{"CHOWN"}}
	for group, mode := range map[policy.Mode]policy.Mode{"": policy.Enforce, policy.Audit: policy.Audit, policy.Off: policy.Off} {
		e, err := Compile([]*policy.RuntimePolicy{p}, Workload{GroupMode: group})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []policy.Mode{policy.Enforce, policy.Audit} {
			_, raw := e.Dropped("NET_RAW", m)
			_, chown := e.Dropped("CHOWN", m)
			if raw != (m == mode) || chown {
				t.Errorf("group %q, %s: NET_RAW %v, CHOWN %v", group, m, raw, chown)
			}
		}
	}
}
