package verdict

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/action/indirect"
	"github.com/limpet-security/limpet/internal/policy"
)

// packageManagers judges programs that install software, by the name of the
// file, by the name the caller used, by argv[0], and through interpreters and
// the loader. Runners such as npm count only when asked to install.
type packageManagers struct {
	more, allowed *nameSet
	ids           []policy.RuleID // of more
}

func (m *packageManagers) match(a *action.Exec) policy.RuleID {
	arg0 := ""
	if len(a.Args) > 0 {
		arg0 = base(a.Args[0])
	}
	rest := a.Args
	if len(rest) > 0 {
		rest = rest[1:]
	}
	path := base(a.Path)
	if r := m.named(path, rest, a.ArgsTruncated); r != "" {
		return r
	}
	if r := m.named(base(a.Requested), rest, a.ArgsTruncated); r != "" {
		return r
	}
	if arg0 != path {
		if r := m.named(arg0, rest, a.ArgsTruncated); r != "" {
			return r
		}
	}
	if name := applet(a); name != "" && name != arg0 {
		if len(rest) > 0 {
			rest = rest[1:]
		}
		if r := m.named(name, rest, a.ArgsTruncated); r != "" {
			return r
		}
	}
	return m.indirect(a, path)
}

// indirect looks at the program that an interpreter or the loader is given.
func (m *packageManagers) indirect(a *action.Exec, path string) policy.RuleID {
	if target, ok := loaded(a); ok {
		args := after(a.Args, target)
		if r := m.named(base(target), args, a.ArgsTruncated); r != "" {
			return r
		}
		return m.interpreted(base(target), append([]string{target}, args...), a.ArgsTruncated)
	}
	return m.interpreted(path, a.Args, a.ArgsTruncated)
}

// interpreted judges the script or module that an interpreter is to run, as its
// arguments say by the interpreter's own grammar.
func (m *packageManagers) interpreted(program string, args []string, truncated bool) policy.RuleID {
	switch indirect.Family(program) {
	case "python", "pypy", "node", "nodejs", "ruby", "php":
	case "perl":
		for _, arg := range args {
			if strings.HasPrefix(arg, "-MCPAN") && m.allowed.find("cpan") == none {
				return "cpan"
			}
		}
	default:
		return ""
	}
	for _, r := range indirect.Parse(indirect.Question{Path: program, Args: args, Truncated: truncated}) {
		if r.Kind != action.RefScript {
			continue
		}
		rule := policy.RuleID("")
		if r.Via == "-m" {
			name := strings.TrimSuffix(strings.TrimPrefix(r.Name, "./"), ".py")
			rule = m.module(strings.ReplaceAll(name, "/", "."), args)
		} else {
			rule = m.named(scriptName(r.Name), after(args, r.Name), truncated)
		}
		if rule != "" {
			return rule
		}
	}
	return ""
}

// scriptName is what a script is known by: its file's name without its ending,
// and a package's folder for what Python starts in it.
func scriptName(path string) string {
	path = strings.TrimSuffix(strings.TrimRight(path, "/"), "/__main__.py")
	name := base(path)
	for _, end := range []string{".js", ".cjs", ".phar", "-cli"} {
		name = strings.TrimSuffix(name, end)
	}
	return name
}

// module judges "python -m NAME", and the module that another one is to run.
func (m *packageManagers) module(name string, args []string) policy.RuleID {
	if isInstaller(name) && m.allowed.find(name) == none {
		return "python -m"
	}
	if !runsModules(name) {
		return ""
	}
	for i, arg := range args {
		if strings.HasSuffix(arg, name) {
			args = args[i+1:]
			break
		}
	}
	for _, arg := range args {
		what := strings.TrimPrefix(arg, "-m")
		switch {
		case isInstaller(what) && m.allowed.find(what) == none:
			return "python -m"
		case arg[:min(len(arg), 1)] != "-" && arg != "run" && !runsModules(arg): // the program itself
			return ""
		}
	}
	return ""
}

func isInstaller(module string) bool {
	switch module {
	case "pip", "pip.__main__", "pip._internal", "ensurepip", "easy_install", "conda", "pipx", "poetry", "pipenv", "uv":
		return true
	}
	return false
}

func runsModules(module string) bool {
	switch module {
	case "runpy", "pdb", "cProfile", "profile", "trace", "coverage":
		return true
	}
	return false
}

