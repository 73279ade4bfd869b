package policy

import (
	"fmt"
	"slices"
	"strings"
)

// check looks for what each value by itself does not show: names, rules
// without effect, contradictions.
func (d *decoder) check(p *RuntimePolicy) {
	if p.APIVersion != APIVersion {
		d.failAt("apiVersion", "%s is not known here; write %s", clip(p.APIVersion), APIVersion)
	}
	if p.Kind != KindRuntime {
		d.failAt("kind", "%s is not known here; write %s", clip(p.Kind), KindRuntime)
	}
	if !validName(p.Metadata.Name) {
		d.failAt("metadata.name", "%s: a name has 1 to 63 lower-case letters, digits, dots and hyphens, and starts and ends with a letter or digit", clip(p.Metadata.Name))
	}
	for i, g := range p.Spec.Scope.Groups {
		if g == "" {
			d.failAt(fmt.Sprintf("spec.scope.groups[%d]", i), "is empty; name a group")
		}
	}
	d.checkControls(&p.Spec.Controls)
	d.checkExceptions(p)
}

func validName(s string) bool {
	if len(s) == 0 || len(s) > 63 {
		return false
	}
	for i, c := range s {
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || i == len(s)-1 || c != '-' && c != '.') {
			return false
		}
	}
	return true
}

func (d *decoder) checkControls(c *Controls) {
	set := 0
	for _, id := range ControlIDs() {
		if _, ok := c.Setting(id); ok {
			set++
		}
	}
	if set == 0 && len(d.unknown) == 0 {
		d.failAt("spec.controls", "is empty; set at least one control, for example drift: {mode: audit}")
	}
	d.checkExecutables(c)
	d.checkFiles(c)
	d.checkNetwork(c)
	d.checkLists(c)
	d.checkOthers(c)
}

// active says that a control is looked at.
func (s Setting) active() bool { return s.Mode != Off }

// needed fails if an active control has nothing in any of the lists it lives on.
func (d *decoder) needed(id ControlID, s Setting, what string, lengths ...int) {
	if !s.active() {
		return
	}
	for _, n := range lengths {
		if n > 0 {
			return
		}
	}
	d.failAt("spec.controls."+string(id), "%s; or set mode: off", what)
}

func (d *decoder) checkExecutables(c *Controls) {
	if k := c.AllowedExecutables; k != nil {
		d.needed(AllowedExecutables, k.Setting, "the list is empty, so nothing could run; add paths, names, digests or rules",
			len(k.Paths), len(k.Names), len(k.Digests), len(k.Rules))
		d.executableRules("spec.controls.allowedExecutables", k.Rules)
	}
	if k := c.DeniedExecutables; k != nil {
		d.needed(DeniedExecutables, k.Setting, "the list is empty, so nothing is denied; add paths, names, digests or rules",
			len(k.Paths), len(k.Names), len(k.Digests), len(k.Rules))
		d.executableRules("spec.controls.deniedExecutables", k.Rules)
	}
	if a, k := c.AllowedExecutables, c.DeniedExecutables; a != nil && k != nil {
		const at = "spec.controls.deniedExecutables."
		contradiction(d, at+"paths", k.Paths, a.Paths, "allowedExecutables.paths")
		contradiction(d, at+"names", k.Names, a.Names, "allowedExecutables.names")
		contradiction(d, at+"digests", k.Digests, a.Digests, "allowedExecutables.digests")
	}
	if k := c.PackageManagers; k != nil {
		contradiction(d, "spec.controls.packageManagers.allowed", k.Allowed, k.Names, "packageManagers.names")
	}
	if k := c.Interpreters; k != nil {
		d.needed(Interpreters, k.Setting, "deny is empty, so nothing is stopped; name what to stop: loader, applet, wrapper, script, inlineCode", len(k.Deny))
	}
}

