package indirect

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
)

// grammar says how an interpreter reads its arguments. Letters are those of
// short options, which may stand together.
type grammar struct {
	code   string // the code follows
	file   string // a script follows
	module string // a file or a module to load follows
	value  string // another value follows
	rest   string // what is left of the word is its value
	loads  string // a module is what is left of the word; Perl takes code as well: "-Mstrict;..."
	stdin  string // the script is read from standard input

	longCode, longFile, longValue []string

	shell   bool     // options may begin with "+"
	next    string   // short options whose value is the next word, whatever follows them in theirs
	plain   bool     // long options begin with one hyphen, and none stand together
	operand bool     // the first operand is no script (awk: it is the program)
	verbs   []string // words before the script (deno run FILE); the last of codeVerbs takes code
	codes   []string
	ext     string // of modules given by file
}

var (
	shell = grammar{code: "c", next: "oO", stdin: "s", shell: true, longFile: []string{"rcfile", "init-file"}}
	korn  = grammar{code: "c", value: "oO", stdin: "s", shell: true}
)

var unknownInterpreter = grammar{code: "ce"}

var interpreters = map[string]grammar{
	"sh": shell, "bash": shell, "dash": shell, "ash": shell, "hush": shell, "rbash": shell, "ksh": korn, "mksh": korn, "zsh": korn, "yash": korn, "lksh": korn, "posh": korn,
	"fish": {code: "cC", value: "dDfo", longCode: []string{"command", "init-command"}, longValue: []string{"debug", "debug-output", "profile", "features"}},
	"csh":  {code: "c", stdin: "s"}, "tcsh": {code: "c", stdin: "s"},
	"python": {code: "c", module: "m", value: "WX", longValue: []string{"check-hash-based-pycs"}, ext: ".py"},
	"pypy":   {code: "c", module: "m", value: "WX", ext: ".py"},
	"perl":   {code: "eE", value: "I", loads: "MmdV", rest: "xiFCD"},
	"ruby":   {code: "e", module: "r", value: "ICE", rest: "KWTxiF", ext: ".rb"},
	"node": {code: "ep", module: "r", value: "C", longCode: []string{"eval", "print"}, longFile: []string{"require", "import", "loader", "experimental-loader", "env-file", "env-file-if-exists"},
		longValue: []string{"conditions", "title", "input-type", "inspect-port"}, ext: ".js"},
	"nodejs": {code: "ep", module: "r", value: "C", longCode: []string{"eval", "print"}, longFile: []string{"require", "import", "loader", "experimental-loader", "env-file", "env-file-if-exists"},
		longValue: []string{"conditions", "title", "input-type", "inspect-port"}, ext: ".js"},
	"deno": {value: "cL", longValue: []string{"config", "import-map"}, verbs: []string{"run", "test", "bench", "serve"}, codes: []string{"eval"}},
	"bun":  {code: "ep", file: "r", longCode: []string{"eval", "print"}, longFile: []string{"preload", "require", "import"}, verbs: []string{"run", "test"}},
	"php": {code: "rBRE", file: "fF", value: "dczS", rest: "", longCode: []string{"run", "process-begin", "process-code", "process-end"},
		longFile: []string{"file", "process-file"}, longValue: []string{"define", "php-ini", "zend-extension", "docroot", "server"}},
	"lua": {code: "e", module: "l", ext: ".lua"}, "luajit": {code: "e", module: "l", rest: "jObt", ext: ".lua"}, "texlua": {code: "e", module: "l", ext: ".lua"},
	"tclsh": {value: "e"}, "wish": {value: "e"}, "expect": {code: "c", file: "f", value: "D", rest: "b"},
	"awk": {file: "f", value: "vF", operand: true}, "gawk": {file: "fEi", value: "vFl", operand: true}, "mawk": {file: "f", value: "vFW", operand: true}, "nawk": {file: "f", value: "vF", operand: true},
	"Rscript": {code: "e"}, "R": {code: "e", file: "f", longFile: []string{"file"}, operand: true},
	"julia": {code: "eE", file: "L", value: "JpCtH", longCode: []string{"eval", "print"}, longFile: []string{"load"}},
	"guile": {code: "c", file: "sl", value: "eLCx"}, "groovy": {code: "e"}, "scala": {code: "e", plain: true}, "jruby": {code: "e", module: "r", value: "ICEJ"},
	"pwsh":    {code: "c", file: "f", plain: true, longCode: []string{"command", "encodedcommand", "ec", "e"}, longFile: []string{"file"}, longValue: []string{"executionpolicy", "workingdirectory", "configurationname"}},
	"java":    {plain: true, longFile: []string{"jar"}, longValue: []string{"cp", "classpath", "-class-path", "p", "-module-path", "m", "-module", "-add-modules", "-source"}, ext: ".java"},
	"escript": {}, "elixir": {code: "e", file: "r", longCode: []string{"eval"}}, "erl": {plain: true, longCode: []string{"eval"}, operand: true},
	"ocaml": {code: "e", file: "", value: "I", plain: true}, "gjs": {code: "c"}, "racket": {code: "e", file: "fruk"}, "sbcl": {plain: true, longCode: []string{"-eval"}, longFile: []string{"-load", "-script"}},
}

