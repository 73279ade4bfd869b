package enforcer

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// links knows the other names of files that have several, below what rules
// speak of. It looks once for each policy: a new link to a protected file is
// itself judged.
type links struct {
	mu     sync.Mutex
	engine *verdict.Engine
	paths  map[[2]uint64][]string
}

// Bounds of looking through folders.
const (
	maxLooked  = 50_000 // entries for all patterns of a policy
	maxMoved   = 20_000 // entries of one folder that would be moved
	maxAliases = 16     // names of one file
)

var errEnough = errors.New("looked at enough")

// ready says that names will answer at once.
func (l *links) ready(e *verdict.Engine) bool {
	if !l.mu.TryLock() {
		return false
	}
	defer l.mu.Unlock()
	return l.engine == e
}

func (l *links) names(e *verdict.Engine, f action.File, log *slog.Logger) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine != e {
		l.engine, l.paths = e, map[[2]uint64][]string{}
		left := maxLooked
		for _, root := range literalRoots(e.FilePatterns()) {
			if err := l.look(root, &left); err != nil {
				log.Warn("not every file that rules speak of was looked at for further links", "below", root, "entries", maxLooked)
				break
			}
		}
	}
	return l.paths[[2]uint64{f.Dev, f.Ino}]
}

func (l *links) look(root string, left *int) error {
	each := func(path string, d fs.DirEntry) error {
		if *left--; *left < 0 {
			return errEnough
		}
		if d.IsDir() && (path == "/proc" || path == "/sys" || path == "/dev") {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || st.Nlink < 2 {
			return nil
		}
		k := [2]uint64{uint64(st.Dev), st.Ino}
		if len(l.paths[k]) < maxAliases {
			l.paths[k] = append(l.paths[k], path)
		}
		return nil
	}
	info, err := os.Lstat(root)
	if err != nil {
		return nil // what is not there or closed to us has no name to know
	}
	switch err := each(root, fs.FileInfoToDirEntry(info)); {
	case err == filepath.SkipDir:
		return nil
	case err != nil:
		return err
	}
	return walk(root, each)
}

// walk goes through all that lies below a folder, of any size: of its names it holds
// a part at a time, and those of folders. filepath.WalkDir reads all of them first.
func walk(dir string, each func(path string, d fs.DirEntry) error) error {
	d, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	defer d.Close()
	var below []string
	for {
		part, err := d.ReadDir(256)
		for _, e := range part {
			path := filepath.Join(dir, e.Name())
			if err := each(path, e); err == filepath.SkipDir {
				continue
			} else if err != nil {
				return err
			}
			if e.IsDir() {
				below = append(below, path)
			}
		}
		if err != nil || len(part) == 0 {
			break
		}
	}
	d.Close() // before others are opened
	for _, path := range below {
		if err := walk(path, each); err != nil {
			return err
		}
	}
	return nil
}

// literalRoots are the folders or files in front of the patterns' wildcards,
// each once, without those below another.
func literalRoots(patterns []policy.Glob) []string {
	seen := map[string]bool{}
	for _, g := range patterns {
		p := string(g)
		if i := strings.IndexAny(p, "*?["); i >= 0 {
			p = p[:strings.LastIndexByte(p[:i], '/')]
		}
		if p == "" {
			p = "/"
		}
		seen[p] = true
	}
	var out []string
	for p := range seen {
		below := false
		for q := range seen {
			below = below || q != p && (q == "/" || strings.HasPrefix(p, q+"/"))
		}
		if !below {
			out = append(out, p)
		}
	}
	return out
}

// judgeBelow judges what would be moved with a folder.
func judgeBelow(e *verdict.Engine, o *action.FileOp) (d verdict.Decision) {
	left := maxMoved
	one := *o
	err := walk(o.Path, func(path string, entry fs.DirEntry) error {
		if left--; left < 0 {
			return errEnough
		}
		one.Path, one.File = path, action.File{}
		if entry.IsDir() {
			one.File.Mode = syscall.S_IFDIR
		}
		if d = e.File(&one); d.Verdict != verdict.Allow {
			return errEnough
		}
		return nil
	})
	if err != nil && d.Verdict == verdict.Allow {
		return e.FileAbove()
	}
	return d
}
