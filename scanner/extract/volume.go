package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/disk/volume"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// Mounted is a file system of a disk and where its files belong.
type Mounted struct {
	Name string // of the volume: the layer's diff ID
	FS   volume.FS
	At   string // "/", "/boot"
}

// Volumes reads file systems of a disk, a layer each. Links are not followed.
func (r *Reader) Volumes(ctx context.Context, list []Mounted) ([]*Layer, error) {
	r = r.ready()
	b := &budget{limits: r.Limits}
	var layers []*Layer
	for i, m := range list {
		w := &volumeWalk{sink: r.sink(ctx, b), fs: m.FS, seen: map[uint64]bool{}}
		w.layer.DiffID = m.Name
		err := w.walk(m.FS.Root(), m.At, 0)
		if errors.Is(err, errLimit) {
			w.note("limit", finding.Partial, "", err.Error())
			err = nil
		}
		if err != nil {
			return nil, err
		}
		layers = append(layers, w.layer)
		if r.Progress != nil {
			r.Progress(i+1, len(list))
		}
	}
	return layers, nil
}

// volumeWalk goes through the folders of one file system.
type volumeWalk struct {
	*sink
	fs   volume.FS
	seen map[uint64]bool // folders: on a sound disk each has one name
}

// asked calls a reader, whose panic is an error of the disk.
func asked[T any](f func(uint64) (T, error), inode uint64) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = volume.Broken("reading it went wrong: %v", p)
		}
	}()
	return f(inode)
}

func (w *volumeWalk) walk(inode uint64, at string, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if depth >= maxFolders || len(at) > maxName {
		w.note("limit-depth", finding.Partial, at, "folders lie too deep in each other")
		return nil
	}
	if w.seen[inode] {
		w.note("disk-folder-twice", finding.Partial, at, "a folder lies at two places: it was read once")
		return nil
	}
	w.seen[inode] = true
	names, err := asked(w.fs.List, inode)
	if err != nil {
		w.unread(at, err)
	}
	slices.SortFunc(names, func(a, b volume.Name) int { return strings.Compare(a.Name, b.Name) })
	for _, n := range names {
		if n.Name == "" || n.Name == "." || n.Name == ".." || strings.ContainsAny(n.Name, "/\x00") {
			w.note("disk-name", finding.Partial, at, fmt.Sprintf("no file can have the name %q", n.Name))
			continue
		}
		if err := w.one(n.Inode, path.Join(at, n.Name), depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *volumeWalk) one(inode uint64, full string, depth int) error {
	st, err := asked(w.fs.Stat, inode)
	if err != nil {
		w.unread(full, err)
		return nil
	}
	info := inspect.Info{Path: full, Mode: st.Mode, Size: st.Size, UID: st.UID, GID: st.GID}
	e := Entry{Path: full, Kind: Special}
	switch {
	case st.Mode.IsDir():
		e.Kind = Dir
	case st.Mode.IsRegular():
		e.Kind = Regular
	case st.Mode&fs.ModeSymlink != 0:
		e.Kind = Symlink
		if e.Link, err = asked(w.fs.ReadLink, inode); err != nil {
			w.unread(full, err)
			return nil
		}
	}
	if err := w.budget.entry(len(full) + len(e.Link)); err != nil {
		return err
	}
	w.layer.Entries = append(w.layer.Entries, e)
	switch e.Kind {
	case Dir:
		if err := w.stat(info); err != nil {
			return err
		}
		return w.walk(inode, full, depth+1)
	case Regular:
		return w.regular(inode, info)
	}
	return nil
}

func (w *volumeWalk) regular(inode uint64, info inspect.Info) error {
	// What a file claims to hold costs nothing on a disk: only what is read counts.
	lazy := &lazyExtents{walk: w, inode: inode, size: info.Size}
	w.layer.Size += info.Size
	err := w.file(info, lazy)
	if err == nil || errors.Is(err, errLimit) || lazy.err == nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	w.unread(info.Path, err)
	return nil
}

func (w *volumeWalk) unread(name string, err error) {
	w.note("file-unreadable", finding.Partial, name, fmt.Sprintf("it cannot be read: %v", err))
}

// lazyExtents opens a file when somebody reads of it.
type lazyExtents struct {
	walk  *volumeWalk
	inode uint64
	size  int64
	at    int64
	r     io.ReaderAt
	err   error
}

func (l *lazyExtents) Read(p []byte) (n int, err error) {
	if l.r == nil && l.err == nil {
		l.r, l.err = asked(l.walk.fs.Open, l.inode)
		if f, ok := l.r.(*volume.File); ok && l.err == nil && f.Sparse(l.walk.limits.Ratio) && l.size > maxSparse {
			l.err = fmt.Errorf("a sparse file of %d bytes was not read", l.size)
		}
	}
	if l.err != nil {
		return 0, l.err
	}
	if err := l.walk.ctx.Err(); err != nil {
		return 0, err
	}
	if l.at >= l.size {
		return 0, io.EOF
	}
	defer func() {
		if r := recover(); r != nil {
			err = volume.Broken("reading it went wrong: %v", r)
		}
		if err != nil && err != io.EOF && !errors.Is(err, errLimit) {
			l.err = err
		}
	}()
	if int64(len(p)) > l.size-l.at {
		p = p[:l.size-l.at]
	}
	n, err = l.r.ReadAt(p, l.at)
	l.at += int64(n)
	if limit := l.walk.budget.plain(int64(n)); limit != nil {
		return n, limit
	}
	if n == len(p) {
		err = nil
	}
	return n, err
}
