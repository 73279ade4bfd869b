package enforcer

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/workload"
)

// Wants implements intercept.Judge.
func (l *Loop) Wants() (w intercept.Wants) {
	e := l.current.Load().Engine
	if e == nil {
		return w // the verdict itself will say no
	}
	n := e.Needs()
	return intercept.Wants{Lenient: !n.Enforced, Refs: n.Refs, Env: n.Env, IDs: n.IDs, Linker: n.Maps && n.Origin, Thin: true, Interpreter: e.Interpreter()}
}

// identifyRefs fills in digest and origin of what a program is made to run or
// load.
func (l *Loop) identifyRefs(e *action.Exec) {
	for i := range e.Refs {
		r := &e.Refs[i]
		r.Digest, r.Origin = workload.Digest{}, action.OriginUnknown
		if r.Path == "" {
			continue
		}
		if r.File.Mode&syscall.S_IFMT == syscall.S_IFDIR {
			if r.Kind == action.RefLibraryPath && l.cfg.Manifest != nil {
				l.folder(e, i)
			}
			continue
		}
		if r.FD >= 0 {
			d, err := l.digests.OfWhile(r.FD, r.File, e.Waits)
			if err != nil {
				l.cfg.Logger.Debug("cannot digest a file", "path", r.Path, "error", err)
			}
			r.Digest = d
		}
		if l.cfg.Manifest != nil {
			r.Origin = l.cfg.Manifest.Origin(r.Path, r.Digest)
			if r.Kind == action.RefLinker && r.Origin == action.OriginImage && l.digests.Settled(r.File) {
				l.remember(l.current.Load(), r.File)
			}
		}
	}
}

// Bounds of looking through folders of libraries.
const (
	maxFolderNames = 4096
	maxFolders     = 256
	folderSettle   = 50 * time.Millisecond
	// ld.so looks into folders for processors below each other, at most so deep. A
	// link can lead back up, so there is a bound on all of them, too.
	maxFolderDepth = 4
	maxFoldersIn   = 256
)

// folders remembers which objects of library folders are not the image's, by
// the folder's identity: adding, renaming and removing change its times. That
// an object was changed in place is for drift to see when it is mapped.
type folders struct {
	mu   sync.Mutex
	seen map[action.File][]string
}

// folder replaces the i-th reference, a folder that ld.so looks into, by the
// shared objects in it that the image does not have.
func (l *Loop) folder(e *action.Exec, i int) {
	r := &e.Refs[i]
	r.Origin = action.OriginImage
	if r.FD < 0 {
		r.Unseen = true
		return
	}
	foreign, ok := l.foreignLibraries(r)
	if !ok {
		r.Unseen = true
		return
	}
	via := r.Via
	for _, path := range foreign {
		if len(e.Refs) >= action.MaxRefs {
			e.Refs = append(e.Refs, action.Ref{Kind: action.RefTruncated, Via: via, FD: -1})
			return
		}
		e.Refs = append(e.Refs, action.Ref{Kind: action.RefLibraryPath, Name: path, Via: via, Path: path, FD: -1, Origin: action.OriginDrifted})
	}
}

func (l *Loop) foreignLibraries(r *action.Ref) (out []string, ok bool) {
	l.folders.mu.Lock()
	out, ok = l.folders.seen[r.File]
	l.folders.mu.Unlock()
	if ok {
		return out, true
	}
	settled := l.cfg.Now().UnixNano()-r.File.CtimeNs > int64(folderSettle)
	fd, err := syscall.Dup(r.FD)
	if err != nil {
		return nil, false
	}
	looked := 0
	if out, ok = l.foreignIn(fd, r.Path, 0, nil, &looked); !ok {
		return nil, false
	}
	settled = settled && looked == 1 // of what lies deeper the folder's times say nothing
	if settled {
		l.folders.mu.Lock()
		if l.folders.seen == nil || len(l.folders.seen) >= maxFolders {
			l.folders.seen = map[action.File][]string{}
		}
		l.folders.seen[r.File] = out
		l.folders.mu.Unlock()
	}
	return out, true
}

