package verdict

import (
	"math/rand/v2"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

func (r random) memory() *action.Map {
	m := &action.Map{Proc: r.proc(), Kind: action.MapKind(r.IntN(5)), Syscall: pick(r, "mmap", "mprotect"), Writable: r.IntN(2) == 0, Unverified: r.IntN(10) == 0}
	if m.Kind == action.MapFile || m.Kind == action.MapModified {
		m.Path, m.Origin, m.Fileless, m.ELF = pick(r, paths...), action.Origin(r.IntN(6)), r.IntN(3) == 0, r.IntN(2) == 0
		if r.IntN(2) == 0 {
			m.Digest = digest(byte(1 + r.IntN(4)))
		}
	}
	return m
}

func naiveMap(ps []*policy.RuntimePolicy, w *Workload, a *action.Map) Decision {
	var vs []violation
	for _, p := range ps {
		if !naiveScope(p, w) {
			continue
		}
		add := func(id policy.ControlID, s policy.Setting, rule string) {
			if rule != "" {
				vs = append(vs, violation{id, s, rule, p})
			}
		}
		c := &p.Spec.Controls
		file := a.Kind == action.MapFile || a.Kind == action.MapModified
		if k := c.Drift; k != nil && a.Kind == action.MapAll && !k.AllowLibraries && !anyGlob(k.LibraryProcesses, a.Proc.Exe) {
			add(policy.Drift, k.Setting, "personality")
		}
		if k := c.Fileless; k != nil && a.Kind == action.MapAll {
			add(policy.Fileless, k.Setting, "personality")
		}
		if k := c.Drift; k != nil && file && !k.AllowLibraries && !anyGlob(k.LibraryProcesses, a.Proc.Exe) {
			image := a.Origin == action.OriginUnknown || a.Origin == action.OriginImage || a.Origin == action.OriginMoved && k.AllowMoved
			switch {
			case a.Unverified:
				add(policy.Drift, k.Setting, "unverified")
			case !image && !anyGlob(k.AllowedPaths, a.Path) && !(a.Fileless && a.Path == ""):
				add(policy.Drift, k.Setting, "library")
			}
		}
		if k := c.Fileless; k != nil && a.Fileless && a.ELF && !anyGlob(k.AllowedPaths, a.Path) {
			rule := "tmpfs"
			if a.Path == "" {
				rule = "memory"
			}
			add(policy.Fileless, k.Setting, rule)
		}
		if k := c.AnonymousExecutable; k != nil && !anyGlob(k.AllowedProcesses, a.Proc.Exe) {
			rule := map[action.MapKind]string{action.MapAll: "personality", action.MapShared: "shared", action.MapModified: "modified", action.MapAnonymous: "mprotect"}[a.Kind]
			if a.Kind == action.MapAnonymous && a.Syscall == "mmap" {
				rule = "anonymous"
			}
			if a.Kind == action.MapAnonymous && a.Writable {
				rule = "rwx"
			}
			if a.Kind == action.MapFile && a.Writable {
				rule = "writable-file"
			}
			if a.Kind == action.MapFile && a.Fileless && a.Path == "" {
				rule = "memfd"
			}
			if a.Unverified {
				rule = "unverified"
			}
			add(policy.AnonymousExecutable, k.Setting, rule)
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc, path: a.Path, digest: a.Digest.String(), syscall: a.Syscall}, w)
}

func TestMapsAgreeWithNaiveEvaluator(t *testing.T) {
	r := random{rand.New(rand.NewPCG(20261122, 3))}
	counts := map[Verdict]int{}
	for range 800 {
		ps := []*policy.RuntimePolicy{r.policy("p0"), r.policy("p1")}[:1+r.IntN(2)]
		w := r.workload()
		e, err := Compile(ps, w)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			a := r.memory()
			got, want := e.Map(a), naiveMap(ps, &w, a)
			counts[got.Verdict]++
			if got != want {
				t.Fatalf("%+v\n%+v\nengine %+v\nnaive  %+v\n%+v", a, a.Proc, got, want, ps[0].Spec.Controls)
			}
		}
	}
	if counts[Allow] < 1000 || counts[Audit] < 500 || counts[Deny] < 500 {
		t.Errorf("the mixture is poor: %v", counts)
	}
}

func TestMapDoesNotAllocate(t *testing.T) {
	e := largeEngine(t)
	m := &action.Map{Proc: proc, Kind: action.MapFile, Syscall: "mmap", Path: "/usr/lib/libc.so.6", Origin: action.OriginImage}
	if d := e.Map(m); d.Verdict != Allow {
		t.Errorf("%+v", d)
	}
	if n := testing.AllocsPerRun(200, func() { e.Map(m) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
