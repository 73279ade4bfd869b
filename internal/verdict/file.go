package verdict

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// RuleAbove is a folder that would be moved away with files that a rule
// protects.
const RuleAbove policy.RuleID = "folder-above"

// fileCheck is a check that looks at some accesses only.
type fileCheck struct {
	check[action.FileOp]
	access action.FileAccess
}

// FileNeed says how strongly an engine judges files: the strongest verdict
// that is possible.
type FileNeed struct {
	Reads, Changes Verdict
	Memory         Verdict // opens for writing of a process's memory (injection), or of what leads into the kernel (kernelInterfaces)
}

// What each control looks at. Whoever gives a file another name could do what
// is forbidden under the old one.
const (
	readAccess  = action.FileRead | action.FileMove | action.FileLink
	writeAccess = action.FileModify | action.FileCreate | action.FileMove | action.FileLink
	logAccess   = action.FileModify | action.FileDelete | action.FileMove | action.FileLink
)

// files compiles the controls that judge files.
func (c *compiler) files(k *policy.Controls) {
	for _, f := range []struct {
		id     policy.ControlID
		k      *policy.FileControl
		access action.FileAccess
	}{
		{policy.FileRead, k.FileRead, readAccess},
		{policy.FileWrite, k.FileWrite, writeAccess},
		{policy.ReadOnlyFiles, k.ReadOnlyFiles, action.FileChange},
	} {
		if f.k == nil {
			continue
		}
		if src := c.source(f.id, f.k.Setting); src != nil {
			c.addFile(src, f.access, c.fileList(f.k).match)
			c.speaks(f.id, f.k.Paths)
			for _, r := range f.k.Rules {
				c.speaks(f.id, r.Paths)
			}
		}
	}
	if k.FileIntegrity != nil {
		if src := c.source(policy.FileIntegrity, k.FileIntegrity.Setting); src != nil {
			i := c.integrity(k.FileIntegrity)
			c.e.integrity = append(c.e.integrity, fileCheck{check[action.FileOp]{src, i.match}, i.access})
			c.speaks(policy.FileIntegrity, k.FileIntegrity.Paths)
		}
	}
	if k.Honeypots != nil {
		c.honeypots(k.Honeypots)
	}
	if k.SystemTampering != nil && len(k.SystemTampering.LogPaths) > 0 {
		if src := c.shared(policy.SystemTampering, k.SystemTampering.Setting); src != nil {
			l := &logs{paths: c.paths(k.SystemTampering.LogPaths), ids: ruleIDs("logPaths", len(k.SystemTampering.LogPaths)),
				allowed: c.paths(k.SystemTampering.AllowedProcesses)}
			c.addFile(src, logAccess, l.match)
			c.e.needs.Logs = true
			c.speaks(policy.SystemTampering, k.SystemTampering.LogPaths)
		}
	}
	if k.Volumes != nil {
		if src := c.source(policy.Volumes, k.Volumes.Setting); src != nil {
			c.e.volumes = append(c.e.volumes, volumeCheck{src, c.paths(k.Volumes.Paths), ruleIDs("paths", len(k.Volumes.Paths))})
		}
	}
}

func (c *compiler) honeypots(k *policy.HoneypotControl) {
	src := c.source(policy.Honeypots, k.Setting)
	if src == nil {
		return
	}
	if len(k.Paths) == 0 {
		return
	}
	c.speaks(policy.Honeypots, k.Paths)
	c.e.baits = append(c.e.baits, k.Paths...)
	paths, ids := c.paths(k.Paths), ruleIDs("paths", len(k.Paths))
	c.addFile(src, action.FileRead|action.FileChange, func(a *action.FileOp) policy.RuleID {
		if i := paths.find(a.Path); i != none {
			return ids[i]
		}
		return ""
	})
}

// Baits are the honeypots' paths.
func (e *Engine) Baits() []policy.Glob { return e.baits }

func (c *compiler) addFile(src *source, access action.FileAccess, match func(*action.FileOp) policy.RuleID) {
	c.e.file = append(c.e.file, fileCheck{check[action.FileOp]{src, match}, access})
}

// shared is the source of a control that has a part elsewhere.
func (c *compiler) shared(id policy.ControlID, s policy.Setting) *source {
	for _, src := range c.e.sources {
		if src.control == id && src.policy == c.p.Metadata.Name {
			if src.mode == policy.Off {
				return nil
			}
			return src
		}
	}
	return c.source(id, s)
}

