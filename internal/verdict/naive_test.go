package verdict

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// The naive evaluator: it reads the documents anew for every question, in the
// plainest way that their descriptions allow, and shares no code with Engine.

// violation is one control of one policy that speaks against an action.
type violation struct {
	control policy.ControlID
	setting policy.Setting
	rule    string
	policy  *policy.RuntimePolicy
}

// facts is what exceptions can be about.
type facts struct {
	proc    *action.Process
	path    string
	digest  string
	peer    netip.AddrPort
	name    string
	syscall string
}

func naiveGlob(pattern, s string) bool {
	if s == "" {
		return false
	}
	e := "^"
	for i := 0; i < len(pattern); i++ {
		switch {
		case strings.HasPrefix(pattern[i:], "**/"):
			e += "([^/]*/)*"
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			e += ".+"
			i++
		case pattern[i] == '*':
			e += "[^/]*"
		case pattern[i] == '?':
			e += "[^/]"
		default:
			e += regexp.QuoteMeta(pattern[i : i+1])
		}
	}
	return compiled(e + "$").MatchString(s)
}

var expressions = map[string]*regexp.Regexp{}

func compiled(e string) *regexp.Regexp {
	if expressions[e] == nil {
		expressions[e] = regexp.MustCompile(e)
	}
	return expressions[e]
}

func anyGlob[S ~string](patterns []S, s string) bool {
	return slices.ContainsFunc(patterns, func(p S) bool { return naiveGlob(string(p), s) })
}

func anyUser(users []policy.User, id uint32, w *Workload) bool {
	return slices.ContainsFunc(users, func(u policy.User) bool {
		var lo, hi uint32
		if n, _ := fmt.Sscanf(string(u), "%d-%d", &lo, &hi); n == 2 {
			return lo <= id && id <= hi
		}
		if n, _ := fmt.Sscanf(string(u), "%d", &lo); n == 1 {
			return lo == id
		}
		if u == "root" && len(w.Users) == 0 {
			return id == 0
		}
		got, ok := w.Users[string(u)]
		return ok && got == id
	})
}

func anyAddr(cidrs []policy.CIDR, a netip.Addr) bool {
	return slices.ContainsFunc(cidrs, func(c policy.CIDR) bool {
		if p, err := netip.ParsePrefix(string(c)); err == nil {
			return p.Contains(a)
		}
		return netip.MustParseAddr(string(c)) == a
	})
}

func anyPort(ports []policy.Ports, p uint16) bool {
	return slices.ContainsFunc(ports, func(r policy.Ports) bool { return r.First <= p && p <= r.Last })
}

func naivePeer(p netip.AddrPort) netip.Addr {
	switch a := p.Addr().Unmap(); a.String() {
	case "0.0.0.0":
		return netip.MustParseAddr("127.0.0.1")
	case "::":
		return netip.MustParseAddr("::1")
	default:
		return a
	}
}

// naiveDecide finds the strongest of what is left after exceptions.
func naiveDecide(vs []violation, f facts, w *Workload) Decision {
	best := Decision{}
	for _, v := range vs {
		mode := v.setting.Mode
		if w.GroupMode == policy.Off {
			mode = policy.Off
		}
		spec := &v.policy.Spec
		early := spec.EnforceAfterDays > 0 && (w.AssignedAt.IsZero() || w.Now.Sub(w.AssignedAt) < time.Duration(spec.EnforceAfterDays)*24*time.Hour)
		if mode == policy.Enforce && (w.GroupMode == policy.Audit || early) {
			mode = policy.Audit
		}
		if mode == policy.Off || naiveExcepted(v, f, w) {
			continue
		}
		d := Decision{Verdict: Audit, Mode: mode, Control: v.control, Rule: policy.RuleID(v.rule), Policy: v.policy.Metadata.Name}
		if mode == policy.Enforce {
			d.Verdict = Deny
			d.Kill = v.setting.Response == policy.ResponseKill || v.setting.Response == policy.ResponseStop
			d.Stop = v.setting.Response == policy.ResponseStop
		}
		if naiveBefore(d, best) {
			best = d
		}
	}
	return best
}

func naiveBefore(a, b Decision) bool {
	strength := func(d Decision) int {
		n := int(d.Verdict) * 10
		if d.Kill {
			n++
		}
		if d.Stop {
			n++
		}
		return n
	}
	if strength(a) != strength(b) {
		return strength(a) > strength(b)
	}
	place := func(id policy.ControlID) int {
		return slices.IndexFunc(policy.Registry(), func(c policy.ControlInfo) bool { return c.ID == id })
	}
	if a.Control != b.Control {
		return place(a.Control) < place(b.Control)
	}
	return a.Policy < b.Policy
}