// foreignIn looks through an open folder, which it closes, and through those in it
// that ld.so looks into before it, for processors and kernels. looked counts them.
func (l *Loop) foreignIn(fd int, dir string, depth int, out []string, looked *int) (all []string, ok bool) {
	syscall.CloseOnExec(fd)
	d := os.NewFile(uintptr(fd), "libraries")
	defer d.Close()
	_, _ = d.Seek(0, 0)
	names, err := d.Readdirnames(maxFolderNames + 1)
	if *looked++; err != nil && len(names) > 0 || len(names) > maxFolderNames || *looked > maxFoldersIn {
		return nil, false
	}
	for _, n := range names {
		if depth < maxFolderDepth && (depth > 0 && depth < 3 || forProcessors(n)) {
			if f, err := syscall.Openat(fd, n, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0); err == nil {
				real, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(f))
				if out, ok = l.foreignIn(f, real, depth+1, out, looked); !ok {
					return nil, false
				}
				continue
			}
		}
		if !strings.Contains(n, ".so") || len(out) > action.MaxRefs {
			continue
		}
		path := dir + "/" + n
		if _, known := l.cfg.Manifest.Lookup(path); known {
			continue
		}
		// The manifest holds files by their real names; what is found under a
		// link counts by where it leads.
		f, err := syscall.Openat(fd, n, oPath|syscall.O_CLOEXEC, 0)
		if err != nil {
			continue // a link to nowhere
		}
		real, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(f))
		_ = syscall.Close(f)
		if err == nil {
			if _, known := l.cfg.Manifest.Lookup(real); known {
				continue
			}
			path = real
		}
		out = append(out, path)
	}
	return out, true
}

// forProcessors knows the folders by name that ld.so looks into first.
func forProcessors(name string) bool {
	switch name {
	case "glibc-hwcaps", "tls", "haswell", "xeon_phi", "avx512_1", "x86_64", "aarch64", "atomics":
		return true
	}
	return false
}

const oPath = 0x200000 // O_PATH

// refKinds are the words of events.
var refKinds = [...]string{action.RefLoader: "program for the loader", action.RefApplet: "applet", action.RefWrapper: "command", action.RefScript: "script",
	action.RefCode: "code", action.RefPreload: "library", action.RefAudit: "audit library", action.RefLibraryPath: "library folder", action.RefLinker: "dynamic loader", action.RefTruncated: "more than was copied"}

// maxTold bounds how many references an event lists.
const maxTold = 8

// tellRefs says what a program was made to run or load: "script /tmp/s.sh
// (argument, drifted)". Code itself is not repeated: the arguments hold it.
func tellRefs(e *action.Exec) string {
	var b strings.Builder
	told := 0
	for i := range e.Refs {
		r := &e.Refs[i]
		if told == maxTold {
			b.WriteString(", ...")
			break
		}
		if told++; told > 1 {
			b.WriteString(", ")
		}
		b.WriteString(refKinds[r.Kind])
		name := r.Path
		if name == "" {
			name = r.Name
		}
		if name != "" {
			b.WriteString(" " + name)
		}
		b.WriteString(" (" + r.Via)
		if r.Origin != action.OriginUnknown {
			b.WriteString(", " + originName(r.Origin))
		}
		b.WriteString(")")
	}
	return b.String()
}

// tellIDs writes a task's ids, the groups up to a bound.
func tellIDs(ids *action.IDs) string {
	b := []byte("uid ")
	add := func(list []uint32) {
		for i, id := range list {
			if i > 0 {
				b = append(b, '/')
			}
			b = strconv.AppendUint(b, uint64(id), 10)
		}
	}
	add(ids.UIDs[:])
	b = append(b, ", gid "...)
	add(ids.GIDs[:])
	b = append(b, ", groups "...)
	if len(ids.Groups) == 0 {
		b = append(b, '-')
	}
	add(ids.Groups[:min(len(ids.Groups), 32)])
	return string(b)
}
