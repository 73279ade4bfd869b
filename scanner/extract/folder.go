package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// maxFolders is how deep folders may lie in each other: each costs a descriptor.
const maxFolders = 512

// Folder reads a root file system that lies in a folder. Links are not
// followed, and nothing outside the folder is opened whatever changes in it
// meanwhile. skip says which folders, by their name within it, are left out.
func (r *Reader) Folder(ctx context.Context, dir string, skip func(string) bool) (*Layer, error) {
	r = r.ready()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f := &folder{sink: r.sink(ctx, &budget{limits: r.Limits}), skip: skip}
	err = f.walk(root, "/", 0)
	if errors.Is(err, errLimit) {
		f.note("limit", finding.Partial, "", err.Error())
		err = nil
	}
	return f.layer, err
}

type folder struct {
	*sink
	skip func(string) bool
}

func (f *folder) walk(root *os.Root, at string, depth int) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	d, err := root.Open(".")
	if err != nil {
		f.unread(at, err)
		return nil
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		f.unread(at, err)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := f.one(root, name, path.Join(at, name), depth); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) one(root *os.Root, name, full string, depth int) error {
	st, err := root.Lstat(name)
	if err != nil {
		f.unread(full, err)
		return nil
	}
	info := inspect.Info{Path: full, Mode: st.Mode(), Size: st.Size()}
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		info.UID, info.GID = int(s.Uid), int(s.Gid)
	}
	e := Entry{Path: full, Kind: Special}
	switch {
	case st.IsDir():
		e.Kind = Dir
	case st.Mode().IsRegular():
		e.Kind = Regular
	case st.Mode()&fs.ModeSymlink != 0:
		e.Kind = Symlink
		if e.Link, err = root.Readlink(name); err != nil {
			f.unread(full, err)
			return nil
		}
	}
	if err := f.budget.entry(len(full) + len(e.Link)); err != nil {
		return err
	}
	switch e.Kind {
	case Dir:
		if f.skip != nil && f.skip(full) {
			return nil
		}
		f.layer.Entries = append(f.layer.Entries, e)
		return f.enter(root, name, info, depth)
	case Regular:
		f.layer.Size += st.Size()
		f.layer.Entries = append(f.layer.Entries, e)
		return f.regular(root, name, info)
	}
	f.layer.Entries = append(f.layer.Entries, e)
	return nil
}

func (f *folder) enter(root *os.Root, name string, info inspect.Info, depth int) error {
	if err := f.stat(info); err != nil {
		return err
	}
	if depth >= maxFolders {
		f.note("limit-depth", finding.Partial, info.Path, "folders lie too deep in each other")
		return nil
	}
	sub, err := root.OpenRoot(name)
	if err != nil {
		f.unread(info.Path, err)
		return nil
	}
	defer sub.Close()
	return f.walk(sub, info.Path, depth+1)
}

func (f *folder) regular(root *os.Root, name string, info inspect.Info) error {
	lazy := &lazyFile{open: func() (*os.File, error) {
		return root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	}}
	defer lazy.close()
	err := f.file(info, lazy)
	if err == nil || errors.Is(err, errLimit) || lazy.err == nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	f.unread(info.Path, err) // it may not be read, or became shorter
	return nil
}

func (f *folder) unread(name string, err error) {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	f.note("file-unreadable", finding.Partial, name, fmt.Sprintf("it cannot be read: %v", err))
}

// lazyFile opens a file when somebody reads of it.
type lazyFile struct {
	open func() (*os.File, error)
	f    *os.File
	err  error
}

func (l *lazyFile) Read(p []byte) (int, error) {
	if l.f == nil && l.err == nil {
		l.f, l.err = l.open()
	}
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.f.Read(p)
	if err != nil && err != io.EOF {
		l.err = err
	}
	return n, err
}

func (l *lazyFile) close() {
	if l.f != nil {
		l.f.Close()
	}
}
