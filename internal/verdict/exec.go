package verdict

import (
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

// Rules that have no name of their own in a policy.
const (
	RuleNotListed  policy.RuleID = "not-listed"  // an allow list holds nothing that matches
	RuleUnverified policy.RuleID = "unverified"  // what would really run could not be looked at
	RuleModified   policy.RuleID = "modified"    // drift: the path is the image's, the content is not
	RuleDrifted    policy.RuleID = "drifted"     // drift: neither is the image's
	RuleMoved      policy.RuleID = "moved"       // drift: the content is the image's, the path is not
	RuleLoader     policy.RuleID = "loader"      // drift: ld.so was asked to run a file
	RuleInterp     policy.RuleID = "interpreter" // drift: the script's interpreter is not the image's
	RuleMemory     policy.RuleID = "memory"      // fileless: memfd or deleted file
	RuleTmpfs      policy.RuleID = "tmpfs"       // fileless: a memory file system
	RuleSetuid     policy.RuleID = "setuid"
	RuleSetgid     policy.RuleID = "setgid"
)

func (c *compiler) addExec(src *source, match func(*action.Exec) policy.RuleID) {
	c.e.exec = append(c.e.exec, check[action.Exec]{src, match})
}

// executables compiles the controls that judge programs.
func (c *compiler) executables(k *policy.Controls) {
	if k.AllowedExecutables != nil {
		if src := c.source(policy.AllowedExecutables, k.AllowedExecutables.Setting); src != nil {
			c.e.needs.Refs = true
			l := c.execList(k.AllowedExecutables)
			c.addExec(src, l.allow)
		}
	}
	if k.DeniedExecutables != nil {
		if src := c.source(policy.DeniedExecutables, k.DeniedExecutables.Setting); src != nil {
			c.e.needs.Refs = true
			l := c.execList(k.DeniedExecutables)
			c.addExec(src, l.deny)
		}
	}
	if k.Drift != nil {
		if src := c.source(policy.Drift, k.Drift.Setting); src != nil {
			c.e.needs.Digest, c.e.needs.Origin, c.e.needs.Refs = true, true, true
			d := &drifts{DriftControl: k.Drift, paths: c.paths(k.Drift.AllowedPaths), scripts: c.paths(k.Drift.AllowedScripts),
				loaders: c.paths(k.Drift.LibraryProcesses)}
			c.addExec(src, d.match)
			if !k.Drift.AllowLibraries {
				c.addMap(src, d.library)
			}
		}
	}
	if k.Fileless != nil {
		if src := c.source(policy.Fileless, k.Fileless.Setting); src != nil {
			allowed := c.paths(k.Fileless.AllowedPaths)
			c.addExec(src, func(a *action.Exec) policy.RuleID {
				switch {
				case !a.Fileless || allowed.has(a.Path):
					return ""
				case a.Path == "":
					return RuleMemory
				}
				return RuleTmpfs
			})
			c.addMap(src, func(a *action.Map) policy.RuleID { return filelessLibrary(a, allowed) })
		}
	}
	if k.PackageManagers != nil {
		if src := c.source(policy.PackageManagers, k.PackageManagers.Setting); src != nil {
			m := &packageManagers{more: c.names(k.PackageManagers.Names), allowed: c.names(k.PackageManagers.Allowed),
				ids: ruleIDs("names", len(k.PackageManagers.Names))}
			c.addExec(src, m.match)
		}
	}
	if k.SetuidBinaries != nil {
		if src := c.source(policy.SetuidBinaries, k.SetuidBinaries.Setting); src != nil {
			allowed, ignoreSetgid := c.paths(k.SetuidBinaries.AllowedPaths), k.SetuidBinaries.IgnoreSetgid
			c.addExec(src, func(a *action.Exec) policy.RuleID {
				return setuidRule(a, allowed, ignoreSetgid)
			})
		}
	}
	if k.ReverseShell != nil {
		if src := c.source(policy.ReverseShell, k.ReverseShell.Setting); src != nil {
			c.e.needs.SocketFDs = true
			s := &shells{ShellControl: k.ReverseShell, programs: c.paths(k.ReverseShell.AllowedProcesses),
				parents: c.paths(k.ReverseShell.AllowedParents), peers: c.addrs(k.ReverseShell.AllowedPeers)}
			c.addShells(src, s)
		}
	}
	if k.BindShell != nil {
		if src := c.source(policy.BindShell, k.BindShell.Setting); src != nil {
			c.e.needs.SocketFDs = true
			s := &shells{ShellControl: k.BindShell, programs: c.paths(k.BindShell.AllowedProcesses), accepted: true,
				parents: c.paths(k.BindShell.AllowedParents), peers: c.addrs(k.BindShell.AllowedPeers)}
			c.addShells(src, s)
		}
	}
}

// Bits of st_mode (inode(7)).
const (
	modeSetuid = 0o4000
	modeSetgid = 0o2000
	modeGroupX = 0o0010
)

func setuidRule(a *action.Exec, allowed *pathSet, ignoreSetgid bool) policy.RuleID {
	var rule policy.RuleID
	switch {
	case a.Script: // the kernel ignores the bits of scripts
		return ""
	case a.File.Mode&modeSetuid != 0:
		rule = RuleSetuid
	case !ignoreSetgid && a.File.Mode&(modeSetgid|modeGroupX) == modeSetgid|modeGroupX:
		rule = RuleSetgid
	default:
		return ""
	}
	if allowed.has(a.Path) {
		return ""
	}
	return rule
}

// drifts judges a program by its origin.
type drifts struct {
	*policy.DriftControl
	paths, scripts, loaders *pathSet
}

func (d *drifts) match(a *action.Exec) policy.RuleID {
	rule := d.rule(a)
	if rule != "" && !d.paths.has(a.Path) && !(a.Script && rule != RuleLoader && !a.Unverified && (d.AllowScripts || d.scripts.has(a.Path))) {
		return rule
	}
	// An allowed script, or one of the image, still runs its interpreter.
	if a.Script && d.foreign(a.InterpOrigin) && !refused(a.File.Mode) && !d.paths.has(a.Interpreter) {
		return RuleInterp
	}
	return d.refs(a)
}

// foreign says that a file of that origin is not the image's own.
func (d *drifts) foreign(o action.Origin) bool {
	switch o {
	case action.OriginUnknown, action.OriginImage:
		return false
	case action.OriginMoved:
		return !d.AllowMoved
	}
	return true
}

func (d *drifts) rule(a *action.Exec) policy.RuleID {
	if a.Unverified {
		return RuleUnverified
	}
	if refused(a.File.Mode) {
		return ""
	}
	switch a.Origin {
	case action.OriginUnreadable:
		return RuleUnverified
	case action.OriginModified:
		return RuleModified
	case action.OriginDrifted:
		return RuleDrifted
	case action.OriginMoved:
		if !d.AllowMoved {
			return RuleMoved
		}
	}
	if !d.AllowLoader {
		if _, ok := loaded(a); ok || loadedRef(a) != nil {
			return RuleLoader
		}
	}
	return ""
}

// refused says that the kernel itself refuses to run an object of this mode:
// it is no regular file, or has no execute bit. A change of the object is seen
// when the program is looked at again before its first instruction.
func refused(mode uint32) bool {
	const typeMask, regular = 0o170000, 0o100000
	return mode&typeMask != 0 && (mode&typeMask != regular || mode&0o111 == 0)
}

// shells judges a program by what its standard descriptors are.
type shells struct {
	*policy.ShellControl
	programs, parents *pathSet
	peers             addrSet
	accepted          bool // only connections that others started
}

// shellRules names the rule by the mask of descriptors that are sockets.
var shellRules = [8]policy.RuleID{"", "stdin", "stdout", "stdin+stdout", "stderr", "stdin+stderr", "stdout+stderr", "stdin+stdout+stderr"}

func (s *shells) match(a *action.Exec) policy.RuleID {
	mask := a.SocketFDs & 7
	if s.accepted {
		mask &= a.AcceptedFDs
	}
	if mask == 0 || s.programs.has(a.Path) || a.Proc != nil && s.parents.has(a.Proc.Exe) {
		return ""
	}
	if s.trusts(a.SocketPeer) {
		return ""
	}
	return shellRules[mask]
}

// execList is a compiled allow or deny list of programs.
type execList struct {
	paths                       *pathSet
	names                       *nameSet
	digests                     map[workload.Digest]int
	rules                       []execRule
	pathIDs, nameIDs, digestIDs []policy.RuleID
	byDigest                    bool // some entry is a digest
}

type execRule struct {
	id      policy.RuleID
	paths   *pathSet
	names   *nameSet
	digests map[workload.Digest]int
	users   userSet
	parents *pathSet
}

func (c *compiler) execList(k *policy.ExecutableControl) *execList {
	l := &execList{
		paths: c.paths(k.Paths), names: c.names(k.Names), digests: digestSet(k.Digests),
		pathIDs: ruleIDs("paths", len(k.Paths)), nameIDs: ruleIDs("names", len(k.Names)), digestIDs: ruleIDs("digests", len(k.Digests)),
	}
	needDigest := len(k.Digests) > 0
	for i, r := range k.Rules {
		l.rules = append(l.rules, execRule{
			id: ruleName(r.Name, "rules", i), paths: c.paths(r.Paths), names: c.names(r.Names), digests: digestSet(r.Digests),
			users: c.users(r.Users), parents: c.paths(r.Parents),
		})
		needDigest = needDigest || len(r.Digests) > 0
	}
	l.byDigest = needDigest
	c.e.needs.Digest = c.e.needs.Digest || needDigest
	return l
}

// allow gives the violation of an allow list.
func (l *execList) allow(a *action.Exec) policy.RuleID {
	if a.Unverified {
		return RuleUnverified
	}
	name := base(a.Path)
	if applet := applet(a); applet != "" && l.names.find(name) == none {
		name = applet
	}
	if l.find(a, a.Path, name, a.Digest) == "" {
		return RuleNotListed
	}
	// What the loader is asked to run must be on the list as well.
	target, ok := loaded(a)
	digest := workload.Digest{}
	if r := loadedRef(a); r != nil {
		target, ok = r.Name, true
		if r.Path != "" {
			target, digest = r.Path, r.Digest
		}
	}
	if ok && l.find(a, target, base(target), digest) == "" {
		return RuleNotListed
	}
	return ""
}

// deny gives the violation of a deny list. It also looks at what the program
// really is or runs: the interpreter of a script, the applet of a multi-call
// program, the file that the loader is given, the name it was asked for by.
func (l *execList) deny(a *action.Exec) policy.RuleID {
	if r := l.find(a, a.Path, base(a.Path), a.Digest); r != "" {
		return r
	}
	if a.Script {
		if r := l.find(a, a.Interpreter, base(a.Interpreter), workload.Digest{}); r != "" {
			return r
		}
	}
	if name := applet(a); name != "" {
		if r := l.find(a, "", name, workload.Digest{}); r != "" {
			return r
		}
	}
	if target, ok := loaded(a); ok {
		if r := l.find(a, target, base(target), workload.Digest{}); r != "" {
			return r
		}
	}
	for i := range a.Refs {
		switch ref := &a.Refs[i]; ref.Kind {
		case action.RefLoader:
			if r := l.find(a, ref.Path, base(ref.Path), ref.Digest); r != "" {
				return r
			}
		case action.RefApplet:
			if r := l.find(a, "", ref.Name, workload.Digest{}); r != "" {
				return r
			}
		}
	}
	if r := l.find(a, a.Requested, base(a.Requested), workload.Digest{}); r != "" {
		return r
	}
	if a.Unverified || l.byDigest && a.Digest.IsZero() && !refused(a.File.Mode) {
		return RuleUnverified
	}
	return ""
}

// find gives the first rule that lists a program under a path, name or digest.
func (l *execList) find(a *action.Exec, path, name string, digest workload.Digest) policy.RuleID {
	if i := l.paths.find(path); i != none {
		return l.pathIDs[i]
	}
	if i := l.names.find(name); i != none {
		return l.nameIDs[i]
	}
	if l.digests != nil && !digest.IsZero() {
		if i, ok := l.digests[digest]; ok {
			return l.digestIDs[i]
		}
	}
	for i := range l.rules {
		r := &l.rules[i]
		if a.Proc == nil && (r.users.set || r.parents != nil) {
			continue
		}
		if r.users.set && !r.users.has(a.Proc.UID) || r.parents != nil && !r.parents.has(a.Proc.Exe) {
			continue
		}
		if r.paths.has(path) || r.names.find(name) != none {
			return r.id
		}
		if r.digests != nil && !digest.IsZero() {
			if _, ok := r.digests[digest]; ok {
				return r.id
			}
		}
	}
	return ""
}
