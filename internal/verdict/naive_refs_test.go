package verdict

import (
	"slices"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

func (r random) refs() (out []action.Ref) {
	if r.IntN(2) == 0 {
		return nil
	}
	for range 1 + r.IntN(3) {
		x := action.Ref{Kind: action.RefKind(r.IntN(10)), Name: pick(r, "a", "c", "nc"), Path: pick(r, paths...), Origin: action.Origin(r.IntN(6)),
			Via: pick(r, "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "--preload", "argument"), Program: r.IntN(2) == 0, Unseen: r.IntN(8) == 0}
		if r.IntN(2) == 0 {
			x.Digest = digest(byte(1 + r.IntN(4)))
		}
		out = append(out, x)
	}
	return out
}

func (r random) interpreters() *policy.InterpreterControl {
	return &policy.InterpreterControl{Setting: r.setting(), AllowedScripts: r.globs(1),
		Deny: some[policy.Indirection](r, 3, "loader", "applet", "wrapper", "script", "inlineCode")}
}

func naiveInterpreters(k *policy.InterpreterControl, a *action.Exec) string {
	denied := func(i policy.Indirection) bool { return slices.Contains(k.Deny, i) }
	for _, r := range a.Refs {
		switch {
		case r.Kind == action.RefLoader && denied("loader"):
			return "loader"
		case r.Kind == action.RefApplet && denied("applet"):
			return "applet"
		case r.Kind == action.RefWrapper && denied("wrapper"):
			return "wrapper"
		case r.Kind == action.RefCode && denied("inlineCode"):
			return "inlineCode"
		case r.Kind == action.RefTruncated:
			return "unverified"
		case r.Kind == action.RefScript && denied("script") && !anyGlob(k.AllowedScripts, r.Path):
			if r.Unseen {
				return "unverified"
			}
			if r.Origin != action.OriginImage && r.Origin != action.OriginMoved {
				return "script"
			}
		}
	}
	return ""
}

func naivePreload(k *policy.PreloadControl, a *action.Exec) string {
	for _, r := range a.Refs {
		library := r.Kind == action.RefPreload || r.Kind == action.RefAudit || r.Kind == action.RefLibraryPath
		switch {
		case r.Kind == action.RefTruncated:
			return "unverified"
		case !library || anyGlob(k.AllowedLibraries, r.Path):
		case r.Unseen:
			return "unverified"
		case r.Origin != action.OriginUnknown && r.Origin != action.OriginImage:
			if r.Via == "argument" {
				return "agent"
			}
			return r.Via
		}
	}
	return ""
}

func naiveDriftRefs(k *policy.DriftControl, a *action.Exec) string {
	for _, r := range a.Refs {
		if r.Kind == action.RefLinker && r.Unseen && !k.AllowLibraries {
			return "unverified"
		}
		image := r.Origin == action.OriginUnknown || r.Origin == action.OriginImage || r.Origin == action.OriginMoved && k.AllowMoved
		if image || anyGlob(k.AllowedPaths, r.Path) {
			continue
		}
		if r.Kind == action.RefLoader {
			return "loaded"
		}
		if r.Kind == action.RefLinker && !k.AllowLibraries {
			return "library"
		}
		if r.Kind == action.RefScript && (r.Program || r.Origin == action.OriginModified) && !k.AllowScripts && !anyGlob(k.AllowedScripts, r.Path) {
			return "script"
		}
	}
	return ""
}

// naiveListedRef gives the deny rule that a file named by the arguments meets.
func naiveListedRef(k *policy.ExecutableControl, w *Workload, a *action.Exec) string {
	for _, r := range a.Refs {
		rule := ""
		switch r.Kind {
		case action.RefLoader:
			rule = naiveListed(k, w, a, r.Path, lastPart(r.Path), r.Digest.String())
		case action.RefApplet:
			rule = naiveListed(k, w, a, "", r.Name, "")
		}
		if rule != "" {
			return rule
		}
	}
	return ""
}

// naiveUnlisted says that the loader is given what the allow list does not hold.
func naiveUnlisted(k *policy.ExecutableControl, w *Workload, a *action.Exec) bool {
	for _, r := range a.Refs {
		if r.Kind != action.RefLoader {
			continue
		}
		if r.Path == "" {
			return naiveListed(k, w, a, r.Name, lastPart(r.Name), "") == ""
		}
		return naiveListed(k, w, a, r.Path, lastPart(r.Path), r.Digest.String()) == ""
	}
	return false
}
