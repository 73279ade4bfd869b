package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

var protocolNames = map[action.Protocol]policy.NetworkProtocol{action.ProtoTCP: "tcp", action.ProtoUDP: "udp",
	action.ProtoICMP: "icmp", action.ProtoUnix: "unix", action.ProtoOther: "other"}

func naiveConnect(ps []*policy.RuntimePolicy, w *Workload, a *action.Connect) Decision {
	var vs []violation
	addr := naivePeer(a.Peer)
	for _, p := range ps {
		if !naiveScope(p, w) {
			continue
		}
		if k := p.Spec.Controls.MetadataEndpoints; k != nil && a.Protocol != action.ProtoUnix &&
			!anyGlob(k.AllowedProcesses, a.Proc.Exe) && !anyUser(k.AllowedUsers, a.Proc.UID, w) {
			rule := ""
			for i := len(k.Addresses) - 1; i >= 0; i-- {
				if anyAddr(k.Addresses[i:i+1], addr) {
					rule = fmt.Sprintf("addresses[%d]", i)
				}
			}
			for _, e := range policy.MetadataEndpointList {
				if e.Address == addr && !slices.Contains(k.AllowedEndpoints, e.Name) {
					rule = string(e.Name)
				}
			}
			if rule != "" {
				vs = append(vs, violation{policy.Metadata, k.Setting, rule, p})
			}
		}
		if k := p.Spec.Controls.DNS; k != nil {
			if rule := naiveServer(k, a); rule != "" {
				vs = append(vs, violation{policy.DNS, k.Setting, rule, p})
			}
		}
		vs = append(vs, naiveReach(p, w, a)...)
		if k := p.Spec.Controls.Outbound; k != nil {
			if rule := naiveOutbound(k, w, a); rule != "" {
				vs = append(vs, violation{policy.Outbound, k.Setting, rule, p})
			}
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc, path: a.Unix, peer: a.Peer}, w)
}

func naiveOutbound(k *policy.OutboundControl, w *Workload, a *action.Connect) string {
	for i := range k.Deny {
		if naiveRule(&k.Deny[i], w, a, true) {
			return string(ruleName(k.Deny[i].Name, "deny", i))
		}
	}
	if a.Resolver && slices.ContainsFunc(k.Allow, func(r policy.NetworkRule) bool { return len(r.DNSNames) > 0 }) {
		return ""
	}
	governed := false // does the allow list speak of this kind of socket at all?
	for _, r := range k.Allow {
		if naiveRule(&r, w, a, false) {
			return ""
		}
		unix := slices.Contains(r.Protocols, "unix") || len(r.Protocols) == 0 && len(r.UnixSockets) > 0
		ip := slices.ContainsFunc(r.Protocols, func(p policy.NetworkProtocol) bool { return p != "unix" }) ||
			len(r.Protocols) == 0 && (len(r.UnixSockets) == 0 || len(r.CIDRs)+len(r.Ports)+len(r.DNSNames) > 0)
		governed = governed || a.Protocol == action.ProtoUnix && unix || a.Protocol != action.ProtoUnix && ip
	}
	if !governed || a.Absent || a.Protocol != action.ProtoUnix && naivePeer(a.Peer).IsLoopback() && !k.RestrictLoopback {
		return ""
	}
	return "not-listed"
}

func naiveRule(r *policy.NetworkRule, w *Workload, a *action.Connect, deny bool) bool {
	if len(r.Protocols) > 0 && !slices.Contains(r.Protocols, protocolNames[a.Protocol]) ||
		len(r.Processes) > 0 && !anyGlob(r.Processes, a.Proc.Exe) || len(r.Users) > 0 && !anyUser(r.Users, a.Proc.UID, w) {
		return false
	}
	if a.Protocol == action.ProtoUnix {
		if len(r.UnixSockets) == 0 {
			return slices.Contains(r.Protocols, "unix")
		}
		return slices.ContainsFunc(r.UnixSockets, func(s policy.SocketPath) bool {
			return strings.HasPrefix(a.Unix, "@") == strings.HasPrefix(string(s), "@") && (naiveGlob(string(s), a.Unix) || naiveGlob(string(s), a.Real))
		})
	}
	if len(r.Protocols) == 0 && len(r.UnixSockets) > 0 && len(r.CIDRs)+len(r.Ports)+len(r.DNSNames) == 0 {
		return false
	}
	return (len(r.CIDRs)+len(r.DNSNames) == 0 || anyAddr(r.CIDRs, naivePeer(a.Peer)) || naiveNamed(r, a, deny)) && (len(r.Ports) == 0 || anyPort(r.Ports, a.Peer.Port()) || deny && a.Raw && a.Peer.Port() == 0)
}

