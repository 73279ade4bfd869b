package notify

import (
	"path"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/action/indirect"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// What arguments and environment name beside the program is looked up twice:
// when execve is entered, so that a refusal is an errno, and at the exec stop,
// from the new program's own stack, which nobody else can reach any more (its
// address space is new; a descriptor of its /proc/PID/mem would have to be
// opened within that moment). The files are found as the program would find
// them. It opens them again by name: what is swapped after the stop is for the
// controls that see opens and mappings.

// realProgram is what the kernel maps behind every script.
type realProgram struct {
	path   string
	args   []string // what the kernel puts before the script's name
	static bool     // no dynamic loader reads LD_* for it
}

func (r *realProgram) prepend(interpreter, arg string) {
	args := []string{interpreter}
	if arg != "" {
		args = append(args, arg)
	}
	r.args = append(args, r.args...)
}

// kernelArgs are the arguments that the mapped program will see.
func (a *attempt) kernelArgs() []string {
	if !a.Script {
		return a.Args
	}
	args := append(append([]string(nil), a.real.args...), a.Requested)
	if len(a.Args) > 1 {
		args = append(args, a.Args[1:]...)
	}
	return args
}

// referAgain takes arguments and environment from the new stack.
func (a *attempt) referAgain(stack newStack) {
	args, cut := stack.args, stack.cut
	if !stack.known {
		args, cut = a.kernelArgs(), a.ArgsTruncated
	}
	env := stack.env
	if a.wants.Env && !stack.whole {
		var err error
		if env, err = a.stackEnv(); err != nil {
			a.Unverified = true
		}
	}
	a.refer(args, cut, env)
	a.linker(stack)
}

// refer fills in Refs.
func (a *attempt) refer(args []string, cut bool, env []string) {
	a.closeRefs()
	if !a.wants.Refs {
		return
	}
	q := indirect.Question{Path: a.real.path, Requested: a.Requested, Args: args, Truncated: cut, Interpreter: a.wants.Interpreter}
	if a.Script && len(args) > 0 {
		q.Requested = args[0]
	}
	refs := indirect.Parse(q)
	if a.wants.Env {
		if !a.real.static || indirect.IsLoader(path.Base(a.real.path)) {
			refs = indirect.Environ(refs, q, env)
			refs = a.preloadFile(refs)
		} else {
			refs = indirect.Environ(refs, q, withoutLoader(env))
		}
	}
	if len(refs) == 0 {
		return
	}
	if a.Script {
		// The line of a script says how to find its interpreter; what is found
		// is an exec of its own.
		refs = dropWrappers(refs)
	}
	f := finder{a: a, env: env}
	for i := range refs {
		f.find(&refs[i])
	}
	a.Refs = f.settled(refs)
}

func (a *attempt) closeRefs() {
	for i := range a.Refs {
		if a.Refs[i].FD >= 0 {
			linux.Close(a.Refs[i].FD)
		}
	}
	a.Refs = nil
}

func withoutLoader(env []string) []string {
	var out []string
	for _, e := range env {
		if !strings.HasPrefix(e, "LD_") {
			out = append(out, e)
		}
	}
	return out
}

func dropWrappers(refs []action.Ref) []action.Ref {
	out := refs[:0]
	for _, r := range refs {
		if r.Kind != action.RefWrapper {
			out = append(out, r)
		}
	}
	return out
}

// maxPreloadFile bounds /etc/ld.so.preload.
const maxPreloadFile = 64 << 10

// preloadFile adds what /etc/ld.so.preload names, in the caller's root.
func (a *attempt) preloadFile(refs []action.Ref) []action.Ref {
	const name = "/etc/ld.so.preload"
	if a.s.nowhere(name) {
		return refs
	}
	o, err := a.place.find(linux.AtFDCWD, name, 0)
	if err != nil {
		return refs
	}
	defer o.close()
	fd := a.reopen(o)
	if fd < 0 {
		return indirect.Add(refs, action.Ref{Kind: action.RefPreload, Name: name, Via: name, Unseen: true})
	}
	defer linux.Close(fd)
	b := make([]byte, min(o.file.Size, maxPreloadFile))
	n, err := linux.Pread(fd, b, 0)
	if err != nil {
		return refs
	}
	for line := range strings.Lines(string(b[:max(n, 0)])) {
		line, _, _ = strings.Cut(line, "#")
		for _, lib := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\n:", r) }) {
			refs = indirect.Add(refs, action.Ref{Kind: action.RefPreload, Name: lib, Via: name})
		}
	}
	if o.file.Size > maxPreloadFile {
		refs = indirect.Add(refs, action.Ref{Kind: action.RefTruncated, Via: name})
	}
	return refs
}

// finder looks up the files of one exec's references.
type finder struct {
	a    *attempt
	env  []string
	libs []string // folders that ld.so looks into first
}

