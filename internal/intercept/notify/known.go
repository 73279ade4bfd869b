package notify

import (
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// knownNames remembers where absolute names of programs led a moment ago, so that a
// program that is started again and again is found by one call instead of five.
// An entry counts only while the name leads to the very same object, unchanged
// (its times, size, owner, mode and number of links): what could be stale is the
// canonical name of that object, for a second, where a folder above it was
// renamed. What really runs is looked at again at the exec stop, whatever was
// found here.
//
// It also remembers folders that are no part of a proc filesystem: a name that
// is not there is then not there for anybody.
type knownNames struct {
	mu      sync.RWMutex
	objects map[string]namedObject
	folders map[string]time.Time
}

type namedObject struct {
	object
	since time.Time
}

// Bounds of knownNames.
const (
	maxNames   = 1024
	namesStale = time.Second
)

// nowhere says that it is certain that there is nothing of a name, for anybody.
// A shell that goes through PATH asks for such names several times for each
// program that it starts.
func (s *Supervisor) nowhere(path string) bool {
	if path == "" || path[0] != '/' || s.roots.Load() || !s.names.ordinary(path) {
		return false
	}
	var st linux.Stat
	return linux.StatAt(linux.AtFDCWD, path, &st, linux.AtSymNofollow) == syscall.ENOENT
}

// known finds an object by a name that was found before. The descriptor is left
// out. An error: find it.
func (p place) known(dirfd int, path string, flags int) (*object, error) {
	if flags != 0 || path == "" || path[0] != '/' || p.s.roots.Load() {
		return nil, syscall.EAGAIN
	}
	var st linux.Stat
	if linux.StatAt(linux.AtFDCWD, path, &st, 0) != nil {
		return nil, syscall.EAGAIN
	}
	n := &p.s.names
	n.mu.RLock()
	was, ok := n.objects[path]
	n.mu.RUnlock()
	if !ok || was.file != fileOf(&st) || time.Since(was.since) > namesStale {
		return nil, syscall.EAGAIN
	}
	was.name = path
	return &was.object, nil
}

// keep remembers a program that was found by a name. What was changed too lately
// for its times to tell is not remembered, and neither are scripts, which are
// read each time.
func (p place) keep(path string, o *object) {
	if _, program := p.s.heads.get(o.file); !program || path == "" || path[0] != '/' || p.s.roots.Load() {
		return
	}
	n := &p.s.names
	n.mu.Lock()
	if n.objects == nil || len(n.objects) >= maxNames {
		n.objects = make(map[string]namedObject)
	}
	was := namedObject{*o, time.Now()}
	was.fd = -1
	n.objects[path] = was
	n.mu.Unlock()
}

func folderOf(path string) string { return path[:strings.LastIndexByte(path, '/')+1] }

func (n *knownNames) ordinary(path string) bool {
	n.mu.RLock()
	since, ok := n.folders[folderOf(path)]
	n.mu.RUnlock()
	return ok && time.Since(since) <= namesStale
}

// missed remembers that nothing is there by a name, and nothing of procfs near it.
func (n *knownNames) missed(path string) {
	if path[0] != '/' || strings.HasSuffix(path, "/") {
		return
	}
	n.mu.Lock()
	if n.folders == nil || len(n.folders) >= maxNames {
		n.folders = make(map[string]time.Time)
	}
	n.folders[folderOf(path)] = time.Now()
	n.mu.Unlock()
}

// hold opens an object that was found without a descriptor, as O_PATH; false: it
// is not there any more.
func (a *attempt) hold() bool {
	if a.obj == nil {
		return false
	}
	if a.obj.fd < 0 {
		o, err := a.find(linux.AtFDCWD, a.obj.name, 0)
		if err != nil {
			return false
		}
		if o.file != a.obj.file {
			o.close()
			return false
		}
		a.obj.fd = o.fd
	}
	return true
}
