package enforcer

import (
	"slices"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/probe"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// Low is what rung C could do at the start.
type Low struct {
	Refused []action.PrivilegeKind // what the kernel refuses since
	Filter  syscall.Errno          // why it refuses nothing; 0: it does
}

// rung is that of the engine that runs, or of the one that would.
func (s Support) rung() string {
	if s.Engine != "" {
		return s.Engine
	}
	return s.Report.Rung()
}

// engine is B or C where that engine runs, or would; else "".
func (s Support) engine() string {
	switch {
	case s.Engine != "":
		return s.Engine
	case s.Report.Rung() == "B", s.Report.Rung() == "C":
		return s.Report.Rung()
	}
	return ""
}

// traced are the controls that the ptrace engine has. What is not here is
// unavailable there, whatever the kernel gives.
var traced = map[policy.ControlID]bool{
	policy.SelfProtection: true, policy.AllowedExecutables: true, policy.DeniedExecutables: true, policy.Drift: true,
	policy.Fileless: true, policy.PackageManagers: true, policy.ReverseShell: true, policy.SetuidBinaries: true,
	policy.ProcessLimit: true, policy.Outbound: true, policy.Metadata: true, policy.SocketFamilies: true,
	policy.Namespaces: true, policy.Mounts: true, policy.KernelInterfaces: true, policy.Injection: true,
	policy.PrivilegeChange: true, policy.Volumes: true, policy.Interpreters: true, policy.Users: true, policy.Syscalls: true,
}

// tracedFacilities names what a control stands on under the ptrace engine.
func tracedFacilities(c policy.ControlID) []probe.Name {
	scalar := []probe.Name{probe.NoNewPrivs, probe.Ptrace, probe.TraceFilter}
	switch c {
	case policy.AllowedExecutables, policy.DeniedExecutables, policy.Drift, policy.Fileless, policy.PackageManagers,
		policy.ReverseShell, policy.SetuidBinaries, policy.Interpreters, policy.Users:
		return append(scalar, probe.ProcMem)
	case policy.Outbound, policy.Metadata:
		return append(scalar, probe.ProcMem, probe.ReadOnlyPage)
	}
	return scalar
}

// limits says what is weaker on a rung although the control holds.
func limits(st *ControlStatus, rung string) {
	if rung != "B" || st.State != Enforced {
		return
	}
	switch st.Control {
	case policy.Drift, policy.Fileless:
		st.because("under the ptrace engine programs are judged, not the shared objects that they load")
	case policy.Outbound, policy.Metadata:
		st.because("under the ptrace engine a rule for one protocol alone can be raced by a process with several threads")
	case policy.Injection:
		st.because("under the ptrace engine no debugger works in the workload, whatever the policy says")
	}
}

// unnamed tells of rules by host name, which need the resolver that only
// package notify brings.
func unnamed(st *ControlStatus, e *verdict.Engine, rung string) {
	n := e.Needs()
	if rung == "B" && st.Control == policy.Outbound && st.State != Unavailable && n.Proxies {
		st.because("what is asked of proxies is not looked at by the ptrace engine")
	}
	if rung != "B" || st.Control != policy.Outbound || st.State == Unavailable || len(n.Hosts) == 0 && !n.Wildcards && !n.AllowNames {
		return
	}
	st.State, st.Reason = Unavailable, "the policy names hosts, and the ptrace engine knows addresses only"
}

func (st *ControlStatus) because(why string) {
	if st.Reason != "" {
		why = st.Reason + "; " + why
	}
	st.Reason = why
}

// refusable are the controls that the kernel can hold without asking, and the
// calls they are about.
var refusable = []struct {
	control policy.ControlID
	kind    action.PrivilegeKind
}{
	{policy.Namespaces, action.PrivNamespace},
	{policy.Mounts, action.PrivMount},
	{policy.KernelInterfaces, action.PrivKernel},
	{policy.Injection, action.PrivTrace},
}

// Refusable lists what a start on rung C has the kernel refuse: the controls
// that need no event to hold, where the policy of the start enforces them.
func Refusable(e *verdict.Engine) (out []action.PrivilegeKind) {
	for _, r := range refusable {
		if e.Mode(r.control) == policy.Enforce {
			out = append(out, r.kind)
		}
	}
	return out
}

// watched is the truth on rung C: what the kernel refuses is enforced and makes
// no event; programs are looked at after they have begun; the rest is not there.
func watched(st *ControlStatus, s Support) {
	unavailable := func(why string) { st.State = Unavailable; st.Errno = s.missing(); st.because(why) }
	refuses := s.Low.Filter == 0 && (s.Engine != "" || s.Report.Has(probe.NoNewPrivs))
	for _, r := range refusable {
		if r.control != st.Control {
			continue
		}
		switch {
		case !refuses:
			st.State, st.Errno = Unavailable, s.Low.Filter
			st.because("no filter can be installed")
		case st.State == Enforced && s.Engine != "" && !slices.Contains(s.Low.Refused, r.kind):
			unavailable("restart required: it was not enforced when the workload started")
		case st.State == Enforced:
			st.because("the kernel refuses it without an event; a policy that allows it later needs a restart")
		default:
			unavailable("neither a seccomp listener nor ptrace: what is only looked at cannot be seen")
		}
		return
	}
	switch st.Control {
	case policy.SelfProtection:
		if !refuses {
			st.State, st.Errno = Unavailable, s.Low.Filter
			st.because("no filter can be installed")
			return
		}
		st.because("attempts are refused without an event")
	case policy.AllowedExecutables, policy.DeniedExecutables, policy.Drift, policy.Fileless, policy.PackageManagers, policy.ReverseShell:
		if st.State == Enforced {
			st.Errno = s.missing()
			st.State = Audited
			st.because("detect only: without a seccomp listener and ptrace a forbidden program runs for a moment before it is seen and killed, and a short one is not seen")
			return
		}
		st.because("detect only: a short program is not seen")
	default:
		unavailable("neither a seccomp listener nor ptrace can be had here")
	}
}

// missing is the errno of the listener, which everything on rung C lacks.
func (s Support) missing() syscall.Errno {
	for _, f := range s.Report.Facilities {
		if f.Name == probe.Listener {
			return f.Errno
		}
	}
	return 0
}
