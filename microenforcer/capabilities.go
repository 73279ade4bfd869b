package microenforcer

import (
	"math/bits"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/enforcer"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/policy"
)

// dropCaps is what the application starts without: CAP_SYS_PTRACE, so that it
// cannot trace what we may trace, and what the policy takes away.
func (m *micro) dropCaps() []int {
	m.dropped = enforcer.CapabilitiesOf(m.loop.Policies().Engine, policy.Enforce)
	return append([]int{linux.CapSysPtrace}, (m.dropped &^ (1 << linux.CapSysPtrace)).Numbers()...)
}

// tellCaps finds out what the application really lost, and reports it.
func (m *micro) tellCaps() {
	e := m.loop.Policies().Engine
	if m.dropped == 0 && enforcer.CapabilitiesOf(e, policy.Audit) == 0 {
		return
	}
	pid := m.engine.PID()
	own, err := procfs.ReadCapabilities(0)
	if err != nil {
		m.cfg.Logger.Warn("the enforcer's own capabilities could not be read", "error", err)
		return
	}
	if c, err := procfs.ReadCapabilities(pid); err == nil {
		lost := ^c.Permitted
		if c.Root {
			lost &^= c.Bounding // an exec as root would bring it back
		}
		m.lost.Store(lost)
	}
	p := &action.Process{PID: pid, TID: pid, Exe: m.cfg.Command[0]}
	if st, err := procfs.ReadStat(pid); err == nil {
		p.Comm, p.PPID, p.StartTime = st.Comm, st.PPID, st.StartTime
	}
	if st, err := procfs.ReadStatus(pid); err == nil {
		p.UID, p.GID = st.UID.Effective, st.GID.Effective
	}
	m.loop.Capabilities(p, enforcer.CapabilitySet(own.Permitted))
	if n := bits.OnesCount64(uint64(m.dropped) &^ m.lost.Load()); n > 0 {
		m.cfg.Logger.Warn("the policy's capabilities could not all be taken away", "left", n)
	}
}
