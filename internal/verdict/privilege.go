package verdict

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// Rules of namespaces and privilegeChange.
const (
	RuleUnknownNamespace policy.RuleID = "unknown" // the kind of namespace could not be told
	RuleRaiseUser        policy.RuleID = "raise-user"
	RuleRaiseGroup       policy.RuleID = "raise-group"
	RuleChangeUser       policy.RuleID = "change-user"
	RuleCapability       policy.RuleID = "capability"
	RuleMaxTasks         policy.RuleID = "maxTasks"
	RuleMaxDepth         policy.RuleID = "maxDepth"
)

func (c *compiler) addPrivilege(kind action.PrivilegeKind, src *source, match func(*action.Privilege) policy.RuleID) {
	c.e.privilege[kind] = append(c.e.privilege[kind], check[action.Privilege]{src, match})
}

// privileges compiles the process limit and the controls that judge calls.
func (c *compiler) privileges(k *policy.Controls) {
	if k.ProcessLimit != nil {
		if src := c.source(policy.ProcessLimit, k.ProcessLimit.Setting); src != nil {
			limit := k.ProcessLimit.MaxTasks
			c.e.fork = append(c.e.fork, check[action.Fork]{src, func(a *action.Fork) policy.RuleID {
				if a.Tasks > limit {
					return RuleMaxTasks
				}
				return ""
			}})
			c.crowd(src, k.ProcessLimit)
		}
	}
	if k.Namespaces != nil {
		if src := c.source(policy.Namespaces, k.Namespaces.Setting); src != nil {
			c.addPrivilege(action.PrivNamespace, src, c.namespaces(k.Namespaces).match)
		}
	}
	c.calls(policy.Mounts, action.PrivMount, k.Mounts)
	c.calls(policy.KernelInterfaces, action.PrivKernel, k.KernelInterfaces)
	c.calls(policy.Injection, action.PrivTrace, k.Injection)
	if k.PrivilegeChange != nil {
		if src := c.source(policy.PrivilegeChange, k.PrivilegeChange.Setting); src != nil {
			p := &changes{PrivilegeChangeControl: k.PrivilegeChange, targets: c.users(k.PrivilegeChange.AllowedTargets),
				allowed: c.callers(k.PrivilegeChange.AllowedProcesses, k.PrivilegeChange.AllowedUsers), open: callSet(k.PrivilegeChange.AllowedSyscalls)}
			c.addPrivilege(action.PrivIdentity, src, p.identity)
			if k.PrivilegeChange.Capabilities {
				c.addPrivilege(action.PrivCapability, src, p.capability)
			}
		}
	}
}

// calls compiles a control that stops a family of calls.
func (c *compiler) calls(id policy.ControlID, kind action.PrivilegeKind, k *policy.CallControl) {
	if k == nil {
		return
	}
	src := c.source(id, k.Setting)
	if src == nil {
		return
	}
	allowed, open := c.callers(k.AllowedProcesses, k.AllowedUsers), callSet(k.AllowedSyscalls)
	c.addPrivilege(kind, src, func(a *action.Privilege) policy.RuleID {
		if open[a.Syscall] || allowed.has(a.Proc) {
			return ""
		}
		return callRule(a)
	})
}

// callRule names a violation after the call.
func callRule(a *action.Privilege) policy.RuleID {
	if a.Syscall == "" {
		return "call"
	}
	return policy.RuleID(a.Syscall)
}

// namespaces is a compiled policy.NamespaceControl.
type namespaces struct {
	kinds   map[policy.Namespace]bool
	allowed callers
	open    map[string]bool
}

func (c *compiler) namespaces(k *policy.NamespaceControl) *namespaces {
	n := &namespaces{kinds: map[policy.Namespace]bool{}, allowed: c.callers(k.AllowedProcesses, k.AllowedUsers), open: callSet(k.AllowedSyscalls)}
	for _, kind := range k.Allowed {
		n.kinds[kind] = true
	}
	return n
}

// match names the first kind of namespace that is not allowed. Detail lists
// the kinds as flags: CLONE_NEWUSER|CLONE_NEWNS.
func (n *namespaces) match(a *action.Privilege) policy.RuleID {
	if n.open[a.Syscall] || n.allowed.has(a.Proc) {
		return ""
	}
	found := false
	for rest := a.Detail; rest != ""; {
		var flag string
		flag, rest, _ = strings.Cut(rest, "|")
		kind := namespaceOf(strings.TrimSpace(flag))
		if kind == "" {
			continue
		}
		found = true
		if !n.kinds[kind] {
			return policy.RuleID(kind)
		}
	}
	if !found {
		return RuleUnknownNamespace
	}
	return ""
}

func namespaceOf(flag string) policy.Namespace {
	switch flag {
	case "CLONE_NEWCGROUP":
		return "cgroup"
	case "CLONE_NEWIPC":
		return "ipc"
	case "CLONE_NEWNS":
		return "mount"
	case "CLONE_NEWNET":
		return "net"
	case "CLONE_NEWPID":
		return "pid"
	case "CLONE_NEWTIME":
		return "time"
	case "CLONE_NEWUSER":
		return "user"
	case "CLONE_NEWUTS":
		return "uts"
	}
	return ""
}

// changes is a compiled policy.PrivilegeChangeControl.
type changes struct {
	*policy.PrivilegeChangeControl
	targets userSet
	allowed callers
	open    map[string]bool
}

func (p *changes) identity(a *action.Privilege) policy.RuleID {
	if a.Proc == nil || p.open[a.Syscall] || p.allowed.has(a.Proc) {
		return ""
	}
	root := a.Proc.UID == 0
	if root && p.Changes != policy.ChangeAny {
		return ""
	}
	if a.ToUID >= 0 && a.ToUID != int64(a.Proc.UID) {
		switch {
		case a.ToUID <= policy.MaxUser && p.targets.has(uint32(a.ToUID)):
			return ""
		case root:
			return RuleChangeUser
		}
		return RuleRaiseUser
	}
	if !root && a.ToGID >= 0 && a.ToGID != int64(a.Proc.GID) {
		return RuleRaiseGroup
	}
	return ""
}

func (p *changes) capability(a *action.Privilege) policy.RuleID {
	if a.Proc == nil || p.open[a.Syscall] || p.allowed.has(a.Proc) || a.Proc.UID == 0 && p.Changes != policy.ChangeAny {
		return ""
	}
	return RuleCapability
}