// named judges one name. truncated says that arguments are missing.
func (m *packageManagers) named(name string, args []string, truncated bool) policy.RuleID {
	if name == "" {
		return ""
	}
	if i := m.more.find(name); i != none {
		return m.ids[i]
	}
	rule := builtinPackageManager(name, args, truncated)
	if rule == "" || m.allowed.find(name) != none {
		return ""
	}
	return rule
}

// builtinPackageManager gives the rule ("apt", "npm" ...) under which a name
// is a package manager, or "".
func builtinPackageManager(name string, args []string, truncated bool) policy.RuleID {
	switch name {
	case "apt", "apt-get", "aptitude", "dpkg", "dselect", "synaptic", "tasksel", "gdebi", "dpkg-deb",
		"apk", "yum", "dnf", "dnf5", "dnf-3", "microdnf", "tdnf", "rpm", "rpmkeys", "zypper", "urpmi", "up2date",
		"pacman", "yay", "paru", "makepkg", "emerge", "equo", "xbps-install", "opkg", "ipkg", "swupd", "eopkg", "pkg", "pkg_add",
		"snap", "flatpak", "brew", "nix-env", "nix-shell", "guix", "port", "cards", "slackpkg", "installpkg",
		"easy_install", "pip", "pipx", "conda", "mamba", "micromamba", "cpan", "cpanm", "pecl", "pear", "luarocks",
		"rubygems", "nuget", "asdf", "sdk", "rustup", "helm-install":
		return policy.RuleID(name)
	}
	if rest, ok := strings.CutPrefix(name, "pip"); ok && isVersion(rest) {
		return "pip"
	}
	if rest, ok := strings.CutPrefix(name, "easy_install"); ok && isVersion(strings.TrimPrefix(rest, "-")) {
		return "easy_install"
	}
	var rule policy.RuleID
	var installs func(string) bool
	bare := false // without a verb it installs
	switch name {
	case "npm":
		rule, installs = "npm", npmInstalls
	case "yarn", "yarnpkg":
		rule, installs, bare = "yarn", nodeInstalls, true
	case "pnpm", "bun", "cnpm":
		rule, installs = policy.RuleID(name), nodeInstalls
	case "gem", "composer", "bundle", "bundler", "poetry", "pipenv", "pdm", "uv":
		rule, installs, bare = policy.RuleID(name), toolInstalls, name == "bundle" || name == "bundler"
	default:
		return ""
	}
	verb := firstVerb(args)
	if verb == "" && truncated || verb == "" && bare && len(args) == 0 || verb != "" && installs(verb) {
		return rule
	}
	return ""
}

// firstVerb gives the first argument that is no option and no option's value.
func firstVerb(args []string) string {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--prefix" || arg == "-C" || arg == "--cwd" || arg == "--dir" || arg == "--filter" || arg == "-F" || arg == "--registry" ||
			arg == "-w" || arg == "--workspace" || arg == "--loglevel" || arg == "--userconfig" || arg == "--cache" || arg == "-d" || arg == "--directory" || arg == "--project":
			i++
		case !strings.HasPrefix(arg, "-"):
			return arg
		}
	}
	return ""
}

// npmInstalls knows what npm does without installing; npm accepts many
// abbreviations and misspellings of install, so the list is the other way.
func npmInstalls(verb string) bool {
	switch verb {
	case "start", "stop", "restart", "run", "run-script", "rum", "urn", "test", "t", "tst", "exec", "x", "version", "help", "config", "get",
		"ls", "list", "ll", "la", "view", "info", "show", "root", "prefix", "bin", "ping", "whoami", "explain", "why", "outdated", "audit", "pkg", "query", "doctor", "fund", "search", "completion":
		return false
	}
	return true
}

func nodeInstalls(verb string) bool {
	switch verb {
	case "install", "i", "add", "a", "update", "up", "upgrade", "global", "dlx", "create", "import", "link", "ln", "ci", "install-test", "it", "fetch", "rebuild", "self-update", "x", "env":
		return true
	}
	return false
}

func toolInstalls(verb string) bool {
	switch verb {
	case "install", "i", "add", "update", "upgrade", "require", "create-project", "sync", "pip", "tool", "global", "self", "self-update", "reinstall", "fetch", "lock", "python":
		return true
	}
	return false
}

// isVersion says that s is empty or a version such as "3", "3.11" or "3.12t".
func isVersion(s string) bool {
	for i := range len(s) {
		if !(s[i] >= '0' && s[i] <= '9' || s[i] == '.' || s[i] == 't' && i == len(s)-1) {
			return false
		}
	}
	return true
}

func after(args []string, target string) []string {
	for i, a := range args {
		if a == target {
			return args[i+1:]
		}
	}
	return nil
}