func naiveExcepted(v violation, f facts, w *Workload) bool {
	for _, x := range v.policy.Spec.Exceptions {
		if len(x.Controls) > 0 && !slices.Contains(x.Controls, v.control) || x.Expires != nil && !w.Now.Before(*x.Expires) {
			continue
		}
		if len(x.Processes) > 0 && !anyGlob(x.Processes, f.proc.Exe) || len(x.Users) > 0 && !anyUser(x.Users, f.proc.UID, w) ||
			len(x.Paths) > 0 && !anyGlob(x.Paths, f.path) || len(x.CIDRs) > 0 && !anyAddr(x.CIDRs, naivePeer(f.peer)) ||
			len(x.Ports) > 0 && !anyPort(x.Ports, f.peer.Port()) {
			continue
		}
		if len(x.Digests) > 0 && !slices.ContainsFunc(x.Digests, func(d policy.Digest) bool { return d.String() == f.digest && f.digest != "" }) {
			continue
		}
		if len(x.DNSNames) > 0 && !naiveHost(x.DNSNames, f.name) {
			continue
		}
		if len(x.Syscalls) > 0 && !slices.Contains(x.Syscalls, policy.SyscallName(f.syscall)) {
			continue
		}
		return true
	}
	return false
}

func naiveScope(p *policy.RuntimePolicy, w *Workload) bool {
	s := &p.Spec.Scope
	if len(s.Groups) > 0 && !slices.Contains(s.Groups, w.Group) {
		return false
	}
	for k, v := range s.Labels {
		if w.Labels[k] != v {
			return false
		}
	}
	if len(s.Images) == 0 {
		return true
	}
	plain := strings.Split(w.Image, "@")[0]
	bare := regexp.MustCompile(`:[^/:]*$`).ReplaceAllString(plain, "")
	for _, g := range s.Images {
		if naiveGlob(string(g), w.Image) || naiveGlob(string(g), plain) || naiveGlob(string(g), bare) {
			return true
		}
	}
	return false
}