func naiveSocket(ps []*policy.RuntimePolicy, w *Workload, a *action.Socket) Decision {
	var vs, frames []violation
	for _, p := range ps {
		if !naiveScope(p, w) {
			continue
		}
		if !slices.Contains([]int{0, 1, 2, 10, 15, 16, 38}, a.Domain) {
			frames = append(frames, naiveFrames(p, w, a)...)
		}
		k := p.Spec.Controls.SocketFamilies
		if k == nil {
			continue
		}
		inet := a.Domain == 2 || a.Domain == 10
		rule := ""
		has := func(list []policy.SocketFamily) int {
			return slices.IndexFunc(list, func(f policy.SocketFamily) bool { return f.Number() == a.Domain })
		}
		typ := slices.IndexFunc(k.DenyTypes, func(t policy.SocketType) bool { return inet && t.Number() == a.Type })
		proto := slices.IndexFunc(k.DenyProtocols, func(t policy.IPProtocol) bool { return inet && t.Number() == a.Protocol })
		switch {
		case has(k.Deny) >= 0:
			rule = fmt.Sprintf("deny[%d]", has(k.Deny))
		case typ >= 0:
			rule = fmt.Sprintf("denyTypes[%d]", typ)
		case proto >= 0:
			rule = fmt.Sprintf("denyProtocols[%d]", proto)
		case len(k.Allow) > 0 && has(k.Allow) < 0:
			rule = "not-listed"
		default:
			continue
		}
		vs = append(vs, violation{policy.SocketFamilies, k.Setting, rule, p})
	}
	d := naiveDecide(vs, facts{proc: a.Proc}, w)
	if f := naiveDecide(frames, facts{proc: a.Proc}, w); f.Verdict > d.Verdict {
		return f
	}
	return d
}

// naiveFrames: who may not reach everything may not write frames.
func naiveFrames(p *policy.RuntimePolicy, w *Workload, a *action.Socket) (vs []violation) {
	mine := func(r *policy.NetworkRule) bool {
		return (len(r.Processes) == 0 || anyGlob(r.Processes, a.Proc.Exe)) && (len(r.Users) == 0 || anyUser(r.Users, a.Proc.UID, w))
	}
	ip := func(r *policy.NetworkRule) bool {
		if len(r.Protocols) > 0 {
			return slices.ContainsFunc(r.Protocols, func(p policy.NetworkProtocol) bool { return p != "unix" })
		}
		return len(r.UnixSockets) == 0 || len(r.CIDRs)+len(r.DNSNames)+len(r.Ports) > 0
	}
	everywhere := func(r *policy.NetworkRule) bool {
		all := true
		for _, p := range []policy.NetworkProtocol{"tcp", "udp", "icmp", "other"} {
			all = all && (len(r.Protocols) == 0 || slices.Contains(r.Protocols, p))
		}
		return ip(r) && all && len(r.CIDRs)+len(r.DNSNames)+len(r.Ports) == 0
	}
	rule, frame := "family", a.Domain == 17 || a.Domain == 44
	if frame {
		rule = "frames"
	}
	if k := p.Spec.Controls.Outbound; k != nil {
		bad := slices.ContainsFunc(k.Deny, func(r policy.NetworkRule) bool { return ip(&r) && mine(&r) && (frame || everywhere(&r)) })
		if slices.ContainsFunc(k.Allow, func(r policy.NetworkRule) bool { return ip(&r) }) {
			bad = bad || !slices.ContainsFunc(k.Allow, func(r policy.NetworkRule) bool { return everywhere(&r) && mine(&r) })
		}
		if bad {
			vs = append(vs, violation{policy.Outbound, k.Setting, rule, p})
		}
	}
	if !frame {
		return vs
	}
	if k := p.Spec.Controls.MetadataEndpoints; k != nil {
		some := len(k.Addresses) > 0
		for _, e := range policy.MetadataEndpointList {
			some = some || !slices.Contains(k.AllowedEndpoints, e.Name)
		}
		if some && !anyGlob(k.AllowedProcesses, a.Proc.Exe) && !anyUser(k.AllowedUsers, a.Proc.UID, w) {
			vs = append(vs, violation{policy.Metadata, k.Setting, "frames", p})
		}
	}
	return vs
}

func naiveFork(ps []*policy.RuntimePolicy, w *Workload, a *action.Fork) Decision {
	var vs []violation
	for _, p := range ps {
		if k := p.Spec.Controls.ProcessLimit; k != nil && naiveScope(p, w) && a.Tasks > k.MaxTasks {
			vs = append(vs, violation{policy.ProcessLimit, k.Setting, "maxTasks", p})
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc}, w)
}

