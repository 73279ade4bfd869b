package indirect

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
)

// Interesting says that Environ or a search for files looks at a variable,
// given as NAME=VALUE or NAME=.
func Interesting(entry string) bool {
	if strings.HasPrefix(entry, bashFunction) || strings.HasPrefix(entry, luaInit) {
		return true
	}
	name, _, ok := strings.Cut(entry, "=")
	if !ok {
		return false
	}
	switch name {
	case "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "PATH",
		"PERL5OPT", "PERL5DB", "RUBYOPT", "PYTHONSTARTUP", "PS4":
		return true
	}
	return false
}

// bashFunction begins the names of functions that Bash takes from its
// environment: one may stand in for any command of a script.
const bashFunction = "BASH_FUNC_"

// luaInit, or that with a version behind it, is what Lua runs first: "@FILE" or code.
const luaInit = "LUA_INIT"

// Environ adds to refs what variables name for the program: libraries of
// dynamic programs, scripts that interpreters load first. A variable that
// stands twice is read twice. env holds what Interesting chose.
func Environ(refs []action.Ref, q Question, env []string) []action.Ref {
	p := parser{q: q, out: refs}
	family := programFamily(q)
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, bashFunction) && (family == "bash" || family == "sh") {
			p.add(action.RefCode, "", bashFunction)
			continue
		}
		if strings.HasPrefix(name, luaInit) && value != "" && strings.HasPrefix(family, "lua") {
			if f, ok := strings.CutPrefix(value, "@"); ok {
				p.add(action.RefScript, f, luaInit)
			} else {
				p.add(action.RefCode, "", luaInit)
			}
			continue
		}
		switch name {
		case "LD_PRELOAD":
			p.list(action.RefPreload, value, name, blanks)
		case "LD_AUDIT":
			p.list(action.RefAudit, value, name, ":")
		case "LD_LIBRARY_PATH":
			p.list(action.RefLibraryPath, value, name, ":;")
		case "BASH_ENV", "ENV":
			if i, ok := interpreters[family]; !ok || !i.shell || value == "" {
				continue
			}
			if strings.ContainsAny(value, "$`") { // the shell expands it: "$(...)"
				p.add(action.RefCode, "", name)
				continue
			}
			p.add(action.RefScript, value, name)
		case "PS4": // expanded before each command that -x or SHELLOPTS shows
			if interpreters[family].shell && (strings.Contains(value, "$(") || strings.ContainsAny(value, "`")) {
				p.add(action.RefCode, "", name)
			}
		case "NODE_OPTIONS":
			if strings.HasPrefix(family, "node") {
				p.options(value, name)
			}
		case "PERL5OPT":
			if family == "perl" {
				p.preludes(value, name, ".pm")
			}
		case "PERL5DB":
			if family == "perl" && value != "" {
				p.add(action.RefCode, "", name)
			}
		case "RUBYOPT":
			if family == "ruby" {
				p.preludes(value, name, ".rb")
			}
		case "PYTHONSTARTUP":
			if family == "python" && value != "" {
				p.add(action.RefScript, value, name)
			}
		case "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS":
			if family == "java" {
				for _, w := range strings.Fields(value) {
					p.java(w, name)
				}
			}
		}
	}
	return p.out
}

// options reads what NODE_OPTIONS loads before the script.
func (p *parser) options(value, via string) {
	words := strings.Fields(value)
	for i, w := range words {
		opt, v, attached := strings.Cut(w, "=")
		switch strings.ReplaceAll(opt, "_", "-") {
		case "-r", "--require", "--import", "--loader", "--experimental-loader":
			if !attached && i+1 < len(words) {
				v = words[i+1]
			}
			p.script(interpreters["node"], strings.Trim(v, `"`), via)
		}
	}
}

// preludes reads what PERL5OPT and RUBYOPT load before the script: modules, by
// -M, -m and -d: in Perl (which takes code as well: "-Mstrict;...") and by -r in
// Ruby, from the folders of -I. What lies in the installation's own folders is
// its own.
func (p *parser) preludes(value, via, ext string) {
	perl := ext == ".pm"
	var folders, modules []string
	words := strings.Fields(value)
	for i := 0; i < len(words); i++ {
		w := strings.TrimPrefix(words[i], "-")
		if w == "" {
			continue
		}
		letter, rest := w[:1], w[1:]
		if rest == "" && (letter == "I" || letter == "r") && i+1 < len(words) {
			i++
			rest = words[i]
		}
		switch {
		case letter == "I":
			folders = append(folders, rest)
		case perl && (letter == "M" || letter == "m"):
			name, _, _ := strings.Cut(strings.TrimPrefix(rest, "-"), "=")
			if strings.Trim(name, moduleLetters) != "" {
				p.add(action.RefCode, "", via)
				continue
			}
			modules = append(modules, strings.ReplaceAll(name, "::", "/"))
		case perl && letter == "d" && strings.HasPrefix(rest, ":"):
			name, _, _ := strings.Cut(rest[1:], "=")
			modules = append(modules, "Devel/"+strings.ReplaceAll(name, "::", "/"))
		case !perl && letter == "r":
			modules = append(modules, strings.TrimSuffix(rest, ext))
		}
	}
	for _, m := range modules {
		if strings.Contains(m, "/") && !perl {
			p.add(action.RefScript, m+ext, via)
		}
		for _, f := range folders {
			if len(p.out) >= action.MaxRefs {
				return
			}
			p.add(action.RefScript, f+"/"+m+ext, via)
		}
	}
}

const moduleLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:'"

// programFamily is the interpreter that will read the environment: behind a
// multi-call program the applet.
func programFamily(q Question) string {
	name := base(q.Path)
	if IsMultiCall(name) {
		for _, a := range q.Args {
			if n := strings.TrimPrefix(base(a), "-"); !IsMultiCall(n) {
				return Family(n)
			}
		}
	}
	return Family(name)
}
