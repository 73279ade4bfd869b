package enforcer

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/kernel/probe"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// everything is a report in which all works.
func everything() probe.Report {
	var r probe.Report
	for _, n := range []probe.Name{probe.NoNewPrivs, probe.Listener, probe.Continue, probe.AddFD, probe.AddFDSend, probe.WaitKillable,
		probe.SyncWakeUp, probe.Ptrace, probe.ProcMem, probe.LandlockSig, probe.TraceFilter, probe.ReadOnlyPage} {
		r.Facilities = append(r.Facilities, probe.Facility{Name: n, OK: true})
	}
	return r
}

func without(r probe.Report, n probe.Name, e syscall.Errno) probe.Report {
	r.Facilities = append([]probe.Facility(nil), r.Facilities...)
	for i := range r.Facilities {
		if r.Facilities[i].Name == n {
			r.Facilities[i] = probe.Facility{Name: n, Errno: e}
		}
	}
	return r
}

// A probe that failed says what failed, not that it is still to come.
func TestStatusOfAFailedProbe(t *testing.T) {
	e := compiled(t, "    mounts: {mode: enforce}\n")
	for want, failed := range map[string]error{"has not been probed yet": nil, "cannot probe the kernel: signal: killed": errors.New("cannot probe the kernel: signal: killed")} {
		_, out := Status(e, Support{Failed: failed})
		for _, c := range out {
			if c.State != Off && (c.State != Unavailable || !strings.Contains(c.Reason, want)) {
				t.Errorf("%s is %s: %s", c.Control, c.State, c.Reason)
			}
		}
	}
}

// S10: when a facility is taken away, what stands on it says so.
func TestStatusFollowsTheKernel(t *testing.T) {
	e := compiled(t, `
    deniedExecutables: {mode: enforce, paths: [/bad]}
    outbound: {mode: audit, deny: [{cidrs: [10.0.0.0/8]}]}
    drift: {mode: enforce}
    dns: {mode: enforce, deny: [example.com]}
    mounts: {mode: audit}
    namespaces: {mode: enforce}
`)
	hidden := everything()
	hidden.Hidden = map[string]syscall.Errno{"unshare": syscall.EPERM}
	for _, c := range callsOf(policy.Mounts) {
		hidden.Hidden[c] = syscall.EPERM
	}
	all := Support{Report: everything(), Known: true, Manifest: true, Arms: seccomp.Arms{Forks: true}}
	for _, tt := range []struct {
		name    string
		support Support
		want    map[policy.ControlID]State
	}{
		{"all", all, map[policy.ControlID]State{"deniedExecutables": Enforced, "outbound": Audited, "drift": Enforced, "dns": Unavailable, "fileless": Off, "selfProtection": Enforced, "mounts": Audited}},
		{"no manifest", Support{Report: everything(), Known: true}, map[policy.ControlID]State{"drift": Unavailable, "deniedExecutables": Enforced}},
		{"no ptrace", Support{Report: without(everything(), probe.Ptrace, syscall.EPERM), Known: true, Manifest: true},
			map[policy.ControlID]State{"deniedExecutables": Audited, "drift": Audited, "outbound": Audited, "namespaces": Enforced}},
		{"no ptrace, and nobody's memory", Support{Report: without(without(everything(), probe.Ptrace, syscall.EPERM), probe.ProcMem, syscall.EACCES), Known: true, Manifest: true},
			map[policy.ControlID]State{"deniedExecutables": Unavailable, "drift": Unavailable, "outbound": Unavailable, "namespaces": Enforced}},
		{"no addfd", Support{Report: without(everything(), probe.AddFD, syscall.EINVAL), Known: true, Manifest: true},
			map[policy.ControlID]State{"deniedExecutables": Enforced, "outbound": Audited, "dns": Unavailable}}, // the ptrace engine
		{"no listener", Support{Report: without(everything(), probe.Listener, syscall.EBUSY), Known: true, Manifest: true},
			map[policy.ControlID]State{"deniedExecutables": Enforced, "outbound": Audited, "selfProtection": Enforced, "dns": Unavailable}},
		{"no listener, no page", Support{Report: without(without(everything(), probe.Listener, syscall.EBUSY), probe.ReadOnlyPage, syscall.ENOSYS), Known: true, Manifest: true},
			map[policy.ControlID]State{"deniedExecutables": Enforced, "outbound": Unavailable}},
		{"no listener, no ptrace", Support{Report: without(without(everything(), probe.Listener, syscall.EBUSY), probe.Ptrace, syscall.EPERM), Known: true, Manifest: true},
			map[policy.ControlID]State{"deniedExecutables": Audited, "outbound": Unavailable, "mounts": Unavailable, "namespaces": Enforced, "selfProtection": Enforced}},
		{"rung C without a filter", Support{Report: without(without(everything(), probe.Listener, syscall.EBUSY), probe.Ptrace, syscall.EPERM), Known: true, Engine: "C", Low: Low{Filter: syscall.EPERM}},
			map[policy.ControlID]State{"deniedExecutables": Audited, "namespaces": Unavailable, "selfProtection": Unavailable}},
		{"rung C, made stricter since", Support{Report: without(without(everything(), probe.Listener, syscall.EBUSY), probe.Ptrace, syscall.EPERM), Known: true, Engine: "C"},
			map[policy.ControlID]State{"namespaces": Unavailable, "selfProtection": Enforced}},
		{"not probed", Support{}, map[policy.ControlID]State{"deniedExecutables": Unavailable, "fileless": Off}},
		{"Docker's profile", Support{Report: hidden, Known: true, Manifest: true},
			map[policy.ControlID]State{"mounts": Unavailable, "namespaces": Enforced, "outbound": Audited}},
		{"newer bundle", Support{Report: everything(), Known: true, Manifest: true, Unknown: []bundle.Unknown{{Policy: "p", Path: "spec.controls.telepathy.mode"}}},
			map[policy.ControlID]State{"telepathy": Unavailable, "deniedExecutables": Enforced}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, got := Status(e, tt.support)
			states := map[policy.ControlID]ControlStatus{}
			for _, c := range got {
				states[c.Control] = c
			}
			for c, want := range tt.want {
				if states[c].State != want {
					t.Errorf("%s is %q (%s), want %q", c, states[c].State, states[c].Reason, want)
				}
				if want == Unavailable && states[c].Reason == "" {
					t.Errorf("%s is unavailable without a reason", c)
				}
			}
		})
	}
	_, got := Status(e, Support{Report: hidden, Known: true})
	for _, c := range got {
		if c.Control == policy.Namespaces && !strings.Contains(c.Reason, "no event") {
			t.Errorf("namespaces does not say that unshare is not seen: %q", c.Reason)
		}
	}
}

