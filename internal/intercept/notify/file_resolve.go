package notify

import (
	"strconv"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// fileObject is what a name led to.
type fileObject struct {
	fd   int // O_PATH
	st   linux.Stat
	path string // "": it has no name
	was  string // the name that it had
	proc bool   // lies in a proc file system
	open int    // its descriptor for reading, plus 1; 0: none
}

func (o *fileObject) close() {
	if o != nil && o.fd >= 0 {
		linux.Close(o.fd)
		closeIf(o.open - 1)
		o.fd, o.open = -1, 0
	}
}

func (o *fileObject) kind() uint32 { return o.st.Mode & syscall.S_IFMT }

func (o *fileObject) file() action.File { return fileOf(&o.st) }

// look fills in what the descriptor shows. path is the object's, if that is
// known.
func (o *fileObject) look(f *fileState, path string) syscall.Errno {
	if o.st.Ino == 0 {
		if err := linux.Fstat(o.fd, &o.st); err != nil {
			return linux.ErrnoOf(err)
		}
	}
	f.where(o)
	if o.st.Nlink == 0 {
		name, err := linux.PathOf(o.fd)
		switch {
		case err == syscall.ENAMETOOLONG:
			return syscall.ENAMETOOLONG
		case err == nil && o.kind() == syscall.S_IFREG && !memfd(name, &o.st):
			o.was = strings.TrimSuffix(name, " (deleted)")
		}
		return 0
	}
	if path != "" {
		o.path = path
		return 0
	}
	name, err := linux.PathOf(o.fd)
	if err == syscall.ENAMETOOLONG {
		return syscall.ENAMETOOLONG
	}
	if err != nil {
		return syscall.EACCES
	}
	if strings.HasPrefix(name, "/") && !memfd(name, &o.st) {
		o.path = name
	}
	return 0
}

// where says whether an object lies in a proc file system. Files there have
// no size.
func (f *fileState) where(o *fileObject) {
	if o.st.Size != 0 && o.kind() == syscall.S_IFREG {
		return
	}
	if _, plain := f.plain.Load(o.st.Dev); plain {
		return
	}
	m, err := linux.FsMagic(o.fd)
	o.proc = err == nil && m == linux.ProcMagic
	if err == nil && !o.proc && !f.mounts {
		// A device number means another file system only after something was
		// unmounted and something else mounted.
		f.plain.Store(o.st.Dev, struct{}{})
	}
}

// base opens where a relative name begins; -1 and no error for an absolute
// one.
func (u *fileUser) base(dirfd int, path string) (int, syscall.Errno) {
	if path != "" && path[0] == '/' {
		return -1, 0
	}
	fd, err := u.start(dirfd)
	if err != nil {
		return -1, fileErrno(err)
	}
	return fd, 0
}

// fileErrno is what a caller sees when we could not look into it: nothing of
// its own would fail so, except with what the kernel says of names.
func fileErrno(err error) syscall.Errno {
	if e, ok := err.(syscall.Errno); ok && e != syscall.EPERM {
		return e
	}
	return syscall.EACCES
}

// object resolves a name to an object, as the caller. nofollow: a symbolic
// link at the end is the object. resolve are the caller's own RESOLVE_ flags.
func (u *fileUser) object(dirfd int, path string, nofollow bool, resolve uint64) (*fileObject, syscall.Errno) {
	if path == "" {
		return nil, syscall.ENOENT
	}
	base, e := u.base(dirfd, path)
	if e != 0 {
		return nil, e
	}
	defer closeIf(base)
	flags := linux.OPath
	if nofollow {
		flags |= linux.ONoFollow
	}
	if !u.s.roots.Load() || resolve&(linux.ResolveBeneath|linux.ResolveInRoot) != 0 {
		from := base
		if from < 0 {
			from = linux.AtFDCWD
			if resolve&(linux.ResolveBeneath|linux.ResolveInRoot) != 0 { // such a name begins at dirfd
				if from, e = u.base(dirfd, ""); e != 0 {
					return nil, e
				}
				defer linux.Close(from)
			}
		}
		if resolve == 0 && plainly(path) {
			// Most names have no symbolic link in them: then the path is known.
			if o, e := u.try(from, path, flags, linux.ResolveNoSymlinks); e == 0 {
				return u.allowedInside(o)
			} else if e != syscall.ELOOP && e != syscall.ENOSYS {
				return nil, e
			}
		}
		o, e := u.try(from, path, flags, linux.ResolveNoMagicLinks|resolve)
		if e == 0 && !o.proc {
			return o, 0
		}
		o.close()
		switch {
		case e != 0 && (resolve != 0 || !depends(e)):
			return nil, e
		case resolve == 0:
			// /proc/self and what lies behind magic links is somebody else for
			// us. Without a symbolic link on the way there is none of these.
			o, again := u.try(from, path, flags, linux.ResolveNoSymlinks)
			switch {
			case again == 0:
				return u.allowedInside(o)
			case again == e && e != syscall.ELOOP && e != syscall.ENOSYS:
				return nil, e
			}
		}
	}
	w := fileWalk{fileUser: u, nofollow: nofollow}
	fd, e := w.from(base, path)
	if e != 0 {
		return nil, e
	}
	o := &fileObject{fd: fd}
	if e = o.look(&u.s.files, ""); e == 0 {
		e = u.inside(o)
	}
	if e != 0 {
		o.close()
		return nil, e
	}
	return o, 0
}

// allowedInside gives o unless it is closed to the caller.
func (u *fileUser) allowedInside(o *fileObject) (*fileObject, syscall.Errno) {
	if e := u.inside(o); e != 0 {
		o.close()
		return nil, e
	}
	return o, 0
}

// plainly says that a name is the canonical path of what it leads to, if no
// symbolic link is on the way.
func plainly(path string) bool {
	if len(path) < 2 || path[0] != '/' {
		return false
	}
	for i := 0; i+1 < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		switch path[i+1] {
		case '/':
			return false
		case '.':
			rest := path[i+2:]
			if rest == "" || rest[0] == '/' || rest == "." || len(rest) > 1 && rest[0] == '.' && rest[1] == '/' {
				return false
			}
		}
	}
	return path[len(path)-1] != '/'
}

