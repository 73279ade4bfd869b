package verdict

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// listening adds the controls of what others reach to a random policy.
func (r random) listening(k *policy.Controls) {
	k.Bind = maybe(r, func() *policy.BindControl {
		return &policy.BindControl{Setting: r.setting(), AllowedPorts: r.ports(), DeniedPorts: r.ports(), Addresses: r.cidrs(), Processes: r.globs(1)}
	})
	k.LowPorts = maybe(r, func() *policy.LowPortControl {
		return &policy.LowPortControl{Setting: r.setting(), Below: pick(r, 0, 100, 9000), AllowedProcesses: r.globs(1)}
	})
	peers := func() (out []policy.PeerRule) {
		for i := range r.IntN(3) {
			if p := (policy.PeerRule{Name: pick(r, "", fmt.Sprintf("p%d", i)), CIDRs: r.cidrs(), Ports: r.ports()}); len(p.CIDRs)+len(p.Ports) > 0 {
				out = append(out, p)
			}
		}
		return out
	}
	k.Inbound = maybe(r, func() *policy.InboundControl {
		return &policy.InboundControl{Setting: r.setting(), Allow: peers(), Deny: peers()}
	})
	k.PortScan = maybe(r, func() *policy.PortScanControl {
		return &policy.PortScanControl{Setting: r.setting(), MaxPorts: pick(r, 0, 2, 30), MaxHosts: pick(r, 0, 3), WindowSeconds: pick(r, 0, 5), Except: r.globs(1)}
	})
	k.IPReputation = maybe(r, func() *policy.ReputationControl {
		return &policy.ReputationControl{Setting: r.setting(), Addresses: r.cidrs(), Allowed: r.cidrs(), Names: r.hostPatterns(1), Lists: some[string](r, 2, "a", "b", "gone")}
	})
	k.BindShell = maybe(r, r.shellControl)
	k.Honeypots = maybe(r, func() *policy.HoneypotControl {
		return &policy.HoneypotControl{Setting: r.setting(), Ports: some(r, 2, policy.Ports{First: 80, Last: 80}, policy.Ports{First: 443, Last: 445}, policy.Ports{First: 8080, Last: 8080})}
	})
}

func (r random) bind() *action.Bind {
	return &action.Bind{Proc: r.proc(), Protocol: pick(r, action.ProtoTCP, action.ProtoUDP), Local: r.peer(), Listen: r.IntN(2) == 0}
}

func (r random) accept() *action.Accept {
	return &action.Accept{Proc: r.proc(), Protocol: action.ProtoTCP, Peer: r.peer(), Local: r.peer()}
}

func naiveBind(ps []*policy.RuntimePolicy, w *Workload, a *action.Bind) Decision {
	var vs []violation
	port := a.Local.Port()
	for _, p := range ps {
		if !naiveScope(p, w) {
			continue
		}
		if k := p.Spec.Controls.LowPorts; k != nil && port > 0 && !anyGlob(k.AllowedProcesses, a.Proc.Exe) {
			below := 1024
			if k.Below > 0 {
				below = k.Below
			}
			if int(port) < below {
				vs = append(vs, violation{policy.LowPorts, k.Setting, "below", p})
			}
		}
		if rule := naiveHoneyPort(p, a.Protocol, port); rule != "" {
			vs = append(vs, violation{policy.Honeypots, p.Spec.Controls.Honeypots.Setting, rule, p})
		}
		k := p.Spec.Controls.Bind
		if k == nil || len(k.Processes) > 0 && !anyGlob(k.Processes, a.Proc.Exe) {
			continue
		}
		rule := ""
		denied := slices.IndexFunc(k.DeniedPorts, func(r policy.Ports) bool { return port > 0 && anyPort([]policy.Ports{r}, port) })
		switch {
		case denied >= 0:
			rule = fmt.Sprintf("deniedPorts[%d]", denied)
		case len(k.Addresses) > 0 && !anyAddr(k.Addresses, a.Local.Addr().Unmap()):
			rule = "addresses"
		case len(k.AllowedPorts) > 0 && port == 0 && a.Listen, len(k.AllowedPorts) > 0 && port > 0 && !anyPort(k.AllowedPorts, port):
			rule = "not-listed"
		default:
			continue
		}
		vs = append(vs, violation{policy.Bind, k.Setting, rule, p})
	}
	return naiveDecide(vs, facts{proc: a.Proc, peer: a.Local}, w)
}

