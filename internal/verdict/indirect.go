package verdict

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/action/indirect"
)

// applet gives the applet that a multi-call program (busybox, toybox,
// coreutils in one file) is asked to be, or "".
func applet(a *action.Exec) string {
	if len(a.Args) == 0 || !indirect.IsMultiCall(base(a.Path)) {
		return ""
	}
	name := base(a.Args[0])
	if !indirect.IsMultiCall(name) {
		return strings.TrimPrefix(name, "-") // a login shell
	}
	for _, arg := range a.Args[1:] {
		if strings.HasPrefix(arg, "--coreutils-prog=") {
			return strings.TrimPrefix(arg, "--coreutils-prog=")
		}
		if !strings.HasPrefix(arg, "-") {
			return base(arg)
		}
	}
	return ""
}

// loaded gives the file that the dynamic loader is asked to run, as the
// caller wrote it: ld.so [options] FILE.
func loaded(a *action.Exec) (string, bool) {
	if !indirect.IsLoader(base(a.Path)) {
		return "", false
	}
	for i := 1; i < len(a.Args); i++ {
		arg := a.Args[i]
		switch {
		case arg == "--":
			if i+1 < len(a.Args) {
				return a.Args[i+1], true
			}
			return "", a.ArgsTruncated
		case indirect.LoaderOptionTakesValue(arg):
			i++
		case !strings.HasPrefix(arg, "-"):
			return arg, true
		}
	}
	return "", a.ArgsTruncated
}

// loadedRef gives the object behind loaded, if the mechanism found it.
func loadedRef(a *action.Exec) *action.Ref {
	for i := range a.Refs {
		if r := &a.Refs[i]; r.Kind == action.RefLoader {
			return r
		}
	}
	return nil
}
