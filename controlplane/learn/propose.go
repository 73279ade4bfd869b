package learn

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/profile"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/internal/wire"
)

// ErrNothing reports a group of which nothing is known.
var ErrNothing = errors.New("nothing has been learned yet")

// Proposal is a policy that nobody has applied yet.
type Proposal struct {
	Name       string     `json:"name"`
	YAML       string     `json:"yaml" doc:"The policy; comments give the evidence of each line"`
	Uncovered  []string   `json:"uncovered" nullable:"false" doc:"What the policy does not govern, or governs only in audit mode, and why"`
	Check      []string   `json:"check" nullable:"false" doc:"What a person should look at: things that default rules speak against"`
	Simulation Simulation `json:"simulation" doc:"The proposal tried on what it was made from"`
}

// Options of Propose.
type Options struct {
	Name   string // metadata.name
	Group  string
	From   time.Time
	Until  time.Time
	Scores map[string]Readiness // by workload
}

// draft is a policy in the making.
type draft struct {
	p         *policy.RuntimePolicy
	evidence  map[string]string // by place in the document and value
	uncovered []string
	check     []string
}

// maxLines bounds the lists of a proposal: the policy's own bounds are higher.
const maxLines = 1000

// Propose makes the least-privilege policy that lets everything in items
// happen, and nothing else that its controls govern.
func Propose(items []Item, o Options) (Proposal, error) {
	if len(items) == 0 {
		return Proposal{}, ErrNothing
	}
	base, err := policy.Parse(policy.DefaultYAML())
	if err != nil {
		return Proposal{}, err
	}
	d := &draft{p: base, evidence: map[string]string{}}
	d.p.Metadata.Name = o.Name
	d.p.Metadata.Description = fmt.Sprintf("Learned from group %s. What is not listed was not seen.", o.Group)
	if d.p.Spec.Controls.PrivilegeChange != nil {
		d.p.Spec.Controls.PrivilegeChange.Mode = policy.Enforce
	}
	d.executables(items)
	d.outbound(items)
	d.listening(items)
	d.names(items)
	d.fileControls(items)
	d.notCovered()
	if err := d.fit(items, o.Group); err != nil {
		return Proposal{}, err
	}
	text, err := d.write(items, o)
	if err != nil {
		return Proposal{}, err
	}
	final, err := policy.Parse([]byte(text))
	if err != nil {
		return Proposal{}, fmt.Errorf("cannot write proposal: %w", err)
	}
	t, err := NewTrial([]*policy.RuntimePolicy{final}, verdict.Workload{Group: o.Group})
	if err != nil {
		return Proposal{}, err
	}
	for _, it := range items {
		t.Item(it)
	}
	out := Proposal{Name: o.Name, YAML: text, Uncovered: d.uncovered, Check: d.check, Simulation: t.Result()}
	if out.Uncovered == nil {
		out.Uncovered = []string{}
	}
	if out.Check == nil {
		out.Check = []string{}
	}
	return out, nil
}

// tally counts evidence.
type tally struct {
	count, starts int64
	exes          map[string]bool
	addrs         map[netip.Addr]bool
	names         map[string]*tally // by which addresses were known: then the address is in addrs not
}

func (t *tally) add(it Item) {
	t.count += it.Count
	t.starts = max(t.starts, it.Starts)
	if it.Exe != "" {
		if t.exes == nil {
			t.exes = map[string]bool{}
		}
		t.exes[it.Exe] = true
	}
}