// interpreter reads the options of an interpreter up to its script or code.
func (p *parser) interpreter(g grammar, name string, args []string) {
	fromStdin := false
	for i := 0; i < len(args); i++ {
		arg := args[i]
		next := func() (string, bool) {
			if i++; i < len(args) {
				return args[i], true
			}
			p.ended(false)
			return "", false
		}
		switch {
		case arg == "--":
			i++
			p.operand(g, name, args[i:], fromStdin)
			return
		case name == "java" && p.java(arg, "argument"):
		case arg == "-" && !g.shell:
			p.add(action.RefCode, "", Stdin)
			return
		case len(arg) > 1 && (arg[0] == '-' || g.shell && arg[0] == '+'):
			if strings.HasPrefix(arg, "--") || g.plain {
				if p.long(g, arg, next) {
					return
				}
			} else if p.letters(g, arg, next, &fromStdin) {
				if g.module == "m" && i < len(args) {
					m := args[i]
					if m[:min(1, len(m))] == "-" {
						_, m, _ = strings.Cut(m, "m")
					}
					p.runs(m, args[i+1:])
				}
				return
			}
		default:
			p.operand(g, name, args[i:], fromStdin)
			return
		}
	}
	p.operand(g, name, nil, fromStdin)
}

// long reads a long option; true: it held the code, and all is said.
func (p *parser) long(g grammar, arg string, next func() (string, bool)) bool {
	opt, value, attached := strings.Cut(arg[1:], "=")
	if !g.plain {
		opt = strings.ReplaceAll(opt[1:], "_", "-") // Node takes either
	}
	get := func() (string, bool) {
		if attached {
			return value, true
		}
		return next()
	}
	is := func(list []string) bool {
		for _, l := range list {
			if l == opt || g.plain && strings.EqualFold(l, opt) {
				return true
			}
		}
		return false
	}
	switch {
	case is(g.longCode) || g.plain && len(opt) == 1 && strings.Contains(g.code, opt):
		via, _, _ := strings.Cut(arg, "=")
		p.add(action.RefCode, "", via)
		return true
	case is(g.longFile):
		v, ok := get()
		if ok {
			p.script(g, v, "-"+opt)
		}
		return !ok || g.plain // java -jar FILE: the program's own arguments follow
	case is(g.longValue):
		v, ok := get()
		p.setting(v, "-"+opt)
		return !ok
	}
	return false
}

// setting reads a setting of PHP that has it run a file before or behind each script.
func (p *parser) setting(v, via string) {
	name, file, _ := strings.Cut(v, "=")
	switch {
	case name == "auto_prepend_file", name == "auto_append_file":
		p.script(grammar{}, strings.Trim(file, `"'`), via)
	case strings.Contains(v, "auto_prepend_file"), strings.Contains(v, "auto_append_file"):
		p.add(action.RefCode, "", via)
	}
}