// try lets the kernel resolve a name.
func (u *fileUser) try(from int, path string, flags int, resolve uint64) (*fileObject, syscall.Errno) {
	known := ""
	if resolve == linux.ResolveNoSymlinks && plainly(path) {
		known = path
	}
	o := &fileObject{fd: -1}
	e := u.as(true, func() (err error) {
		if o.fd, err = linux.OpenAt2(from, path, flags, resolve); err == nil {
			u.ahead(o)
		}
		return err
	})
	if e != 0 {
		return nil, e
	}
	e = o.look(&u.s.files, known)
	if e == syscall.ENAMETOOLONG {
		e = u.deep(o, from, path, resolve, 0)
	}
	if e != 0 {
		o.close()
		return nil, e
	}
	return o, 0
}

// ahead opens a plain file while this thread is the caller, so that it need not
// become it a second time: to open one for reading does nothing that a denial
// would have to undo.
func (u *fileUser) ahead(o *fileObject) {
	if u.reads == 0 || !u.taken || linux.Fstat(o.fd, &o.st) != nil || o.kind() != syscall.S_IFREG || o.st.Size == 0 {
		return // files below /proc have no size
	}
	if fd, err := linux.Reopen(o.fd, u.reads, 0); err == nil {
		o.open = fd + 1
	}
}

// depends says that an errno may depend on who asks.
func depends(e syscall.Errno) bool {
	switch e {
	case syscall.ELOOP, syscall.ENOSYS, syscall.EPERM, syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES:
		return true
	}
	return false
}

// parent resolves all but the last part of a name. last keeps the slashes
// that follow it, because the kernel minds them; "" is the root itself.
func (u *fileUser) parent(dirfd int, path string) (dir *fileObject, last string, e syscall.Errno) {
	if path == "" {
		return nil, "", syscall.ENOENT
	}
	base, e := u.base(dirfd, path)
	if e != 0 {
		return nil, "", e
	}
	defer closeIf(base)
	return u.parentFrom(base, path)
}