func (t *tally) String() string {
	s := times(t.count)
	if t.starts > 1 {
		s += fmt.Sprintf(", in %d starts", t.starts)
	}
	if len(t.exes) > 0 {
		s += ", by " + few(slices.Sorted(maps.Keys(t.exes)))
	}
	return "seen " + s
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// version finds what distinguishes releases in a path.
var version = regexp.MustCompile(`[0-9]+(\.[0-9]+)*`)

// merge joins patterns that differ in nothing but version numbers.
func merge(byPath map[string]*tally) map[string]*tally {
	groups := map[string][]string{}
	for p := range byPath {
		k := version.ReplaceAllString(p, "*")
		groups[k] = append(groups[k], p)
	}
	out := map[string]*tally{}
	for k, members := range groups {
		if len(members) == 1 || policyGlob(k) != nil {
			for _, p := range members {
				out[p] = byPath[p]
			}
			continue
		}
		t := &tally{exes: map[string]bool{}}
		for _, p := range members {
			t.count += byPath[p].count
			t.starts = max(t.starts, byPath[p].starts)
			maps.Copy(t.exes, byPath[p].exes)
		}
		out[k] = t
	}
	return out
}

func policyGlob(p string) error {
	return validControls(policy.Controls{AllowedExecutables: &policy.ExecutableControl{Setting: policy.Setting{Mode: policy.Audit}, Paths: []policy.Glob{policy.Glob(p)}}})
}

// validControls says what is wrong with controls.
func validControls(c policy.Controls) error {
	probe := policy.RuntimePolicy{APIVersion: policy.APIVersion, Kind: policy.KindRuntime, Metadata: policy.Meta{Name: "x"}, Spec: policy.Spec{Controls: c}}
	return probe.Validate()
}

func (d *draft) executables(items []Item) {
	byPath := map[string]*tally{}
	nameless := int64(0)
	for _, it := range items {
		if it.Kind != wire.ProfileExec {
			continue
		}
		if !strings.HasPrefix(it.Path, "/") || policyGlob(it.Path) != nil {
			nameless += it.Count
			continue
		}
		if byPath[it.Path] == nil {
			byPath[it.Path] = &tally{}
		}
		byPath[it.Path].add(it)
	}
	if len(byPath) == 0 {
		d.uncovered = append(d.uncovered, "allowedExecutables: no program was seen to start")
		return
	}
	byPath = merge(byPath)
	c := &policy.ExecutableControl{Setting: policy.Setting{Mode: policy.Enforce}}
	if nameless > 0 || len(byPath) > maxLines {
		c.Mode = policy.Audit
		d.uncovered = append(d.uncovered, fmt.Sprintf("allowedExecutables only audits: %d starts were of programs without a usable path, and %d paths were seen", nameless, len(byPath)))
	}
	for i, p := range slices.Sorted(maps.Keys(byPath)) {
		if i == maxLines {
			break
		}
		c.Paths = append(c.Paths, policy.Glob(p))
		d.evidence["allowedExecutables "+p] = byPath[p].String()
	}
	d.p.Spec.Controls.AllowedExecutables = c
}

// flow is what peers are grouped by: one rule for each.
type flow struct {
	protocol string
	port     uint32
}

func (d *draft) outbound(items []Item) {
	flows, odd := map[flow]*tally{}, int64(0)
	for _, it := range items {
		if it.Kind != wire.ProfileConnect || it.Protocol == "unix" {
			continue
		}
		a, err := netip.ParseAddr(it.Address)
		if err != nil || it.Name == "" && (a.IsLoopback() || a.IsUnspecified()) {
			continue // loopback stays open
		}
		if _, known := protocols[it.Protocol]; !known || it.Name != "" && !plain(it.Name) {
			odd += it.Count // a rule without it would be one for everybody
			continue
		}
		f := flow{it.Protocol, it.Port}
		if f.protocol != "tcp" && f.protocol != "udp" {
			f.port = 0
		}
		t := flows[f]
		if t == nil {
			t = &tally{addrs: map[netip.Addr]bool{}, names: map[string]*tally{}}
			flows[f] = t
		}
		t.add(it)
		if it.Name == "" {
			t.addrs[a.Unmap()] = true
			continue
		}
		if t.names[it.Name] == nil {
			t.names[it.Name] = &tally{}
		}
		t.names[it.Name].add(it)
	}
	c := &policy.OutboundControl{Setting: policy.Setting{Mode: policy.Enforce}}
	if odd > 0 {
		d.uncovered = append(d.uncovered, fmt.Sprintf("outbound: no rule can name where %d connections led", odd))
	}
	keys := slices.SortedFunc(maps.Keys(flows), func(a, b flow) int { return cmp.Or(cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.port, b.port)) })
	for i, f := range keys {
		t := flows[f]
		if i == maxLines {
			c.Mode = policy.Audit
			d.uncovered = append(d.uncovered, fmt.Sprintf("outbound only audits: %d different ports were seen", len(keys)))
			break
		}
		r := policy.NetworkRule{Name: f.protocol, Protocols: []policy.NetworkProtocol{policy.NetworkProtocol(f.protocol)}}
		if f.port > 0 && f.port < 1<<16 {
			r.Name += fmt.Sprintf("-%d", f.port)
			r.Ports = []policy.Ports{{First: uint16(f.port), Last: uint16(f.port)}}
		}
		for _, n := range profile.Networks(slices.Collect(maps.Keys(t.addrs))) {
			if text := n.String(); n.IsSingleIP() {
				r.CIDRs = append(r.CIDRs, policy.CIDR(n.Addr().String()))
			} else {
				r.CIDRs = append(r.CIDRs, policy.CIDR(text))
			}
		}
		for _, n := range slices.Sorted(maps.Keys(joinNames(t.names))) {
			r.DNSNames = append(r.DNSNames, policy.DNSName(n))
		}
		r.Processes = processes(t)
		c.Allow = append(c.Allow, r)
		d.evidence["outbound "+r.Name] = t.String() + fmt.Sprintf(", different addresses: %d, names: %d", len(t.addrs), len(t.names))
	}
	if len(c.Allow) == 0 {
		// An empty list would allow everything.
		c.Allow = []policy.NetworkRule{{Name: "loopback-only", CIDRs: []policy.CIDR{"127.0.0.0/8", "::1"}}}
		d.evidence["outbound loopback-only"] = "no connection to another machine was seen"
	}
	d.unixSockets(items, c)
	d.p.Spec.Controls.Outbound = c
}