func (d *decoder) executableRules(at string, rules []ExecutableRule) {
	names := map[string]int{}
	for i, r := range rules {
		path := fmt.Sprintf("%s.rules[%d]", at, i)
		if len(r.Paths)+len(r.Names)+len(r.Digests) == 0 {
			d.failAt(path, "names no program; add paths, names or digests (use paths: [/**] for every program)")
		}
		d.ruleName(path, r.Name, i, names)
	}
}

// ruleName checks a rule's name: events carry it, so it must tell rules apart.
func (d *decoder) ruleName(path, name string, i int, seen map[string]int) {
	if name == "" {
		return
	}
	if len(name) > 128 || strings.ContainsAny(name, "[]\n\t") || name != strings.TrimSpace(name) {
		d.failAt(path+".name", "%s: a rule's name has at most 128 characters, no brackets and no space at its ends", clip(name))
	}
	if first, dup := seen[name]; dup {
		d.failAt(path+".name", "%s already names rule %d of the same list; give each its own name", clip(name), first)
		return
	}
	seen[name] = i
}

// contradiction reports what stands in two lists that say the opposite.
func contradiction[T comparable](d *decoder, path string, list, opposite []T, where string) {
	for i, v := range list {
		if slices.Contains(opposite, v) {
			d.failAt(fmt.Sprintf("%s[%d]", path, i), "%s also stands in %s, which says the opposite; remove one", clip(fmt.Sprint(v)), where)
		}
	}
}

func (d *decoder) checkFiles(c *Controls) {
	for _, f := range []struct {
		id ControlID
		k  *FileControl
	}{{FileRead, c.FileRead}, {FileWrite, c.FileWrite}, {ReadOnlyFiles, c.ReadOnlyFiles}} {
		if f.k == nil {
			continue
		}
		d.needed(f.id, f.k.Setting, "no paths are given; add paths or rules", len(f.k.Paths), len(f.k.Rules))
		at := "spec.controls." + string(f.id)
		contradiction(d, at+".except", f.k.Except, f.k.Paths, "paths")
		names := map[string]int{}
		for i, r := range f.k.Rules {
			path := fmt.Sprintf("%s.rules[%d]", at, i)
			if len(r.Paths) == 0 {
				d.failAt(path+".paths", "is empty; add paths")
			}
			contradiction(d, path+".except", r.Except, r.Paths, "paths")
			d.ruleName(path, r.Name, i, names)
		}
	}
	if k := c.FileIntegrity; k != nil {
		d.needed(FileIntegrity, k.Setting, "no paths are given; add paths", len(k.Paths))
		contradiction(d, "spec.controls.fileIntegrity.except", k.Except, k.Paths, "paths")
	}
	if k := c.Volumes; k != nil {
		d.needed(Volumes, k.Setting, "no paths are given; add paths", len(k.Paths))
	}
}

