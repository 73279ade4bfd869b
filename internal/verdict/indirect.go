package verdict

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
)

// applet gives the applet that a multi-call program (busybox, toybox,
// coreutils in one file) is asked to be, or "".
func applet(a *action.Exec) string {
	if len(a.Args) == 0 || !multiCall(base(a.Path)) {
		return ""
	}
	name := base(a.Args[0])
	if !multiCall(name) {
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

func multiCall(name string) bool {
	return strings.HasPrefix(name, "busybox") || strings.HasPrefix(name, "toybox") || name == "coreutils" || name == "toolbox"
}

// loaded gives the file that the dynamic loader is asked to run, as the
// caller wrote it: ld.so [options] FILE.
func loaded(a *action.Exec) (string, bool) {
	if !isLoader(base(a.Path)) {
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
		case loaderOptionTakesValue(arg):
			i++
		case !strings.HasPrefix(arg, "-"):
			return arg, true
		}
	}
	return "", a.ArgsTruncated
}

// isLoader knows glibc's, musl's and uClibc's dynamic loader by file name. On
// some systems musl's is the C library itself.
func isLoader(name string) bool {
	if name == "libc.so" {
		return true
	}
	return (strings.HasPrefix(name, "ld-") || strings.HasPrefix(name, "ld64.") || strings.HasPrefix(name, "ld.")) &&
		strings.Contains(name, ".so")
}

func loaderOptionTakesValue(arg string) bool {
	switch arg {
	case "--preload", "--library-path", "--audit", "--argv0", "--inhibit-rpath", "--glibc-hwcaps-prepend", "--glibc-hwcaps-mask":
		return true
	}
	return false
}