func naiveAccept(ps []*policy.RuntimePolicy, w *Workload, a *action.Accept) Decision {
	var vs []violation
	for _, p := range ps {
		k := p.Spec.Controls.Inbound
		if k == nil || !naiveScope(p, w) {
			continue
		}
		fits := func(r policy.PeerRule) bool {
			return (len(r.CIDRs) == 0 || anyAddr(r.CIDRs, a.Peer.Addr().Unmap())) && (len(r.Ports) == 0 || anyPort(r.Ports, a.Local.Port()))
		}
		if i := slices.IndexFunc(k.Deny, fits); i >= 0 {
			vs = append(vs, violation{policy.Inbound, k.Setting, string(ruleName(k.Deny[i].Name, "deny", i)), p})
		} else if len(k.Allow) > 0 && !slices.ContainsFunc(k.Allow, fits) {
			vs = append(vs, violation{policy.Inbound, k.Setting, "not-listed", p})
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc, peer: netip.AddrPortFrom(a.Peer.Addr(), a.Local.Port())}, w)
}

// naiveReach is what portScan and ipReputation say of a connection.
func naiveReach(p *policy.RuntimePolicy, w *Workload, a *action.Connect) (vs []violation) {
	if a.Protocol == action.ProtoUnix {
		return nil
	}
	if rule := naiveHoneyPort(p, a.Protocol, a.Peer.Port()); rule != "" && (a.Own || naivePeer(a.Peer).IsLoopback()) {
		vs = append(vs, violation{policy.Honeypots, p.Spec.Controls.Honeypots.Setting, rule, p})
	}
	if k := p.Spec.Controls.PortScan; k != nil && !anyGlob(k.Except, a.Proc.Exe) {
		ports, hosts := 20, 50
		if k.MaxPorts > 0 {
			ports = k.MaxPorts
		}
		if k.MaxHosts > 0 {
			hosts = k.MaxHosts
		}
		if a.Scan.Ports > ports {
			vs = append(vs, violation{policy.PortScan, k.Setting, "maxPorts", p})
		} else if a.Scan.Hosts > hosts {
			vs = append(vs, violation{policy.PortScan, k.Setting, "maxHosts", p})
		}
	}
	if k := p.Spec.Controls.IPReputation; k != nil && a.Protocol != action.ProtoUnix && !anyAddr(k.Allowed, naivePeer(a.Peer)) {
		switch {
		case anyAddr(k.Addresses, naivePeer(a.Peer)):
			vs = append(vs, violation{policy.Reputation, k.Setting, "addresses", p})
		case slices.ContainsFunc(a.Names, func(n string) bool { return naiveBad(k, n) }):
			vs = append(vs, violation{policy.Reputation, k.Setting, "names", p})
		default:
			if rule := naiveOnList(k.Lists, w, naivePeer(a.Peer), a.Names); rule != "" {
				vs = append(vs, violation{policy.Reputation, k.Setting, rule, p})
			}
		}
	}
	return vs
}

// naiveHoneyPort gives the rule of a port of a honeypot.
func naiveHoneyPort(p *policy.RuntimePolicy, proto action.Protocol, port uint16) string {
	k := p.Spec.Controls.Honeypots
	if k == nil || proto != action.ProtoTCP {
		return ""
	}
	if i := slices.IndexFunc(k.Ports, func(r policy.Ports) bool { return anyPort([]policy.Ports{r}, port) }); i >= 0 {
		return fmt.Sprintf("ports[%d]", i)
	}
	return ""
}

func naiveTouch(ps []*policy.RuntimePolicy, w *Workload, a *action.Accept) Decision {
	var vs []violation
	for _, p := range ps {
		if rule := naiveHoneyPort(p, a.Protocol, a.Local.Port()); rule != "" && naiveScope(p, w) {
			vs = append(vs, violation{policy.Honeypots, p.Spec.Controls.Honeypots.Setting, rule, p})
		}
	}
	stranger := &action.Process{UID: 4242} // no exception is about him
	return naiveDecide(vs, facts{proc: stranger, peer: netip.AddrPortFrom(a.Peer.Addr(), a.Local.Port())}, w)
}
