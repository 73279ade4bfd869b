package enforcer

import (
	"github.com/limpet-security/limpet/internal/kernel/probe"
	"github.com/limpet-security/limpet/internal/policy"
)

// rung is that of the engine that runs, or of the one that would.
func (s Support) rung() string {
	if s.Engine != "" {
		return s.Engine
	}
	return s.Report.Rung()
}

// traced are the controls that the ptrace engine has. What is not here is
// unavailable there, whatever the kernel gives.
var traced = map[policy.ControlID]bool{
	policy.SelfProtection: true, policy.AllowedExecutables: true, policy.DeniedExecutables: true, policy.Drift: true,
	policy.Fileless: true, policy.PackageManagers: true, policy.ReverseShell: true, policy.SetuidBinaries: true,
	policy.ProcessLimit: true, policy.Outbound: true, policy.Metadata: true, policy.SocketFamilies: true,
	policy.Namespaces: true, policy.Mounts: true, policy.KernelInterfaces: true, policy.Injection: true,
	policy.PrivilegeChange: true, policy.Volumes: true,
}

// tracedFacilities names what a control stands on under the ptrace engine.
func tracedFacilities(c policy.ControlID) []probe.Name {
	scalar := []probe.Name{probe.NoNewPrivs, probe.Ptrace, probe.TraceFilter}
	switch c {
	case policy.AllowedExecutables, policy.DeniedExecutables, policy.Drift, policy.Fileless, policy.PackageManagers,
		policy.ReverseShell, policy.SetuidBinaries:
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
	case policy.Outbound, policy.Metadata:
		st.because("under the ptrace engine a rule for one protocol alone can be raced by a process with several threads")
	case policy.Injection:
		st.because("under the ptrace engine no debugger works in the workload, whatever the policy says")
	}
}

func (st *ControlStatus) because(why string) {
	if st.Reason != "" {
		why = st.Reason + "; " + why
	}
	st.Reason = why
}
