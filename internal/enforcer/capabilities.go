package enforcer

import (
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// capabilityNames are in the order of their numbers (capability.h).
var capabilityNames = [...]string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
	"NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN",
	"SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE",
	"MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
}

const capSetPCap = 8

// CapabilitySet is a set of capabilities, by number, as /proc/PID/status shows it.
type CapabilitySet uint64

// CapabilitiesOf gives what an engine's policies take away in a mode.
func CapabilitiesOf(e *verdict.Engine, mode policy.Mode) (set CapabilitySet) {
	for n, name := range capabilityNames {
		if _, ok := e.Dropped(name, mode); ok {
			set |= 1 << n
		}
	}
	return set
}

// Numbers lists the set in an order in which each can be dropped: SETPCAP,
// which dropping needs, last.
func (s CapabilitySet) Numbers() (out []int) {
	for n := range capabilityNames {
		if s&(1<<n) != 0 && n != capSetPCap {
			out = append(out, n)
		}
	}
	if s&(1<<capSetPCap) != 0 {
		out = append(out, capSetPCap)
	}
	return out
}

func (s CapabilitySet) String() string {
	var out []string
	for n, name := range capabilityNames {
		if s&(1<<n) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// Capabilities reports what the workload, started as p, loses of what it
// would have had, or would lose.
func (l *Loop) Capabilities(proc *action.Process, had CapabilitySet) {
	p := l.current.Load()
	// Its first exec may be under judgement still, which is when it becomes known.
	for range 100 {
		if g, ok := l.lineage.program(proc.PID, proc.StartTime); ok {
			proc.Exe = g.exe
			break
		}
		time.Sleep(time.Millisecond)
	}
	for _, mode := range []policy.Mode{policy.Enforce, policy.Audit} {
		set := CapabilitiesOf(p.Engine, mode) & had
		if set == 0 {
			continue
		}
		d := verdict.Decision{Verdict: verdict.Audit, Mode: mode, Control: policy.Capabilities, Rule: "drop"}
		if mode == policy.Enforce {
			d.Verdict = verdict.Deny
		}
		for n, name := range capabilityNames {
			if set&(1<<n) != 0 {
				d.Policy, _ = p.Engine.Dropped(name, mode)
				break
			}
		}
		l.report(found{p: p, d: d, a: intercept.Allow, kind: eventpb.Kind_KIND_PRIVILEGE, proc: proc, object: set.String(),
			fill: func(ev *eventpb.Event) {
				ev.Object = &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: "execve", Detail: set.String()}}
			}})
	}
}

// keptCaps says why capabilities that a policy takes away are still there.
func keptCaps(e *verdict.Engine, s Support) string {
	want := CapabilitiesOf(e, policy.Enforce)
	if late := want &^ s.Dropped; late != 0 {
		return "restart required: " + late.String() + " not taken away when the workload started"
	}
	if left := want & s.Dropped &^ s.Lost; left != 0 {
		return "without CAP_SETPCAP the workload, which runs as root, keeps " + left.String()
	}
	return ""
}
