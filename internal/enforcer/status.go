package enforcer

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/kernel/probe"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// State is the truth about a control, in the words of heartbeats and status.
type State string

// States.
const (
	Enforced    State = "enforced"
	Audited     State = "audit"
	Off         State = "off"
	Unavailable State = "unavailable"
)

// ControlStatus says what holds for one control now.
type ControlStatus struct {
	Control policy.ControlID
	State   State
	Reason  string        // why it is unavailable or weaker than the policy asks; "" otherwise
	Errno   syscall.Errno // of the facility that is missing; 0 if none
}

// Support is what Status is measured against.
type Support struct {
	Report   probe.Report
	Known    bool             // the probe has ended well
	Failed   error            // why it could not
	Engine   string           // the rung of the engine that runs, if it is not package notify's: B or C
	Low      Low              // what rung C could do
	Manifest bool             // a drift manifest is there
	Arms     seccomp.Arms     // of the filter of this start
	Dropped  CapabilitySet    // what this start tried to take from the workload
	Decoys   []Decoy          // what this start placed in the environment
	Ports    string           // which ports of honeypots are not listened on, and why
	Lost     CapabilitySet    // what the workload was then found not to have
	Mounts   []procfs.Mount   // what is mounted, if a rule speaks of files
	Visit    *Visit           // nil: not known
	Unknown  []bundle.Unknown // what the bundle in force says that this version does not know
}

// Status tells the truth about every control under an engine: what the policy
// asks, reduced to what this enforcer and this kernel can do.
func Status(e *verdict.Engine, s Support) (rung string, out []ControlStatus) {
	rung = "unknown"
	if s.Known {
		rung = s.rung()
	}
	needs := map[policy.ControlID][]policy.Need{}
	for _, c := range policy.Registry() {
		needs[c.ID] = c.Needs
	}
	self := ControlStatus{Control: policy.SelfProtection, State: Enforced}
	reduce(&self, true, nil, s)
	out = append(out, self)
	for _, c := range e.Effective() {
		if c.Control == policy.SelfProtection {
			continue
		}
		st := ControlStatus{Control: c.Control, Reason: strings.Join(c.Notes, "; ")}
		for _, src := range c.Sources {
			if src.Weakened != "" && st.Reason == "" {
				st.Reason = src.Policy + ": " + src.Weakened
			}
		}
		switch {
		case c.Mode == policy.Off || c.Mode == "":
			st.State = Off
		case c.Mode == policy.Audit:
			st.State = Audited
		default:
			st.State = Enforced
		}
		if st.State != Off {
			reduce(&st, c.Available, needs[c.Control], s)
			visited(&st, e, s)
			if why := unheard(c.Control, e.Needs().NameNeeds, s); why != "" && st.State != Unavailable {
				st.State, st.Reason = Unavailable, "restart required: "+why
			}
			if c.Control == policy.Honeypots && st.State != Unavailable && st.State != Off {
				for _, why := range []string{unplaced(e, s.Decoys), s.Ports} {
					if why != "" {
						st.because(why)
					}
				}
			}
			if c.Control == policy.Miners && st.State == Enforced && e.Needs().Loads {
				st.because("heuristics report, and end what they find only where the response is killProcess or stopWorkload")
			}
			if c.Control == policy.Capabilities && st.State == Enforced {
				if why := keptCaps(e, s); why != "" {
					st.State, st.Reason = Unavailable, why
				}
			}
			if c.Control == policy.Syscalls && st.State != Unavailable {
				if why := unlisted(e, s.Arms); why != "" {
					st.State, st.Reason = Unavailable, "restart required: "+why
				}
			}
			if why := partly(c.Control, e, s.Arms); why != "" && st.State != Unavailable {
				if st.Reason != "" {
					why = st.Reason + "; " + why
				}
				st.Reason = why
			}
			unarmedFiles(&st, e, s.Arms)
			if why := caseBlind(e.FilePatternsOf(st.Control), s.Mounts); why != "" && st.State != Unavailable {
				st.because(why)
			}
			undelivered(&st, e)
			unnamed(&st, e, s.engine())
		}
		out = append(out, st)
	}
	return rung, addUnknown(out, s.Unknown)
}

// addUnknown tells what a newer control plane asks for and is not done.
func addUnknown(out []ControlStatus, unknown []bundle.Unknown) []ControlStatus {
	for _, u := range unknown {
		why := fmt.Sprintf("policy %s uses %s, which this version does not know", u.Policy, u.Path)
		id := u.Control()
		if id == "" {
			continue // of the bundle itself, not of a control
		}
		known := false
		for i := range out {
			if out[i].Control == id {
				// A part of the control is not done, so the whole is not.
				out[i].State, out[i].Reason, out[i].Errno = Unavailable, why, 0
				known = true
			}
		}
		if !known {
			out = append(out, ControlStatus{Control: id, State: Unavailable, Reason: why})
		}
	}
	return out
}