func naiveExec(ps []*policy.RuntimePolicy, w *Workload, a *action.Exec) Decision {
	var vs []violation
	for _, p := range ps {
		if !naiveScope(p, w) {
			continue
		}
		c := &p.Spec.Controls
		add := func(id policy.ControlID, s policy.Setting, rule string) {
			if rule != "" {
				vs = append(vs, violation{id, s, rule, p})
			}
		}
		if k := c.AllowedExecutables; k != nil {
			switch {
			case a.Unverified:
				add(policy.AllowedExecutables, k.Setting, "unverified")
			case naiveListed(k, w, a, a.Path, lastPart(a.Path), a.Digest.String()) == "", naiveUnlisted(k, w, a):
				add(policy.AllowedExecutables, k.Setting, "not-listed")
			}
		}
		if k := c.DeniedExecutables; k != nil {
			rule := naiveListed(k, w, a, a.Path, lastPart(a.Path), a.Digest.String())
			if rule == "" && a.Script {
				rule = naiveListed(k, w, a, a.Interpreter, lastPart(a.Interpreter), "")
			}
			if rule == "" {
				rule = naiveListedRef(k, w, a)
			}
			if rule == "" {
				rule = naiveListed(k, w, a, a.Requested, lastPart(a.Requested), "")
			}
			digests := len(k.Digests) > 0 || slices.ContainsFunc(k.Rules, func(r policy.ExecutableRule) bool { return len(r.Digests) > 0 })
			if rule == "" && (a.Unverified || digests && a.Digest.IsZero() && runnable(a)) {
				rule = "unverified"
			}
			add(policy.DeniedExecutables, k.Setting, rule)
		}
		if k := c.Drift; k != nil {
			rule := map[action.Origin]string{action.OriginModified: "modified", action.OriginDrifted: "drifted", action.OriginMoved: "moved", action.OriginUnreadable: "unverified"}[a.Origin]
			if rule == "moved" && k.AllowMoved {
				rule = ""
			}
			if rule == "" && !k.AllowLoader && slices.ContainsFunc(a.Refs, func(r action.Ref) bool { return r.Kind == action.RefLoader }) && a.Origin != action.OriginUnreadable {
				rule = "loader"
			}
			if rule != "loader" && a.Script && (k.AllowScripts || anyGlob(k.AllowedScripts, a.Path)) {
				rule = ""
			}
			if !runnable(a) {
				rule = ""
			}
			if a.Unverified {
				rule = "unverified"
			}
			if anyGlob(k.AllowedPaths, a.Path) {
				rule = ""
			}
			image := []action.Origin{action.OriginUnknown, action.OriginImage}
			if k.AllowMoved {
				image = append(image, action.OriginMoved)
			}
			if rule == "" && a.Script && runnable(a) && !slices.Contains(image, a.InterpOrigin) && !anyGlob(k.AllowedPaths, a.Interpreter) {
				rule = "interpreter"
			}
			if rule == "" {
				rule = naiveDriftRefs(k, a)
			}
			add(policy.Drift, k.Setting, rule)
		}
		if k := c.Fileless; k != nil && a.Fileless && !anyGlob(k.AllowedPaths, a.Path) {
			rule := "tmpfs"
			if a.Path == "" {
				rule = "memory"
			}
			add(policy.Fileless, k.Setting, rule)
		}
		if k := c.Users; k != nil {
			add(policy.Users, k.Setting, naiveUsers(k, w, a))
		}
		if k := c.Interpreters; k != nil {
			add(policy.Interpreters, k.Setting, naiveInterpreters(k, a))
		}
		if k := c.Preload; k != nil {
			add(policy.Preload, k.Setting, naivePreload(k, a))
		}
		if k := c.SetuidBinaries; k != nil && !a.Script && !anyGlob(k.AllowedPaths, a.Path) {
			switch {
			case a.File.Mode&0o4000 != 0:
				add(policy.SetuidBinaries, k.Setting, "setuid")
			case a.File.Mode&0o2010 == 0o2010 && !k.IgnoreSetgid:
				add(policy.SetuidBinaries, k.Setting, "setgid")
			}
		}
		for id, mask := range map[policy.ControlID]uint8{policy.ReverseShell: a.SocketFDs, policy.BindShell: a.SocketFDs & a.AcceptedFDs} {
			k := map[policy.ControlID]*policy.ShellControl{policy.ReverseShell: c.ReverseShell, policy.BindShell: c.BindShell}[id]
			if k == nil || mask == 0 {
				continue
			}
			peer := naivePeer(a.SocketPeer)
			if !anyGlob(k.AllowedProcesses, a.Path) && !anyGlob(k.AllowedParents, a.Proc.Exe) && !anyAddr(k.AllowedPeers, peer) && !(k.AllowLoopback && peer.IsLoopback()) {
				var fds []string
				for i, name := range []string{"stdin", "stdout", "stderr"} {
					if mask&(1<<i) != 0 {
						fds = append(fds, name)
					}
				}
				add(id, k.Setting, strings.Join(fds, "+"))
			}
		}
	}
	return naiveDecide(vs, facts{proc: a.Proc, path: a.Path, digest: a.Digest.String()}, w)
}

// runnable says that the kernel would try to run the object.
func runnable(a *action.Exec) bool {
	return a.File.Mode == 0 || a.File.Mode>>12 == 8 && a.File.Mode&0o111 != 0
}

func lastPart(p string) string {
	parts := strings.Split(p, "/")
	return parts[len(parts)-1]
}

func naiveListed(k *policy.ExecutableControl, w *Workload, a *action.Exec, path, name, digest string) string {
	for i, g := range k.Paths {
		if naiveGlob(string(g), path) {
			return fmt.Sprintf("paths[%d]", i)
		}
	}
	for i, g := range k.Names {
		if naiveGlob(string(g), name) {
			return fmt.Sprintf("names[%d]", i)
		}
	}
	for i, d := range k.Digests {
		if d.String() == digest && digest != "" {
			return fmt.Sprintf("digests[%d]", i)
		}
	}
	for i, r := range k.Rules {
		hit := anyGlob(r.Paths, path) || anyGlob(r.Names, name) ||
			slices.ContainsFunc(r.Digests, func(d policy.Digest) bool { return digest != "" && d.String() == digest })
		if hit && (len(r.Users) == 0 || anyUser(r.Users, a.Proc.UID, w)) && (len(r.Parents) == 0 || anyGlob(r.Parents, a.Proc.Exe)) {
			if r.Name != "" {
				return r.Name
			}
			return fmt.Sprintf("rules[%d]", i)
		}
	}
	return ""
}