func (u *fileUser) parentFrom(base int, path string) (dir *fileObject, last string, e syscall.Errno) {
	trimmed := strings.TrimRight(path, "/")
	cut := strings.LastIndexByte(trimmed, '/') + 1
	head := path[:cut]
	last = path[cut:]
	if head == "" {
		head = "."
		if path[0] == '/' {
			head, last = "/", ""
		}
	}
	if !u.s.roots.Load() {
		from := base
		if from < 0 {
			from = linux.AtFDCWD
		}
		clean := strings.TrimRight(head, "/")
		if clean != "" && plainly(clean) {
			if o, e := u.try(from, clean, linux.OPath|linux.ODirectory, linux.ResolveNoSymlinks); e == 0 {
				return o, last, 0
			}
		}
		o, e := u.try(from, head, linux.OPath|linux.ODirectory, linux.ResolveNoMagicLinks)
		if e == 0 && !o.proc {
			return o, last, 0
		}
		o.close()
		if e == syscall.ENAMETOOLONG {
			return nil, "", e
		}
	}
	w := fileWalk{fileUser: u}
	fd, e := w.from(base, head)
	if e != 0 {
		return nil, "", e
	}
	o := &fileObject{fd: fd}
	if e := o.look(&u.s.files, ""); e != 0 {
		o.close()
		return nil, "", e
	}
	if o.kind() != syscall.S_IFDIR {
		o.close()
		return nil, "", syscall.ENOTDIR
	}
	return o, last, 0
}

// below opens a name in a directory without following it.
func (u *fileUser) below(dir *fileObject, last string) (*fileObject, syscall.Errno) {
	name := strings.TrimRight(last, "/")
	if name == "" {
		name = "."
	}
	fd := -1
	e := u.as(!dir.proc, func() (err error) {
		fd, err = linux.OpenAt(dir.fd, name, linux.OPath|linux.ONoFollow)
		if refused(err) && dir.proc {
			fd, err = u.ownFolder(dir.fd, name, err)
		}
		return err
	})
	if e != 0 {
		return nil, e
	}
	o := &fileObject{fd: fd}
	e = o.look(&u.s.files, "")
	if e == syscall.ENAMETOOLONG && o.kind() != syscall.S_IFDIR && dir.path != "" {
		o.path, e = pathBelow(dir, name), 0
	}
	if e != 0 {
		o.close()
		return nil, e
	}
	return o, 0
}

// pathBelow names what last is called in dir.
func pathBelow(dir *fileObject, last string) string {
	name := strings.TrimRight(last, "/")
	switch {
	case dir.path == "":
		return ""
	case dir.path == "/":
		return "/" + name
	}
	return dir.path + "/" + name
}

// descriptor gives the object that one of the caller's descriptors is open on.
func (u *fileUser) descriptor(fd int) (*fileObject, syscall.Errno) {
	if fd < 0 && fd != linux.AtFDCWD {
		return nil, syscall.EBADF
	}
	at, e := u.base(fd, "")
	if e != 0 {
		return nil, e
	}
	o := &fileObject{fd: at}
	if e := o.look(&u.s.files, ""); e != 0 {
		o.close()
		return nil, e
	}
	return o, 0
}

// openFlags are those of one of the caller's descriptors (F_GETFL, and O_PATH).
func (u *fileUser) openFlags(fd int) (int, syscall.Errno) {
	var flags int64 = -1
	err := u.s.power.as(u.tid, func() error {
		b, _, err := procfs.ReadFile(u.s.power.path(u.tid, "fdinfo/"+strconv.Itoa(fd)), 4096)
		if err != nil {
			return err
		}
		if _, v, ok := strings.Cut(string(b), "flags:\t"); ok {
			v, _, _ = strings.Cut(v, "\n")
			flags, err = strconv.ParseInt(v, 8, 64)
		}
		return err
	})
	if err != nil || flags < 0 {
		return 0, syscall.EBADF
	}
	return int(flags), 0
}

func closeIf(fd int) {
	if fd >= 0 {
		linux.Close(fd)
	}
}
