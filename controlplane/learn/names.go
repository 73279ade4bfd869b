package learn

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/wire"
)

// crowdOfNames is how many names below one domain must have been seen until
// the domain stands for them: such names are made up (machines, buckets).
const crowdOfNames = 5

// plain says that a name as a workload asked for it can stand in a rule. One with
// a star would be more than itself there.
func plain(name string) bool {
	return !strings.Contains(name, "*") && policy.DNSName(name).Check() == nil
}

// joinNames makes patterns of host names: what is below a domain with a crowd
// becomes one, and so do all questions for the names of addresses. What cannot
// be a pattern is left out.
func joinNames(names map[string]*tally) map[string]*tally {
	below := map[string]int{}
	for n := range names {
		if _, parent, ok := strings.Cut(n, "."); ok && strings.Contains(parent, ".") {
			below[parent]++
		}
	}
	out := map[string]*tally{}
	for n, t := range names {
		if !plain(n) {
			continue
		}
		p := n
		_, parent, _ := strings.Cut(n, ".")
		switch {
		case strings.HasSuffix(n, ".in-addr.arpa"):
			p = "*.in-addr.arpa"
		case strings.HasSuffix(n, ".ip6.arpa"):
			p = "*.ip6.arpa"
		case below[parent] >= crowdOfNames:
			p = "*." + parent
		}
		if policy.DNSName(p).Check() != nil {
			continue
		}
		if out[p] == nil {
			out[p] = &tally{}
		}
		out[p].join(t)
	}
	return out
}

// join adds another's evidence.
func (t *tally) join(o *tally) {
	t.count += o.count
	t.starts = max(t.starts, o.starts)
	for exe := range o.exes {
		if t.exes == nil {
			t.exes = map[string]bool{}
		}
		t.exes[exe] = true
	}
}

// names proposes the only names that may be resolved.
func (d *draft) names(items []Item) {
	seen := map[string]*tally{}
	for _, it := range items {
		if it.Kind != wire.ProfileDNS || it.Name == "" {
			continue
		}
		if seen[it.Name] == nil {
			seen[it.Name] = &tally{}
		}
		seen[it.Name].add(it)
	}
	if len(seen) == 0 {
		d.uncovered = append(d.uncovered, "names: no question to a name server was seen, so names are not governed")
		return
	}
	patterns := joinNames(seen)
	c := &policy.DNSControl{Setting: policy.Setting{Mode: policy.Enforce}}
	for _, p := range slices.Sorted(maps.Keys(patterns)) {
		if len(c.Allow) == maxLines {
			c.Mode = policy.Audit
			d.uncovered = append(d.uncovered, fmt.Sprintf("dns only audits: %d different names were seen", len(patterns)))
			break
		}
		c.Allow = append(c.Allow, policy.DNSName(p))
		d.evidence["dns "+p] = patterns[p].String()
	}
	if len(c.Allow) > 0 {
		d.p.Spec.Controls.DNS = c
	}
}

// unixSockets proposes the sockets that may be connected to, one rule each.
func (d *draft) unixSockets(items []Item, c *policy.OutboundControl) {
	seen := map[string]*tally{}
	for _, it := range items {
		if it.Kind != wire.ProfileConnect || it.Protocol != "unix" {
			continue
		}
		if it.Path == "" || it.Path[0] != '/' && it.Path[0] != '@' || !validSocket(it.Path) {
			d.uncovered = append(d.uncovered, "UNIX sockets stay open: one without a name that a rule can hold was connected to")
			return
		}
		if seen[it.Path] == nil {
			seen[it.Path] = &tally{}
		}
		seen[it.Path].add(it)
	}
	if len(seen) == 0 {
		d.uncovered = append(d.uncovered, "UNIX sockets stay open: no connection to one was seen")
		return
	}
	joinSockets(seen)
	if len(seen) > maxLines-len(c.Allow) {
		d.uncovered = append(d.uncovered, fmt.Sprintf("UNIX sockets stay open: %d different ones were seen", len(seen)))
		return
	}
	for i, path := range slices.SortedFunc(maps.Keys(seen), cmp.Compare) {
		r := policy.NetworkRule{Name: fmt.Sprintf("unix-%d", i+1), Protocols: []policy.NetworkProtocol{policy.Unix},
			UnixSockets: []policy.SocketPath{policy.SocketPath(path)}, Processes: processes(seen[path])}
		c.Allow = append(c.Allow, r)
		d.evidence["outbound "+r.Name] = seen[path].String()
	}
}

// joinSockets puts the folder in the place of names below madeUp that one start
// alone has used: whether such a name is a server's own or was made up for that
// start (tempfile.mktemp, mkdtemp) is not to be told from its letters.
func joinSockets(seen map[string]*tally) {
	for _, path := range slices.Sorted(maps.Keys(seen)) {
		for _, dir := range madeUp {
			if t := seen[path]; t != nil && t.starts <= 1 && strings.HasPrefix(path, dir) {
				delete(seen, path)
				if seen[dir+"**"] == nil {
					seen[dir+"**"] = &tally{}
				}
				seen[dir+"**"].join(t)
			}
		}
	}
}

func validSocket(p string) bool {
	c := policy.Controls{Outbound: &policy.OutboundControl{Setting: policy.Setting{Mode: policy.Audit},
		Allow: []policy.NetworkRule{{UnixSockets: []policy.SocketPath{policy.SocketPath(p)}}}}}
	return validControls(c) == nil
}

// processes are the programs of a tally, as patterns; nil, which stands for
// all, if one of them cannot be a pattern.
func processes(t *tally) (out []policy.Glob) {
	for _, exe := range slices.Sorted(maps.Keys(t.exes)) {
		if !strings.HasPrefix(exe, "/") || policyGlob(exe) != nil {
			return nil
		}
		out = append(out, policy.Glob(exe))
	}
	return out
}