// fileList is a compiled policy.FileControl.
type fileList struct {
	paths, except *pathSet
	ids           []policy.RuleID
	rules         []fileRule
}

type fileRule struct {
	id                       policy.RuleID
	paths, except, processes *pathSet
	users                    userSet
}

func (c *compiler) fileList(k *policy.FileControl) *fileList {
	l := &fileList{paths: c.paths(k.Paths), except: c.paths(k.Except), ids: ruleIDs("paths", len(k.Paths))}
	for i, r := range k.Rules {
		l.rules = append(l.rules, fileRule{
			id: ruleName(r.Name, "rules", i), paths: c.paths(r.Paths), except: c.paths(r.Except), processes: c.paths(r.Processes), users: c.users(r.Users),
		})
	}
	return l
}

func (l *fileList) match(a *action.FileOp) policy.RuleID {
	if i := l.paths.find(a.Path); i != none && !l.except.has(a.Path) {
		return l.ids[i]
	}
	moved := a.Access&action.FileMove != 0 && a.Dir()
	if moved && l.paths.holds(a.Path) {
		return RuleAbove
	}
	for i := range l.rules {
		r := &l.rules[i]
		if (r.processes != nil || r.users.set) && a.Proc == nil || r.processes != nil && !r.processes.has(a.Proc.Exe) || r.users.set && !r.users.has(a.Proc.UID) {
			continue
		}
		if r.paths.has(a.Path) && !r.except.has(a.Path) {
			return r.id
		}
		if moved && r.paths.holds(a.Path) {
			return RuleAbove
		}
	}
	return ""
}

// logs are files that may only grow.
type logs struct {
	paths, allowed *pathSet
	ids            []policy.RuleID
}

func (l *logs) match(a *action.FileOp) policy.RuleID {
	const gone = action.FileDelete | action.FileMove | action.FileLink
	switch {
	case a.Access&gone != 0:
	case a.Access&action.FileModify != 0 && a.Access&(action.FileAppend|action.FileCreate) == 0:
	default:
		return ""
	}
	if a.Proc != nil && l.allowed.has(a.Proc.Exe) {
		return ""
	}
	if i := l.paths.find(a.Path); i != none {
		return l.ids[i]
	}
	if a.Access&action.FileMove != 0 && a.Dir() && l.paths.holds(a.Path) {
		return RuleAbove
	}
	return ""
}

// integrity is a compiled policy.FileIntegrityControl.
type integrity struct {
	paths, except, processes *pathSet
	users                    userSet
	access                   action.FileAccess
	ids                      []policy.RuleID
}

// operationAccess says which accesses an operation of fileIntegrity is.
func operationAccess(o policy.FileOperation) action.FileAccess {
	switch o {
	case "create":
		return action.FileCreate
	case "modify":
		return action.FileModify
	case "delete":
		return action.FileDelete | action.FileMove
	case "attributes":
		return action.FileAttributes
	case "read":
		return action.FileRead
	}
	return 0
}

func (c *compiler) integrity(k *policy.FileIntegrityControl) *integrity {
	i := &integrity{paths: c.paths(k.Paths), except: c.paths(k.Except), processes: c.paths(k.IgnoredProcesses), users: c.users(k.IgnoredUsers), ids: ruleIDs("paths", len(k.Paths))}
	operations := k.Operations
	if len(operations) == 0 {
		operations = []policy.FileOperation{"create", "modify", "delete", "attributes"}
	}
	for _, o := range operations {
		i.access |= operationAccess(o)
	}
	return i
}

func (i *integrity) match(a *action.FileOp) policy.RuleID {
	n := i.paths.find(a.Path)
	if n == none || i.except.has(a.Path) || a.Proc != nil && (i.processes.has(a.Proc.Exe) || i.users.has(a.Proc.UID)) {
		return ""
	}
	return i.ids[n]
}

// File judges one use of one file.
func (e *Engine) File(a *action.FileOp) Decision { return judgeFile(e.file, a) }

// Integrity judges one use of one file by fileIntegrity alone, which wants to
// know of it whatever the other controls say.
func (e *Engine) Integrity(a *action.FileOp) Decision { return judgeFile(e.integrity, a) }

func judgeFile(list []fileCheck, a *action.FileOp) Decision {
	for i := range list {
		c := &list[i]
		if a.Access&c.access == 0 {
			continue
		}
		rule := c.match(a)
		if rule == "" {
			continue
		}
		s := subject{proc: a.Proc, path: a.Path, syscall: a.Syscall}
		if c.src.excepted(&s) {
			continue
		}
		return c.src.decision(rule)
	}
	return Decision{}
}