// reduce takes back what cannot be kept.
func reduce(st *ControlStatus, available bool, needs []policy.Need, s Support) {
	unavailable := func(why string, errno syscall.Errno) {
		st.State, st.Reason, st.Errno = Unavailable, why, errno
	}
	switch {
	case st.Control == policy.ImageAssurance:
		return // held before the workload exists: it needs nothing of the kernel
	case !available:
		unavailable("this version does not have the control yet", 0)
		return
	case s.Failed != nil:
		unavailable("what the kernel gives is not known: "+s.Failed.Error(), 0)
		return
	case !s.Known:
		unavailable("the kernel has not been probed yet", 0)
		return
	}
	for _, n := range needs {
		if n == policy.NeedManifest && !s.Manifest {
			unavailable("there is no drift manifest: wrap the image, or give one with --manifest", 0)
			return
		}
	}
	if s.engine() == "C" {
		watched(st, s)
		return
	}
	names := facilitiesOf(st.Control)
	if s.engine() == "B" {
		if !traced[st.Control] {
			unavailable("the ptrace engine does not have this control", 0)
			return
		}
		names = tracedFacilities(st.Control)
	}
	if traceless(st, s) {
		names = slices.DeleteFunc(names, func(n probe.Name) bool { return n == probe.Ptrace })
	}
	for _, name := range names {
		for _, f := range s.Report.Facilities {
			if f.Name == name && !f.OK {
				unavailable(fmt.Sprintf("the kernel or the container's seccomp profile does not give %s: %v", name, f.Errno), f.Errno)
				return
			}
		}
		if !s.Report.Has(name) && st.State != Unavailable {
			unavailable(fmt.Sprintf("%s was not found", name), syscall.ENOSYS)
			return
		}
	}
	if why := unarmed(st.Control, s.Arms); why != "" {
		unavailable("restart required: "+why, 0)
		return
	}
	if s.engine() != "B" {
		ungated(st, s.Report)
	}
	limits(st, s.engine())
	hide(st, s.Report)
}

// ungated tells of the ways past outbound rules that are open without ptrace
// (package notify, net_pass.go).
func ungated(st *ControlStatus, r probe.Report) {
	if (st.Control != policy.Outbound && st.Control != policy.Metadata && st.Control != policy.Reputation) || st.State != Enforced || r.Has(probe.Ptrace) {
		return
	}
	why := "without ptrace a process with several threads that holds a UDP or raw socket can race to send a datagram through it unjudged"
	if !r.Has(probe.LandlockTCP) {
		why += ", and without Landlock TCP rules (Linux 6.7) one that races to reconnect an accepted connection is not stopped"
	}
	if st.Reason != "" {
		why = st.Reason + "; " + why
	}
	st.Reason = why
}

// hide tells of calls that the container's own seccomp profile refuses before
// we can see them: they fail, as enforce wants, but make no event, and audit
// mode has nothing to show.
func hide(st *ControlStatus, r probe.Report) {
	calls := callsOf(st.Control)
	var names []string
	var errno syscall.Errno
	for _, c := range calls {
		if e, ok := r.Hidden[c]; ok {
			names, errno = append(names, c), e
		}
	}
	if len(names) == 0 {
		return
	}
	why := fmt.Sprintf("the container's own seccomp profile refuses %s (%v) before the enforcer can see it: no event", strings.Join(names, ", "), errno)
	if st.State == Audited && len(names) == len(calls) {
		st.State, st.Errno = Unavailable, errno
	}
	if st.Reason != "" {
		why = st.Reason + "; " + why
	}
	st.Reason = why
}

// callsOf names the calls of a control that a container's profile may refuse.
func callsOf(c policy.ControlID) []string {
	switch c {
	case policy.Namespaces:
		return []string{"unshare", "setns"}
	case policy.Mounts:
		return []string{"mount", "umount2", "pivot_root", "move_mount", "fsopen", "open_tree"}
	case policy.KernelInterfaces:
		return []string{"bpf", "perf_event_open", "init_module", "finit_module", "keyctl", "userfaultfd", "kexec_load"}
	case policy.Injection:
		return []string{"ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"}
	case policy.PrivilegeChange:
		return []string{"setuid", "setresuid"}
	case policy.SystemTampering:
		return []string{"settimeofday", "clock_settime"}
	case policy.SocketFamilies:
		return []string{"socket"}
	case policy.Outbound, policy.Metadata, policy.DNS, policy.PortScan, policy.Reputation:
		return []string{"connect", "sendto", "sendmsg"}
	}
	return nil
}

// facilitiesOf names what a control stands on.
func facilitiesOf(c policy.ControlID) []probe.Name {
	scalar := []probe.Name{probe.NoNewPrivs, probe.Listener, probe.Continue}
	switch c {
	case policy.ExecSessions:
		return nil // it needs /proc (visited)
	case policy.AllowedExecutables, policy.DeniedExecutables, policy.Drift, policy.Fileless, policy.PackageManagers,
		policy.ReverseShell, policy.BindShell, policy.SetuidBinaries, policy.Interpreters, policy.Preload, policy.Users, policy.AnonymousExecutable:
		// The second look at the exec stop is what makes these hold.
		return append(scalar, probe.ProcMem, probe.Ptrace)
	case policy.Outbound, policy.Metadata, policy.DNS, policy.PortScan, policy.Reputation, policy.Bind, policy.LowPorts, policy.Inbound, policy.FileRead, policy.FileWrite, policy.ReadOnlyFiles, policy.FileIntegrity:
		return append(scalar, probe.ProcMem, probe.AddFD)
	case policy.Volumes:
		return nil // /proc/self/mountinfo
	case policy.Miners:
		return append(scalar, probe.ProcMem, probe.AddFD, probe.Ptrace)
	}
	return scalar
}
