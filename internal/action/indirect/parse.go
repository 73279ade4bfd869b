package indirect

import (
	"strings"

	"github.com/limpet-security/limpet/internal/action"
)

// Stdin is the Via of a reference whose code comes from standard input; what
// that is has to be looked at.
const Stdin = "standard input"

// maxNesting bounds ld.so busybox sh ... chains.
const maxNesting = 4

// Question is what Parse is asked.
type Question struct {
	Path      string   // of the program; only its last part counts
	Requested string   // the path as the caller wrote it
	Args      []string // with argv[0]
	Truncated bool     // there were more
	// Interpreter says of names beyond the built-in ones that they take a
	// script and -c or -e CODE. nil: none.
	Interpreter func(name string) bool
}

// Parse gives what q's program is asked to run, outermost first.
func Parse(q Question) []action.Ref {
	p := parser{q: q}
	p.program(base(q.Path), q.Args, true)
	return p.out
}

type parser struct {
	q     Question
	out   []action.Ref
	depth int
}

func (p *parser) add(kind action.RefKind, name, via string) {
	p.out = Add(p.out, action.Ref{Kind: kind, Name: name, Via: via})
}

// Add appends within the bound; where something is left out the last one says so.
func Add(refs []action.Ref, r action.Ref) []action.Ref {
	r.FD = -1
	switch n := len(refs); {
	case n < action.MaxRefs-1:
		return append(refs, r)
	case n == action.MaxRefs-1:
		return append(refs, action.Ref{Kind: action.RefTruncated, Via: r.Via, FD: -1})
	}
	return refs
}

// ended is what running out of arguments means.
func (p *parser) ended(reads bool) {
	switch {
	case p.q.Truncated:
		p.add(action.RefTruncated, "", "argument")
	case reads:
		p.add(action.RefCode, "", Stdin)
	}
}

// program reads args (with argv[0]) of the program called name. own says that
// the program is the one that is executed, so that argv[0] is its.
func (p *parser) program(name string, args []string, own bool) {
	if p.depth++; p.depth > maxNesting {
		p.add(action.RefTruncated, "", "argument") // what it comes to in the end is not known
		return
	}
	rest := args
	if len(rest) > 0 {
		rest = rest[1:]
	}
	switch {
	case IsLoader(name):
		p.loader(rest)
		return
	case IsMultiCall(name):
		p.multiCall(args, own)
		return
	}
	if w, ok := wrappers[name]; ok {
		p.wrapper(w, rest)
		return
	}
	family := Family(name)
	if i, ok := interpreters[family]; ok {
		p.interpreter(i, family, rest)
		return
	}
	if p.q.Interpreter != nil && p.q.Interpreter(name) {
		p.interpreter(unknownInterpreter, family, rest)
	}
}

// loader reads ld.so's arguments; those of the file that it runs follow.
func (p *parser) loader(args []string) {
	for i := 0; i < len(args); i++ {
		arg, value, attached := strings.Cut(args[i], "=")
		switch {
		case arg == "--":
			i++
			if i < len(args) {
				p.loaded(args[i:])
			} else {
				p.ended(false)
			}
			return
		case LoaderOptionTakesValue(arg):
			if !attached {
				if i++; i >= len(args) {
					p.ended(false)
					return
				}
				value = args[i]
			}
			switch arg {
			case "--preload":
				p.list(action.RefPreload, value, arg, blanks)
			case "--audit":
				p.list(action.RefAudit, value, arg, ":")
			case "--library-path":
				p.list(action.RefLibraryPath, value, arg, ":;")
			}
		case !strings.HasPrefix(arg, "-"):
			p.loaded(args[i:])
			return
		}
	}
	p.ended(false)
}

func (p *parser) loaded(args []string) {
	p.add(action.RefLoader, args[0], "argument")
	p.program(base(args[0]), args, false)
}

// blanks stand between the libraries of LD_PRELOAD: musl takes all of them.
const blanks = " :\t\n\v\f\r"

func (p *parser) list(kind action.RefKind, value, via, separators string) {
	if kind == action.RefLibraryPath && value != "" {
		// An empty part is the working directory.
		for f := range strings.SplitSeq(strings.NewReplacer(";", ":", "\n", ":").Replace(value), ":") { // "\n" is musl's
			p.add(kind, f, via)
		}
		return
	}
	for _, f := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		p.add(kind, f, via)
	}
}

// multiCall reads which program busybox and its like are asked to be. A link
// in a folder of programs, as images have them, is no indirection.
func (p *parser) multiCall(args []string, own bool) {
	if len(args) == 0 {
		return
	}
	name := strings.TrimPrefix(base(args[0]), "-") // "-": a login shell
	if !IsMultiCall(name) {
		if own && (base(p.q.Requested) != name || !programFolder(p.q.Requested)) {
			p.add(action.RefApplet, name, "argv[0]")
		}
		p.program(name, args, false)
		return
	}
	for i, arg := range args[1:] {
		if v, ok := strings.CutPrefix(arg, "--coreutils-prog="); ok {
			p.add(action.RefApplet, v, "argument")
			p.program(base(v), args[1+i:], false)
			return
		}
		if !strings.HasPrefix(arg, "-") {
			p.add(action.RefApplet, base(arg), "argument")
			p.program(base(arg), args[1+i:], false)
			return
		}
	}
	p.ended(false)
}

// programFolder says that a path is where images keep their programs.
func programFolder(path string) bool {
	switch path[:strings.LastIndexByte(path, '/')+1] {
	case "/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/":
		return true
	}
	return false
}

// IsMultiCall knows programs that hold many others, by name.
func IsMultiCall(name string) bool {
	return strings.HasPrefix(name, "busybox") || strings.HasPrefix(name, "toybox") || name == "coreutils" || name == "toolbox"
}

// IsLoader knows glibc's, musl's and uClibc's dynamic loader by file name. On
// some systems musl's is the C library itself.
func IsLoader(name string) bool {
	if name == "libc.so" {
		return true
	}
	return (strings.HasPrefix(name, "ld-") || strings.HasPrefix(name, "ld64.") || strings.HasPrefix(name, "ld.")) &&
		strings.Contains(name, ".so")
}

// LoaderOptionTakesValue knows the options of ld.so that another word follows.
func LoaderOptionTakesValue(arg string) bool {
	switch arg {
	case "--preload", "--library-path", "--audit", "--argv0", "--inhibit-rpath", "--glibc-hwcaps-prepend", "--glibc-hwcaps-mask":
		return true
	}
	return false
}

// Family gives an interpreter's name without its version: python3.11 is python.
func Family(name string) string {
	if f := strings.TrimRight(name, "0123456789."); f != "" && f != name {
		return strings.TrimRight(f, "-")
	}
	if rest, ok := strings.CutSuffix(name, "t"); ok && strings.HasPrefix(name, "python3") { // free-threaded
		return Family(rest)
	}
	return name
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