func naivePrivilege(ps []*policy.RuntimePolicy, w *Workload, a *action.Privilege) Decision {
	var vs []violation
	for _, p := range ps {
		if !naiveScope(p, w) {
			continue
		}
		c := &p.Spec.Controls
		calls := map[action.PrivilegeKind]*policy.CallControl{action.PrivMount: c.Mounts, action.PrivKernel: c.KernelInterfaces, action.PrivTrace: c.Injection}
		ids := map[action.PrivilegeKind]policy.ControlID{action.PrivMount: policy.Mounts, action.PrivKernel: policy.KernelInterfaces, action.PrivTrace: policy.Injection}
		open := func(processes []policy.Glob, users []policy.User, syscalls []policy.SyscallName) bool {
			return anyGlob(processes, a.Proc.Exe) || anyUser(users, a.Proc.UID, w) || slices.Contains(syscalls, policy.SyscallName(a.Syscall))
		}
		if k := calls[a.Kind]; k != nil && !open(k.AllowedProcesses, k.AllowedUsers, k.AllowedSyscalls) {
			vs = append(vs, violation{ids[a.Kind], k.Setting, a.Syscall, p})
		}
		if k := c.Namespaces; k != nil && a.Kind == action.PrivNamespace && !open(k.AllowedProcesses, k.AllowedUsers, k.AllowedSyscalls) {
			rule := "unknown"
			names := strings.NewReplacer("CLONE_NEWNS", "mount", "CLONE_NEWUSER", "user", "CLONE_NEWNET", "net", "CLONE_NEWPID", "pid")
			for _, flag := range strings.Split(names.Replace(a.Detail), "|") {
				if slices.Contains([]string{"mount", "user", "net", "pid"}, flag) {
					rule = ""
					if !slices.Contains(k.Allowed, policy.Namespace(flag)) {
						rule = flag
						break
					}
				}
			}
			if rule != "" {
				vs = append(vs, violation{policy.Namespaces, k.Setting, rule, p})
			}
		}
		if k := c.SystemTampering; k != nil && a.Kind == action.PrivClock && !k.IgnoreClock && !anyGlob(k.AllowedProcesses, a.Proc.Exe) {
			vs = append(vs, violation{policy.SystemTampering, k.Setting, "clock", p})
		}
		if k := c.Users; k != nil && a.Kind == action.PrivIdentity {
			rule := ""
			if a.ToUID >= 0 {
				rule = naiveUser(k, w, uint32(a.ToUID))
			}
			if rule == "" && a.ToGID >= 0 {
				rule = naiveGroup(k, w, uint32(a.ToGID))
			}
			if rule != "" {
				vs = append(vs, violation{policy.Users, k.Setting, rule, p})
			}
		}
		if k := c.PrivilegeChange; k != nil && !open(k.AllowedProcesses, k.AllowedUsers, k.AllowedSyscalls) && (a.Proc.UID != 0 || k.Changes == "any") {
			rule := ""
			switch {
			case a.Kind == action.PrivCapability && k.Capabilities:
				rule = "capability"
			case a.Kind != action.PrivIdentity:
			case a.ToUID >= 0 && uint32(a.ToUID) != a.Proc.UID:
				if !anyUser(k.AllowedTargets, uint32(a.ToUID), w) {
					rule = "raise-user"
					if a.Proc.UID == 0 {
						rule = "change-user"
					}
				}
			case a.ToGID >= 0 && uint32(a.ToGID) != a.Proc.GID && a.Proc.UID != 0:
				rule = "raise-group"
			}
			if rule != "" {
				vs = append(vs, violation{policy.PrivilegeChange, k.Setting, rule, p})
			}
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc, syscall: a.Syscall}, w)
}

func naiveSession(ps []*policy.RuntimePolicy, w *Workload, a *action.Session) Decision {
	var vs []violation
	for _, p := range ps {
		k := p.Spec.Controls.ExecSessions
		if k == nil || !naiveScope(p, w) || !a.First || a.Probe || anyUser(k.AllowedUsers, a.Proc.UID, w) {
			continue
		}
		if a.Unverified {
			vs = append(vs, violation{policy.ExecSessions, k.Setting, "unverified", p})
		} else if !anyGlob(k.AllowedProcesses, a.Path) {
			vs = append(vs, violation{policy.ExecSessions, k.Setting, "session", p})
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc, path: a.Path, digest: a.Digest.String()}, w)
}

func naiveCrowd(ps []*policy.RuntimePolicy, w *Workload, a *action.Crowd) Decision {
	var vs []violation
	for _, p := range ps {
		k := p.Spec.Controls.ProcessLimit
		switch {
		case k == nil || !naiveScope(p, w):
		case a.Tasks > k.MaxTasks:
			vs = append(vs, violation{policy.ProcessLimit, k.Setting, "maxTasks", p})
		case k.MaxDepth > 0 && a.Depth > k.MaxDepth:
			vs = append(vs, violation{policy.ProcessLimit, k.Setting, "maxDepth", p})
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc}, w)
}