func (f *finder) variable(name string) string {
	for _, e := range f.env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

func (f *finder) find(r *action.Ref) {
	switch r.Kind {
	case action.RefScript:
		if f.open(r, r.Name) || strings.Contains(r.Name, "/") || r.Via != "argument" {
			return
		}
		for dir := range strings.SplitSeq(f.variable("PATH"), ":") { // shells look there next
			if dir != "" && f.open(r, dir+"/"+r.Name) {
				return
			}
		}
	case action.RefLoader, action.RefPreload, action.RefAudit:
		f.library(r)
	case action.RefLibraryPath:
		name := f.expand(r.Name)
		f.libs = append(f.libs, name)
		f.open(r, name)
	case action.RefCode:
		if r.Via == indirect.Stdin {
			f.stdin(r)
		}
	}
}

// open finds a file by the caller's root and working directory.
func (f *finder) open(r *action.Ref, name string) bool {
	if name == "" {
		name = "."
	}
	o, err := f.a.place.find(linux.AtFDCWD, name, 0)
	if err != nil {
		// What is wrong with a name does not depend on who looks.
		switch err {
		case syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG:
		default:
			r.Unseen = true
		}
		return false
	}
	f.take(r, o)
	return true
}

func (f *finder) take(r *action.Ref, o *object) {
	r.Unseen = false
	r.Path, r.File = o.path, o.file
	if o.path == "" {
		r.Path = r.Name
	}
	switch o.file.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		r.FD = f.a.reopen(o)
		var head [2]byte
		if n, _ := linux.Pread(max(r.FD, 0), head[:], 0); r.FD >= 0 && n == 2 && string(head[:]) == "#!" {
			r.Program = true
		}
		r.Program = r.Program || o.file.Mode&0o111 != 0
		r.Unseen = r.FD < 0
	case syscall.S_IFDIR:
		if fd, err := linux.OpenAt(linux.AtFDCWD, selfFD(o.fd), syscall.O_RDONLY|syscall.O_DIRECTORY); err == nil {
			r.FD = fd
		}
	default:
		r.Unseen = r.Kind == action.RefScript // a pipe or device: what comes out of it cannot be known
	}
	o.close()
}

// libraryFolders is where ld.so looks last. What /etc/ld.so.cache adds is not
// looked at here.
var libraryFolders = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
	"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
}

func (f *finder) library(r *action.Ref) {
	name := f.expand(r.Name)
	if strings.Contains(name, "$") {
		r.Unseen = true
		return
	}
	if strings.Contains(name, "/") {
		f.open(r, name)
		return
	}
	for _, e := range f.env {
		if v, ok := strings.CutPrefix(e, "LD_LIBRARY_PATH="); ok {
			f.libs = append(f.libs, strings.FieldsFunc(v, func(r rune) bool { return r == ':' || r == ';' })...)
		}
	}
	for _, list := range [][]string{f.libs, libraryFolders} {
		for _, dir := range list {
			if f.open(r, f.expand(dir)+"/"+name) {
				return
			}
		}
	}
}

// expand puts the program's folder in the place of $ORIGIN (ld.so(8)).
func (f *finder) expand(name string) string {
	if !strings.Contains(name, "$") {
		return name
	}
	dir := path.Dir(f.a.real.path)
	name = strings.ReplaceAll(name, "${ORIGIN}", dir)
	return strings.ReplaceAll(name, "$ORIGIN", dir)
}

// stdin finds out what an interpreter without a script will read: a person's
// terminal is none of our business, a file is a script, the rest is code.
func (f *finder) stdin(r *action.Ref) {
	var st linux.Stat
	err := f.a.s.power.as(f.a.tid, func() error {
		return linux.StatAt(linux.AtFDCWD, procfs.Path(f.a.tid, "fd/0"), &st, 0)
	})
	switch {
	case err == syscall.ENOENT, err == nil && st.Mode&syscall.S_IFMT == syscall.S_IFCHR:
		r.Kind = refNothing
	case err != nil:
		r.Unseen = true
	case st.Mode&syscall.S_IFMT == syscall.S_IFREG:
		r.Kind = action.RefScript
		fd, err := f.a.openProc("fd/0")
		if err != nil {
			r.Unseen = true
			return
		}
		o := &object{fd: fd}
		if err := o.describe(&linux.Stat{}); err != nil {
			o.close()
			r.Unseen = true
			return
		}
		r.Name = o.path
		f.take(r, o)
	}
}

// refNothing marks a reference that turned out to be none.
const refNothing = action.RefKind(255)

// settled leaves out what names no file: the program will not find it either.
func (f *finder) settled(refs []action.Ref) []action.Ref {
	out := refs[:0]
	for _, r := range refs {
		switch r.Kind {
		case refNothing:
			continue
		case action.RefScript, action.RefPreload, action.RefAudit, action.RefLibraryPath:
			if r.Path == "" && !r.Unseen {
				continue
			}
		}
		out = append(out, r)
	}
	return out
}