func (d *decoder) checkNetwork(c *Controls) {
	if k := c.Outbound; k != nil {
		const at = "spec.controls.outbound"
		d.needed(Outbound, k.Setting, "neither allow nor deny has rules; add one", len(k.Allow), len(k.Deny))
		names := map[string]int{}
		for i := range k.Allow {
			d.networkRule(fmt.Sprintf("%s.allow[%d]", at, i), &k.Allow[i], i, names)
		}
		for i := range k.Deny {
			path := fmt.Sprintf("%s.deny[%d]", at, i)
			d.networkRule(path, &k.Deny[i], i, names)
			for j := range k.Allow {
				if sameRule(&k.Deny[i], &k.Allow[j]) {
					d.failAt(path, "selects the same as allow[%d], which says the opposite; remove one", j)
				}
			}
		}
	}
	if k := c.Outbound; k != nil {
		for i, r := range k.Proxies {
			if len(r.CIDRs)+len(r.DNSNames)+len(r.Ports) == 0 {
				d.failAt(fmt.Sprintf("spec.controls.outbound.proxies[%d]", i), "selects nothing; add cidrs, dnsNames or ports")
			}
		}
	}
	if k := c.Inbound; k != nil {
		d.needed(Inbound, k.Setting, "neither allow nor deny has rules; add one", len(k.Allow), len(k.Deny))
		names := map[string]int{}
		for _, l := range []struct {
			name  string
			rules []PeerRule
		}{{"allow", k.Allow}, {"deny", k.Deny}} {
			for i, r := range l.rules {
				path := fmt.Sprintf("spec.controls.inbound.%s[%d]", l.name, i)
				if len(r.CIDRs)+len(r.Ports) == 0 {
					d.failAt(path, "selects nothing; add cidrs or ports (use 0.0.0.0/0 and ::/0 for every peer)")
				}
				d.ruleName(path, r.Name, i, names)
			}
		}
	}
	if k := c.Bind; k != nil {
		d.needed(Bind, k.Setting, "nothing is given; add allowedPorts, deniedPorts or addresses", len(k.AllowedPorts), len(k.DeniedPorts), len(k.Addresses))
		contradiction(d, "spec.controls.bind.deniedPorts", k.DeniedPorts, k.AllowedPorts, "allowedPorts")
	}
	if k := c.MetadataEndpoints; k != nil {
		d.needed(Metadata, k.Setting, "every built-in endpoint is allowed and no address added, so nothing is stopped",
			len(MetadataEndpointList)-len(k.AllowedEndpoints), len(k.Addresses))
	}
	if k := c.SocketFamilies; k != nil {
		d.needed(SocketFamilies, k.Setting, "nothing is given; add deny, allow, denyTypes or denyProtocols",
			len(k.Deny), len(k.Allow), len(k.DenyTypes), len(k.DenyProtocols))
		contradiction(d, "spec.controls.socketFamilies.deny", k.Deny, k.Allow, "allow")
	}
	if k := c.DNS; k != nil {
		contradiction(d, "spec.controls.dns.deny", k.Deny, k.Allow, "allow")
		if len(k.Allow)+len(k.Deny)+len(k.Resolvers) == 0 && !k.BlockTunnels && !k.BlockRebinding && !k.RecordRequests {
			d.needed(DNS, k.Setting, "nothing is given; add allow, deny, resolvers, blockTunnels, blockRebinding or recordRequests", 0)
		}
		if len(k.PrivateNames) > 0 && !k.BlockRebinding {
			d.failAt("spec.controls.dns.privateNames", "has an effect only with blockRebinding: true")
		}
	}
}

func (d *decoder) networkRule(path string, r *NetworkRule, i int, names map[string]int) {
	d.ruleName(path, r.Name, i, names)
	if len(r.CIDRs)+len(r.DNSNames)+len(r.Ports)+len(r.Protocols)+len(r.UnixSockets) == 0 {
		d.failAt(path, "selects nothing; add cidrs, ports, protocols or unixSockets (use 0.0.0.0/0 and ::/0 for every address)")
		return
	}
	ported := slices.Contains(r.Protocols, TCP) || slices.Contains(r.Protocols, UDP) || slices.Contains(r.Protocols, Other)
	if len(r.Ports) > 0 && len(r.Protocols) > 0 && !ported {
		d.failAt(path+".ports", "never match: icmp and unix have no ports; add tcp or udp to protocols or remove ports")
	}
	ip := ported || slices.Contains(r.Protocols, ICMP)
	if len(r.Protocols) > 0 && !ip && len(r.CIDRs)+len(r.DNSNames) > 0 {
		d.failAt(path+".protocols", "names unix only, which has no addresses; remove cidrs and dnsNames or add tcp or udp")
	}
	if len(r.UnixSockets) > 0 && len(r.Protocols) > 0 && !slices.Contains(r.Protocols, Unix) {
		d.failAt(path+".unixSockets", "never match, because protocols does not name unix; add it")
	}
}

