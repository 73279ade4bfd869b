package verdict

import (
	"net/netip"
	"slices"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

func (r random) shellControl() *policy.ShellControl {
	return &policy.ShellControl{Setting: r.setting(), AllowedProcesses: r.globs(1), AllowedParents: r.globs(1), AllowedPeers: r.cidrs(),
		AllowLoopback: r.IntN(2) == 0, Relayed: r.IntN(3) > 0}
}

func (r random) relayedShell() *action.Exec {
	a := r.exec()
	a.Relay = &action.Relay{In: pick(r, paths...), Out: pick(r, paths...), Accepted: r.IntN(2) == 0}
	for range 1 + r.IntN(3) {
		a.Relay.Peers = append(a.Relay.Peers, r.peer())
	}
	return a
}

func naiveRelayed(ps []*policy.RuntimePolicy, w *Workload, a *action.Exec) Decision {
	var vs []violation
	for _, p := range ps {
		if !naiveScope(p, w) {
			continue
		}
		for id, k := range map[policy.ControlID]*policy.ShellControl{policy.ReverseShell: p.Spec.Controls.ReverseShell, policy.BindShell: p.Spec.Controls.BindShell} {
			if k == nil || !k.Relayed || id == policy.BindShell && !a.Relay.Accepted {
				continue
			}
			byParents := anyGlob(k.AllowedParents, a.Relay.In) && anyGlob(k.AllowedParents, a.Relay.Out)
			if byParents || anyGlob(k.AllowedParents, a.Proc.Exe) || anyGlob(k.AllowedProcesses, a.Path) {
				continue
			}
			bad := func(p netip.AddrPort) bool {
				return !anyAddr(k.AllowedPeers, naivePeer(p)) && !(k.AllowLoopback && naivePeer(p).IsLoopback())
			}
			if slices.ContainsFunc(a.Relay.Peers, bad) {
				vs = append(vs, violation{id, k.Setting, "relayed", p})
			}
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc, path: a.Path, digest: a.Digest.String()}, w)
}