func (d *draft) listening(items []Item) {
	ports := map[uint32]*tally{}
	sampled := false
	for _, it := range items {
		if it.Kind == wire.ProfileListen {
			sampled = sampled || it.Exe == ""
			if ports[it.Port] == nil {
				ports[it.Port] = &tally{}
			}
			ports[it.Port].add(it)
		}
	}
	c := &policy.BindControl{Setting: policy.Setting{Mode: policy.Enforce}}
	handedOut := false
	for _, p := range slices.Sorted(maps.Keys(ports)) {
		if p >= firstEphemeral && ports[p].starts <= 1 {
			handedOut = true // by the kernel: another one next time
			continue
		}
		if p == 0 || p > 65535 {
			continue
		}
		c.AllowedPorts = append(c.AllowedPorts, policy.Ports{First: uint16(p), Last: uint16(p)})
		d.evidence["bind "+fmt.Sprint(p)] = ports[p].String()
	}
	if handedOut || len(c.AllowedPorts) == 0 {
		c.AllowedPorts = append(c.AllowedPorts, policy.Ports{First: firstEphemeral, Last: 65535})
		d.evidence[fmt.Sprintf("bind %d-65535", firstEphemeral)] = "handed out by the kernel"
	}
	d.p.Spec.Controls.Bind = c
	if sampled {
		// It was open before anybody looked at bind, or was handed in from outside:
		// another one may have been missed.
		c.Mode = policy.Audit
		d.uncovered = append(d.uncovered, "bind only audits: a port was open without having been seen to be bound; others may have been missed")
	}
}

// firstEphemeral is the first port that Linux hands out by itself.
const firstEphemeral = 32768

func (d *draft) notCovered() {
	d.uncovered = append(d.uncovered, "processLimit: as in the default policy; the profile shows the most tasks that were seen at once")
	d.uncovered = append(d.uncovered, "set-user-ID programs only audit: they gain nothing under the enforcer")
}