// Outbound rules say what is open without ptrace.
func TestStatusNamesTheOpenRace(t *testing.T) {
	e := compiled(t, "    outbound: {mode: enforce, deny: [{cidrs: [10.0.0.0/8]}]}\n")
	reason := func(r probe.Report) string {
		_, out := Status(e, Support{Report: r, Known: true, Manifest: true})
		for _, c := range out {
			if c.Control == policy.Outbound {
				if c.State != Enforced {
					t.Errorf("outbound is %s (%s)", c.State, c.Reason)
				}
				return c.Reason
			}
		}
		t.Fatal("no outbound in the status")
		return ""
	}
	r := everything()
	if got := reason(r); got != "" {
		t.Errorf("a reason where nothing is open: %s", got)
	}
	r.Facilities = slices.DeleteFunc(r.Facilities, func(f probe.Facility) bool { return f.Name == probe.Ptrace })
	if got := reason(r); !strings.Contains(got, "race") || !strings.Contains(got, "Landlock") {
		t.Errorf("the open races are not named: %q", got)
	}
}

// A limit that came after the start is watched, and says so.
func TestStatusOfWatchedLimits(t *testing.T) {
	here := &Visit{Here: true, Marked: true, Kill: true}
	for _, tt := range []struct {
		name, controls string
		arms           seccomp.Arms
		visit          *Visit
		state          State
		reason         string
	}{
		{"at each fork", "{mode: enforce, maxTasks: 10}", seccomp.Arms{Forks: true}, nil, Enforced, ""},
		{"came later", "{mode: enforce, maxTasks: 10}", seccomp.Arms{}, here, Enforced, "after a restart"},
		{"to be watched", "{mode: enforce, maxTasks: 10, watch: true}", seccomp.Arms{}, here, Enforced, "about 100 ms, by ending the newest processes"},
		{"depth", "{mode: audit, maxTasks: 10, maxDepth: 3}", seccomp.Arms{Forks: true}, here, Audited, "maxDepth is met"},
		{"no /proc", "{mode: enforce, maxTasks: 10, watch: true}", seccomp.Arms{}, &Visit{Err: syscall.EPERM}, Unavailable, "cannot be looked at"},
	} {
		e := compiled(t, "    processLimit: "+tt.controls+"\n")
		if got := stateOf(e, policy.ProcessLimit, Support{Report: everything(), Known: true, Arms: tt.arms, Visit: tt.visit}); got.State != tt.state || !strings.Contains(got.Reason, tt.reason) {
			t.Errorf("%s: %s (%s)", tt.name, got.State, got.Reason)
		}
	}
}

// What came from outside is met only where it can be told, seen and ended.
func TestStatusOfSessions(t *testing.T) {
	e := compiled(t, "    execSessions: {mode: enforce}\n")
	for _, tt := range []struct {
		name   string
		visit  *Visit
		state  State
		reason string
	}{
		{"all", &Visit{Here: true, Marked: true, Kill: true}, Enforced, ""},
		{"not yet", nil, Unavailable, "known when a workload runs"},
		{"no container", &Visit{Marked: true, Kill: true}, Unavailable, "not the first process of a container"},
		{"no CAP_KILL", &Visit{Here: true, Marked: true}, Audited, "CAP_KILL"},
		{"no mark", &Visit{Here: true, Kill: true}, Enforced, "Linux 6.12"},
		{"no /proc", &Visit{Err: syscall.EACCES}, Unavailable, "cannot be looked at"},
	} {
		if got := stateOf(e, policy.ExecSessions, Support{Report: everything(), Known: true, Visit: tt.visit}); got.State != tt.state || !strings.Contains(got.Reason, tt.reason) || tt.reason == "" && got.Reason != "" {
			t.Errorf("%s: %s (%s)", tt.name, got.State, got.Reason)
		}
	}
}

func stateOf(e *verdict.Engine, id policy.ControlID, s Support) ControlStatus {
	_, out := Status(e, s)
	for _, c := range out {
		if c.Control == id {
			return c
		}
	}
	return ControlStatus{}
}
