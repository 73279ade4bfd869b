package verdict

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// Rules of interpreters, preload and of drift's look at references.
const (
	RuleScript     policy.RuleID = "script" // drift: an interpreter was given a program that is not the image's
	RuleLoaded     policy.RuleID = "loaded" // drift, with allowLoader: what ld.so was given is not the image's
	RuleApplet     policy.RuleID = "applet"
	RuleWrapper    policy.RuleID = "wrapper"
	RuleInlineCode policy.RuleID = "inlineCode"
)

// indirections compiles the controls that judge what a program is made to run
// or load.
func (c *compiler) indirections(k *policy.Controls) {
	if k.Interpreters != nil {
		if src := c.source(policy.Interpreters, k.Interpreters.Setting); src != nil {
			n := &c.e.needs
			n.Refs = true
			i := &interpreters{scripts: c.paths(k.Interpreters.AllowedScripts)}
			for _, d := range k.Interpreters.Deny {
				switch d {
				case "loader":
					i.loader = true
				case "applet":
					i.applet = true
				case "wrapper":
					i.wrapper = true
				case "script":
					i.script = true
					n.Env, n.Digest, n.Origin = true, true, true
				case "inlineCode":
					i.code = true
				}
			}
			if names := c.names(k.Interpreters.Names); names != nil {
				c.e.known = append(c.e.known, names)
			}
			c.addExec(src, i.match)
		}
	}
	if k.Preload != nil {
		if src := c.source(policy.Preload, k.Preload.Setting); src != nil {
			n := &c.e.needs
			n.Refs, n.Env, n.Digest, n.Origin = true, true, true, true
			p := &preloads{allowed: c.paths(k.Preload.AllowedLibraries)}
			c.addExec(src, p.match)
		}
	}
}

// Interpreter says that a policy names a program as an interpreter; nil: none
// names any.
func (e *Engine) Interpreter() func(name string) bool {
	if len(e.known) == 0 {
		return nil
	}
	return e.isInterpreter
}

func (e *Engine) isInterpreter(name string) bool {
	for _, s := range e.known {
		if s.find(name) != none {
			return true
		}
	}
	return false
}

// interpreters is a compiled policy.InterpreterControl.
type interpreters struct {
	loader, applet, wrapper, script, code bool
	scripts                               *pathSet
}

func (k *interpreters) match(a *action.Exec) policy.RuleID {
	for i := range a.Refs {
		if r := k.rule(&a.Refs[i]); r != "" {
			return r
		}
	}
	return ""
}

func (k *interpreters) rule(r *action.Ref) policy.RuleID {
	switch r.Kind {
	case action.RefLoader:
		if k.loader {
			return RuleLoader
		}
	case action.RefApplet:
		if k.applet {
			return RuleApplet
		}
	case action.RefWrapper:
		if k.wrapper {
			return RuleWrapper
		}
	case action.RefCode:
		if k.code {
			return RuleInlineCode
		}
	case action.RefTruncated:
		return RuleUnverified
	case action.RefScript:
		switch {
		case !k.script || k.scripts.has(r.Path):
		case r.Unseen:
			return RuleUnverified
		case r.Origin != action.OriginImage && r.Origin != action.OriginMoved:
			return RuleScript
		}
	}
	return ""
}

// preloads is a compiled policy.PreloadControl.
type preloads struct{ allowed *pathSet }

func (k *preloads) match(a *action.Exec) policy.RuleID {
	for i := range a.Refs {
		r := &a.Refs[i]
		switch r.Kind {
		case action.RefTruncated:
			return RuleUnverified
		case action.RefPreload, action.RefAudit, action.RefLibraryPath:
		default:
			continue
		}
		switch {
		case k.allowed.has(r.Path):
		case r.Unseen:
			return RuleUnverified
		case r.Origin != action.OriginUnknown && r.Origin != action.OriginImage:
			return preloadRule(r.Via)
		}
	}
	return ""
}

// preloadRule names the rule after what named the library.
func preloadRule(via string) policy.RuleID {
	switch via {
	case "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "--preload", "--audit", "--library-path":
		return policy.RuleID(via)
	}
	if strings.HasPrefix(via, "/") {
		return "ld.so.preload"
	}
	return "agent" // JAVA_TOOL_OPTIONS=-agentpath
}

// refs judges the files that a program is given to run.
func (d *drifts) refs(a *action.Exec) policy.RuleID {
	for i := range a.Refs {
		r := &a.Refs[i]
		if r.Kind == action.RefLinker && r.Unseen && !d.AllowLibraries {
			return RuleUnverified
		}
		if !d.foreign(r.Origin) || d.paths.has(r.Path) {
			continue
		}
		switch r.Kind {
		case action.RefLinker:
			if !d.AllowLibraries {
				return RuleLibrary
			}
		case action.RefLoader: // reached with allowLoader only
			return RuleLoaded
		case action.RefScript:
			// The manifest lists what can be executed. A text without execute bit
			// and "#!" is not in it, whether it is the image's or not.
			if (r.Program || r.Origin == action.OriginModified) && !d.AllowScripts && !d.scripts.has(r.Path) {
				return RuleScript
			}
		}
	}
	return ""
}