// RuleDescriptors is about descriptors that a process outside hands over: no
// open of theirs was judged.
const RuleDescriptors policy.RuleID = "descriptors"

// Descriptors judges a connection over which descriptors of files can come from
// outside, where rules say which files may be used. It is only told of: whom a
// workload may speak to is for rules about unix sockets.
func (e *Engine) Descriptors() Decision {
	for i := range e.file {
		switch src := e.file[i].src; src.control {
		case policy.FileRead, policy.FileWrite, policy.ReadOnlyFiles:
			d := src.decision(RuleDescriptors)
			d.Verdict, d.Kill, d.Stop = Audit, false, false
			return d
		}
	}
	return Decision{}
}

// fileNeeds says what the file checks look at.
func (e *Engine) fileNeeds() {
	for _, kind := range []action.PrivilegeKind{action.PrivTrace, action.PrivKernel} {
		for i := range e.privilege[kind] {
			e.needs.Files.Memory = max(e.needs.Files.Memory, e.privilege[kind][i].src.verdict)
		}
	}
	for _, list := range [][]fileCheck{e.file, e.integrity} {
		for i := range list {
			c := &list[i]
			if c.access&action.FileRead != 0 {
				e.needs.Files.Reads = max(e.needs.Files.Reads, c.src.verdict)
			}
			if c.access&action.FileChange != 0 {
				e.needs.Files.Changes = max(e.needs.Files.Changes, c.src.verdict)
			}
		}
	}
}

// FileAbove judges a folder that would be moved away and holds more than
// anybody could look through.
func (e *Engine) FileAbove() Decision {
	for i := range e.file {
		if e.file[i].access&action.FileMove != 0 {
			return e.file[i].src.decision(RuleAbove)
		}
	}
	return Decision{}
}

// speaks keeps the patterns of a control's rules about files.
func (c *compiler) speaks(id policy.ControlID, patterns []policy.Glob) {
	if c.e.named == nil {
		c.e.named = map[policy.ControlID][]policy.Glob{}
	}
	c.e.named[id] = append(c.e.named[id], patterns...)
	if id != policy.FileIntegrity {
		c.e.patterns = append(c.e.patterns, patterns...)
	}
}

// FilePatterns are the patterns of every rule about files but those of
// fileIntegrity.
func (e *Engine) FilePatterns() []policy.Glob { return e.patterns }

// FilePatternsOf are those of one control.
func (e *Engine) FilePatternsOf(id policy.ControlID) []policy.Glob { return e.named[id] }

// FileNeeds gives how strongly files are judged.
func (e *Engine) FileNeeds() FileNeed { return e.needs.Files }

// ReadsFiles says that a control judges opens for reading.
func (e *Engine) ReadsFiles(id policy.ControlID) bool {
	for _, list := range [][]fileCheck{e.file, e.integrity} {
		for i := range list {
			if list[i].src.control == id && list[i].access&action.FileRead != 0 {
				return true
			}
		}
	}
	return false
}

// Volume is a place where something is mounted.
type Volume struct {
	Point  string // where
	Root   string // of the mounted tree in its file system: for a bind mount, a path on the host
	Source string // a device, or what the file system says
}

type volumeCheck struct {
	src   *source
	paths *pathSet
	ids   []policy.RuleID
}

// Volume judges a mount that was made from outside.
func (e *Engine) Volume(v *Volume) Decision {
	for i := range e.volumes {
		c := &e.volumes[i]
		for _, p := range [...]string{v.Point, v.Root, v.Source} {
			if p == "/" {
				continue // the container's own root, and every file system's
			}
			if n := c.paths.find(p); n != none {
				if c.src.excepted(&subject{path: p}) {
					continue
				}
				return c.src.decision(c.ids[n])
			}
		}
	}
	return Decision{}
}

// holds says that a pattern names something below dir for certain: by a name
// without wildcards, or by the part before its first.
func (s *pathSet) holds(dir string) bool {
	if s == nil || dir == "" || dir[0] != '/' {
		return false
	}
	for p := range s.exact {
		if strings.HasPrefix(p, dir) && len(p) > len(dir) && p[len(dir)] == '/' {
			return true
		}
	}
	n := s.root
	for part := range strings.SplitSeq(dir[1:], "/") {
		if n == nil {
			return false
		}
		n = n.children[part]
	}
	return n != nil
}