// letters reads a word of short options; true: it held the code.
func (p *parser) letters(g grammar, arg string, next func() (string, bool), fromStdin *bool) bool {
	for j := 1; j < len(arg); j++ {
		c, rest := arg[j:j+1], arg[j+1:]
		get := func() (string, bool) {
			if rest != "" {
				return rest, true
			}
			return next()
		}
		switch {
		case strings.Contains(g.code, c): // of shells also "+c"
			p.add(action.RefCode, "", "-"+c)
			return true
		case strings.Contains(g.next, c):
			if _, ok := next(); !ok {
				return true
			}
		case strings.Contains(g.stdin, c):
			*fromStdin = true
		case strings.Contains(g.file, c), strings.Contains(g.module, c):
			v, ok := get()
			if !ok {
				return true
			}
			if strings.Contains(g.file, c) {
				p.add(action.RefScript, v, "-"+c)
			} else {
				p.module(g, v, "-"+c)
			}
			// What follows are the script's own arguments, where the option
			// stands for the script; where it is loaded before, the next operand
			// is looked at too.
			return g.module == "m" && c == "m"
		case strings.Contains(g.value, c):
			v, ok := get()
			p.setting(v, "-"+c)
			return !ok
		case strings.Contains(g.loads, c):
			if c == "d" { // -d alone is a switch that others may follow, as -l and -0 are
				if rest = strings.TrimPrefix(rest, "t"); !strings.HasPrefix(rest, ":") {
					continue
				}
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(rest, "-"), "=")
			if strings.Trim(name, moduleLetters) != "" {
				p.add(action.RefCode, "", "-"+c)
				return true
			}
			return false
		case c == "x" && arg[j-1] == '0': // -0xHEX
		case strings.Contains(g.rest, c):
			return false
		}
	}
	return false
}

// java adds what an option of Java makes it load; false: it is another.
func (p *parser) java(opt, via string) bool {
	for _, o := range javaLoads {
		if f, ok := strings.CutPrefix(opt, o.option); ok {
			if f, _, _ = strings.Cut(f, "="); f != "" {
				p.add(o.kind, f, via)
			}
			return true
		}
	}
	return false
}

// javaLoads are options that name what is loaded, or files of more options.
var javaLoads = []struct {
	option string
	kind   action.RefKind
}{
	{"-javaagent:", action.RefScript}, {"-agentpath:", action.RefPreload}, {"@", action.RefScript},
	{"-XX:VMOptionsFile=", action.RefScript}, {"-XX:Flags=", action.RefScript},
}

// runs are modules of Python's own that run the file or code that follows.
func (p *parser) runs(module string, args []string) {
	switch module {
	case "timeit":
		p.add(action.RefCode, "", "-m "+module)
	case "runpy", "pdb", "cProfile", "profile", "trace", "coverage":
		for i := 0; i < len(args); i++ {
			switch a := args[i]; {
			case len(a) == 2 && a[0] == '-' && strings.Contains("cosCf", a[1:]):
				i++ // its value
			case !strings.HasPrefix(a, "-"):
				p.add(action.RefScript, a, "-m "+module)
				return
			}
		}
	}
}

func (p *parser) script(g grammar, name, via string) {
	if strings.HasPrefix(name, "data:") { // a URL that holds the code
		p.add(action.RefCode, "", via)
		return
	}
	name = strings.TrimPrefix(name, "file://")
	if g.ext != "" && !strings.Contains(name, "/") && !strings.Contains(name, ".") {
		p.module(g, name, via)
		return
	}
	p.add(action.RefScript, name, via)
}

// module adds the files that a module in the working directory would be: that
// place is looked at first by python -m. Elsewhere it is the installation's own.
func (p *parser) module(g grammar, name, via string) {
	if strings.Contains(name, "/") || strings.HasSuffix(name, g.ext) {
		p.add(action.RefScript, name, via)
		if g.ext != "" && !strings.HasSuffix(name, g.ext) {
			p.add(action.RefScript, name+g.ext, via)
		}
		return
	}
	if g.ext == ".py" {
		path := "./" + strings.ReplaceAll(name, ".", "/")
		p.add(action.RefScript, path+".py", via)
		p.add(action.RefScript, path+"/__main__.py", via)
	}
}

func (p *parser) operand(g grammar, name string, args []string, fromStdin bool) {
	if fromStdin {
		p.ended(true)
		return
	}
	if len(args) == 0 {
		if g.operand {
			return // awk without a program says how it is used
		}
		for _, r := range p.out {
			if r.Kind == action.RefScript {
				return // a file was named already
			}
		}
		p.ended(true)
		return
	}
	switch {
	case g.operand:
		return
	case name == "java":
		if strings.HasSuffix(args[0], ".java") {
			p.add(action.RefScript, args[0], "argument")
		}
		return
	case contains(g.codes, args[0]):
		p.add(action.RefCode, "", args[0])
		return
	case contains(g.verbs, args[0]):
		p.interpreter(grammar{value: g.value, longValue: g.longValue, longFile: g.longFile, file: g.file}, name, args[1:])
		return
	}
	if args[0] == "-" {
		p.add(action.RefCode, "", Stdin)
		return
	}
	p.add(action.RefScript, args[0], "argument")
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}
