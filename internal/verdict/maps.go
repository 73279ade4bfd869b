package verdict

import (
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// Rules about memory that becomes executable.
const (
	RuleLibrary     policy.RuleID = "library"       // drift: a shared object that is not the image's
	RuleRWX         policy.RuleID = "rwx"           // memory that is writable and executable at once
	RuleAnonymous   policy.RuleID = "anonymous"     // mmap of executable memory without a file
	RuleMprotect    policy.RuleID = "mprotect"      // memory without a file becomes executable
	RuleRelocated   policy.RuleID = "modified"      // pages of a file that were changed in memory
	RuleMemfd       policy.RuleID = "memfd"         // a file without a name
	RuleWritable    policy.RuleID = "writable-file" // a shared mapping that is both
	RuleShared      policy.RuleID = "shared"        // shmat with SHM_EXEC
	RulePersonality policy.RuleID = "personality"   // READ_IMPLIES_EXEC
)

func (c *compiler) addMap(src *source, match func(*action.Map) policy.RuleID) {
	c.e.needs.Maps = true
	c.e.maps = append(c.e.maps, check[action.Map]{src, match})
}

// Map judges memory that becomes executable.
func (e *Engine) Map(a *action.Map) Decision {
	return first(e.maps, a, subject{proc: a.Proc, path: a.Path, digest: a.Digest, syscall: a.Syscall})
}

// anonymous compiles anonymousExecutable.
func (c *compiler) anonymous(k *policy.Controls) {
	if k.AnonymousExecutable == nil {
		return
	}
	if src := c.source(policy.AnonymousExecutable, k.AnonymousExecutable.Setting); src != nil {
		c.e.needs.Anon = true
		allowed := c.paths(k.AnonymousExecutable.AllowedProcesses)
		c.addMap(src, func(a *action.Map) policy.RuleID {
			if a.Proc != nil && allowed.has(a.Proc.Exe) {
				return ""
			}
			return anonymousRule(a)
		})
	}
}

func anonymousRule(a *action.Map) policy.RuleID {
	switch {
	case a.Unverified:
		return RuleUnverified
	case a.Kind == action.MapAll:
		return RulePersonality
	case a.Kind == action.MapShared:
		return RuleShared
	case a.Kind == action.MapModified:
		return RuleRelocated
	case a.Kind == action.MapAnonymous && a.Writable:
		return RuleRWX
	case a.Kind == action.MapAnonymous && a.Syscall == "mmap":
		return RuleAnonymous
	case a.Kind == action.MapAnonymous:
		return RuleMprotect
	case a.Fileless && a.Path == "":
		return RuleMemfd
	case a.Writable:
		return RuleWritable
	}
	return ""
}

// library judges a file that is mapped executable. What has no name is for
// fileless and anonymousExecutable: just-in-time compilers map such files.
func (d *drifts) library(a *action.Map) policy.RuleID {
	if a.Proc != nil && d.loaders.has(a.Proc.Exe) {
		return ""
	}
	switch {
	case a.Kind == action.MapAll:
		return RulePersonality // no file would be asked about any more
	case a.Kind != action.MapFile && a.Kind != action.MapModified:
		return ""
	case a.Unverified:
		return RuleUnverified
	case a.Path == "" && a.Fileless || d.paths.has(a.Path):
		return ""
	case d.foreign(a.Origin):
		return RuleLibrary
	}
	return ""
}

// filelessLibrary judges a library that lies in memory.
func filelessLibrary(a *action.Map, allowed *pathSet) policy.RuleID {
	switch {
	case a.Kind == action.MapAll:
		return RulePersonality
	case !a.Fileless || !a.ELF || allowed.has(a.Path):
		return ""
	case a.Path == "":
		return RuleMemory
	}
	return RuleTmpfs
}