// sameRule says that two rules select the same, whatever their names.
func sameRule(a, b *NetworkRule) bool {
	return sameSet(a.CIDRs, b.CIDRs) && sameSet(a.DNSNames, b.DNSNames) && sameSet(a.Ports, b.Ports) && sameSet(a.Protocols, b.Protocols) &&
		sameSet(a.UnixSockets, b.UnixSockets) && sameSet(a.Processes, b.Processes) && sameSet(a.Users, b.Users)
}

func sameSet[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for _, v := range a {
		if !slices.Contains(b, v) {
			return false
		}
	}
	return true
}

// MaxHoneyPorts bounds the ports of honeypots.
const MaxHoneyPorts = 64

func (d *decoder) checkOthers(c *Controls) {
	if k := c.Honeypots; k != nil {
		d.needed(Honeypots, k.Setting, "nothing is given; add paths, ports or envKeys", len(k.Paths), len(k.Ports), len(k.EnvKeys))
		total := 0
		for _, p := range k.Ports {
			total += int(p.Last) - int(p.First) + 1
		}
		if total > MaxHoneyPorts {
			d.failAt("spec.controls.honeypots.ports", "%d ports are too many: at most %d are listened on", total, MaxHoneyPorts)
		}
		for i, key := range k.EnvKeys {
			if !validVariable(key) {
				d.failAt(fmt.Sprintf("spec.controls.honeypots.envKeys[%d]", i), "%s is no name of a variable: letters, digits and _, at most 64", clip(key))
			}
		}
	}
	if k := c.Capabilities; k != nil {
		d.needed(Capabilities, k.Setting, "nothing is dropped; add drop", len(k.Drop))
		contradiction(d, "spec.controls.capabilities.keep", k.Keep, k.Drop, "drop")
		if len(k.Keep) > 0 && !slices.Contains(k.Drop, "ALL") {
			d.failAt("spec.controls.capabilities.keep", "has an effect only with drop: [ALL]")
		}
	}
	if k := c.Users; k != nil {
		if !k.NoRoot {
			d.needed(Users, k.Setting, "nothing is given; add allow, deny, allowGroups, denyGroups or noRoot",
				len(k.Allow), len(k.Deny), len(k.AllowGroups), len(k.DenyGroups))
		}
		contradiction(d, "spec.controls.users.deny", k.Deny, k.Allow, "allow")
		contradiction(d, "spec.controls.users.denyGroups", k.DenyGroups, k.AllowGroups, "allowGroups")
		if k.NoRoot && (slices.Contains(k.Allow, "root") || slices.Contains(k.Allow, "0")) {
			d.failAt("spec.controls.users.noRoot", "contradicts allow, which names root; remove one")
		}
	}
	if k := c.Syscalls; k != nil {
		d.needed(Syscalls, k.Setting, "nothing is given; add deny or allow", len(k.Allow), len(k.Deny))
		contradiction(d, "spec.controls.syscalls.deny", k.Deny, k.Allow, "allow")
		for field, list := range map[string][]SyscallName{"allow": k.Allow, "deny": k.Deny} {
			for i, n := range list {
				if !knownSyscall(n) {
					d.failAt(fmt.Sprintf("spec.controls.syscalls.%s[%d]", field, i), "%s is no system call of Linux on amd64 or arm64", clip(string(n)))
				}
			}
		}
	}
}

func (d *decoder) checkExceptions(p *RuntimePolicy) {
	names := map[string]int{}
	for i := range p.Spec.Exceptions {
		x := &p.Spec.Exceptions[i]
		path := fmt.Sprintf("spec.exceptions[%d]", i)
		if x.Empty() {
			d.failAt(path, "selects nothing; add processes, users, paths, digests, cidrs, ports, dnsNames or syscalls (to switch a control off, set its mode: off)")
		}
		d.ruleName(path, x.Name, i, names)
		for j, id := range x.Controls {
			if _, ok := p.Spec.Controls.Setting(id); !ok && id.Known() {
				d.failAt(fmt.Sprintf("%s.controls[%d]", path, j), "%q is not set by this policy, and an exception holds only in its own policy; set the control or remove it here", id)
			}
		}
	}
}