// fit allows what the base controls speak against, each thing as narrowly as
// an exception can, and notes it for a person. What no exception can express
// makes the control audit only.
func (d *draft) fit(items []Item, group string) error {
	for round := 0; ; round++ {
		t, err := NewTrial([]*policy.RuntimePolicy{d.p}, verdict.Workload{Group: group})
		if err != nil {
			return err
		}
		changed := false
		done := map[string]bool{}
		for _, it := range items {
			v := t.Item(it)
			key := string(v.Control) + " " + it.Executable() + " " + it.Object()
			if v.Verdict != verdict.Deny || done[key] {
				continue
			}
			done[key], changed = true, true
			if round > 0 || len(d.p.Spec.Exceptions) >= maxLines || !d.allow(v, it) {
				d.weaken(v.Control)
				break
			}
		}
		if !changed {
			return nil
		}
		if round > 2*len(policy.ControlIDs()) {
			return fmt.Errorf("cannot fit a policy to what was learned")
		}
	}
}

// shells run what they are told: with a connection as input they are never
// allowed on the strength of having been seen.
var shells = map[string]bool{"sh": true, "bash": true, "dash": true, "ash": true, "ksh": true, "zsh": true, "busybox": true,
	"python3": true, "perl": true, "ruby": true, "node": true, "php": true, "lua": true, "socat": true, "nc": true, "ncat": true}

var callName = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// allow adds an exception for one thing; false if none can say it.
func (d *draft) allow(v verdict.Decision, it Item) bool {
	x := policy.Exception{
		Name: fmt.Sprintf("learned-%d", len(d.p.Spec.Exceptions)+1), Controls: []policy.ControlID{v.Control},
		Reason: strings.ToValidUTF8(fmt.Sprintf("%.512s %.512s: seen %s while learning. Check that it is wanted.", it.Executable(), it.Object(), times(it.Count)), ""),
	}
	exe := strings.HasPrefix(it.Exe, "/") && policyGlob(it.Exe) == nil
	switch {
	case v.Control == policy.ReverseShell && shells[path.Base(it.Path)]:
		return false // an attack looks like this
	case v.Control == policy.AllowedExecutables || v.Control == policy.Outbound:
		return false // the list itself should have had it
	case it.Kind == wire.ProfileExec:
		if !strings.HasPrefix(it.Path, "/") || policyGlob(it.Path) != nil {
			return false
		}
		x.Paths = []policy.Glob{policy.Glob(it.Path)}
	case it.Kind == wire.ProfileConnect && exe && it.Address != "":
		a, err := netip.ParseAddr(it.Address)
		if err != nil {
			return false
		}
		x.Processes, x.CIDRs = []policy.Glob{policy.Glob(it.Exe)}, []policy.CIDR{policy.CIDR(a.WithZone("").String())}
		if it.Port > 0 && it.Port < 1<<16 {
			x.Ports = []policy.Ports{{First: uint16(it.Port), Last: uint16(it.Port)}}
		}
	case it.Kind == wire.ProfilePrivilege && exe && callName.MatchString(it.Call):
		x.Processes, x.Syscalls = []policy.Glob{policy.Glob(it.Exe)}, []policy.SyscallName{policy.SyscallName(it.Call)}
	case it.Kind == wire.ProfileFile && exe && strings.HasPrefix(it.Path, "/") && policyGlob(it.Path) == nil:
		x.Processes, x.Paths = []policy.Glob{policy.Glob(it.Exe)}, []policy.Glob{policy.Glob(it.Path)}
	case it.Kind == wire.ProfileSocket && exe:
		x.Processes = []policy.Glob{policy.Glob(it.Exe)}
	default:
		return false
	}
	d.p.Spec.Exceptions = append(d.p.Spec.Exceptions, x)
	d.check = append(d.check, fmt.Sprintf("%s speaks against %s (%s), which was seen %s; the exception %s allows it", v.Control.Title(), it.Executable(), it.Object(), times(it.Count), x.Name))
	return true
}

// weaken makes a control audit only.
func (d *draft) weaken(id policy.ControlID) {
	if d.p.Spec.Controls.SetMode(id, policy.Audit) {
		d.uncovered = append(d.uncovered, string(id)+" only audits: what was learned holds something against it that no exception can allow safely")
	}
}
