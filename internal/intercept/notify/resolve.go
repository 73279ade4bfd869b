package notify

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// object is a file found the way the caller's kernel would find it.
type object struct {
	fd       int    // O_PATH; -1: not opened, because it is known by name
	name     string // with fd -1: that name
	path     string
	file     action.File
	fileless bool
}

func (o *object) close() {
	if o != nil && o.fd >= 0 {
		linux.Close(o.fd)
		o.fd = -1
	}
}

// place is where a caller's names begin.
type place struct {
	s         *Supervisor
	tid, tgid int
}

// find resolves path against the caller's root, and its cwd or dirfd. flags
// may hold AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW. The errno is what the
// caller's own call would meet, as far as permissions on the way allow it.
func (p place) find(dirfd int, path string, flags int) (*object, error) {
	var st linux.Stat
	fd, err := p.open(dirfd, path, flags, &st)
	if err != nil {
		return nil, err
	}
	o := &object{fd: fd}
	if err := o.describe(&st); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// open gives the object, and its state where it was looked at: an inode number
// that is not 0.
func (p place) open(dirfd int, path string, flags int, st *linux.Stat) (int, error) {
	if path == "" {
		if flags&linux.AtEmptyPath == 0 {
			return -1, syscall.ENOENT
		}
		return p.start(dirfd)
	}
	nofollow := flags&linux.AtSymNofollow != 0
	if !p.s.roots.Load() && !nofollow {
		fd, err := p.fast(dirfd, path)
		if err == nil {
			if !inProc(fd, st) {
				return fd, nil
			}
			linux.Close(fd)
			st.Ino = 0
		} else if err == syscall.ENOENT {
			if p.absent(dirfd, path) {
				return -1, err
			}
		} else if err != syscall.ELOOP && err != syscall.ENOSYS && err != syscall.EPERM {
			return -1, err
		}
	}
	return p.walk(dirfd, path, nofollow)
}

// fast lets the kernel resolve what does not lead through /proc/self or a
// magic link, whose meaning depends on who asks: a name that leaves procfs
// has to pass a magic link, which is refused here with ELOOP.
func (p place) fast(dirfd int, path string) (int, error) {
	if path[0] == '/' {
		return linux.OpenAt2(linux.AtFDCWD, path, linux.OPath, linux.ResolveNoMagicLinks)
	}
	base, err := p.start(dirfd)
	if err != nil {
		return -1, err
	}
	defer linux.Close(base)
	return linux.OpenAt2(base, path, linux.OPath, linux.ResolveNoMagicLinks)
}

// absent says whether a name that fast did not find is not there for the
// caller either: it was not looked for below /proc/self, which is ours and not
// the caller's there.
func (p place) absent(dirfd int, path string) bool {
	from := dirfd
	if path[0] == '/' {
		from = linux.AtFDCWD
	} else {
		base, err := p.start(dirfd)
		if err != nil {
			return false
		}
		defer linux.Close(base)
		from = base
	}
	if fd, err := linux.OpenAt2(from, path, linux.OPath|syscall.O_NOFOLLOW, linux.ResolveNoMagicLinks); err == nil {
		linux.Close(fd)
		return false // a link that leads nowhere, or there
	}
	parent := path[:strings.LastIndexByte(strings.TrimRight(path, "/"), '/')+1]
	if parent == "" {
		parent = "."
	}
	fd, err := linux.OpenAt2(from, parent, linux.OPath, linux.ResolveNoMagicLinks)
	if err != nil {
		return false
	}
	defer linux.Close(fd)
	if inProc(fd, &linux.Stat{}) {
		return false
	}
	p.s.names.missed(path)
	return true
}

// inProc says whether a descriptor leads into a proc filesystem; st gets what
// fstat says.
func inProc(fd int, st *linux.Stat) bool {
	if err := linux.Fstat(fd, st); err == nil && (st.Mode&syscall.S_IFMT == syscall.S_IFREG && st.Size > 0) {
		return false // files in procfs have no size
	}
	m, err := linux.FsMagic(fd)
	return err != nil || m == linux.ProcMagic
}

// start opens the caller's cwd or one of its descriptors.
func (p place) start(dirfd int) (fd int, err error) {
	name := "cwd"
	if dirfd != linux.AtFDCWD {
		if dirfd < 0 {
			return -1, syscall.EBADF
		}
		name = "fd/" + strconv.Itoa(dirfd)
	}
	fd, err = p.openProc(name)
	if errors.Is(err, syscall.ENOENT) && dirfd != linux.AtFDCWD {
		return -1, syscall.EBADF
	}
	return fd, err
}

func (p place) openProc(name string) (fd int, err error) {
	err = p.s.power.as(p.tid, func() error {
		fd, err = linux.OpenAt(linux.AtFDCWD, p.s.power.path(p.tid, name), linux.OPath)
		return err
	})
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// maxLinks is the kernel's own bound on symbolic links in one resolution.
const maxLinks = 40

// walk resolves one name after the other, putting the caller's ids in the
// place of "self".
func (p place) walk(dirfd int, path string, nofollow bool) (int, error) {
	root, err := p.openProc("root")
	if err != nil {
		return -1, err
	}
	defer linux.Close(root)
	var rootStat linux.Stat
	if err := linux.Fstat(root, &rootStat); err != nil {
		return -1, err
	}
	cur := -1
	restart := func() error {
		if cur >= 0 {
			linux.Close(cur)
		}
		cur, err = p.openProc("root")
		return err
	}
	if path[0] == '/' {
		err = restart()
	} else {
		cur, err = p.start(dirfd)
	}
	if err != nil {
		return -1, err
	}
	ok := false
	defer func() {
		if !ok && cur >= 0 {
			linux.Close(cur)
		}
	}()
	rest, links := path, 0
	for {
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			ok = true
			return cur, nil
		}
		name, tail, more := strings.Cut(rest, "/")
		if len(name) > 255 {
			return -1, syscall.ENAMETOOLONG
		}
		rest = tail
		last := !more || strings.Trim(tail, "/") == ""
		var st linux.Stat
		if err := linux.Fstat(cur, &st); err != nil {
			return -1, err
		}
		if name == ".." && st.Dev == rootStat.Dev && st.Ino == rootStat.Ino {
			continue
		}
		next, err := linux.OpenAt(cur, name, linux.OPath|syscall.O_NOFOLLOW)
		if err != nil {
			return -1, err
		}
		if err := linux.Fstat(next, &st); err != nil {
			linux.Close(next)
			return -1, err
		}
		if st.Mode&syscall.S_IFMT != syscall.S_IFLNK {
			linux.Close(cur)
			cur = next
			continue
		}
		if last && nofollow {
			linux.Close(next)
			return -1, syscall.ELOOP
		}
		if links++; links > maxLinks {
			linux.Close(next)
			return -1, syscall.ELOOP
		}
		target, magic, err := p.link(cur, next, name)
		linux.Close(next)
		switch {
		case err != nil:
			return -1, err
		case magic >= 0:
			linux.Close(cur)
			cur = magic
		default:
			if strings.HasPrefix(target, "/") {
				if err := restart(); err != nil {
					return -1, err
				}
			}
			if rest != "" {
				target += "/" + rest
			}
			if len(target) > 2*action.MaxPath {
				return -1, syscall.ENAMETOOLONG
			}
			rest = target
		}
	}
}

const procRootIno = 1

// link reads a symbolic link. In procfs outside its root directory links are
// magic: they are followed by the kernel, with the right to look into the
// caller, and give a descriptor.
func (p place) link(dir, fd int, name string) (target string, magic int, err error) {
	if m, err := linux.FsMagic(dir); err == nil && m == linux.ProcMagic {
		var st linux.Stat
		if err := linux.Fstat(dir, &st); err != nil {
			return "", -1, err
		}
		if st.Ino != procRootIno {
			at, done := p.seen(dir)
			err = p.s.power.as(p.tid, func() error {
				magic, err = linux.OpenAt(at, name, linux.OPath)
				return err
			})
			done()
			if err != nil {
				return "", -1, err
			}
			return "", magic, nil
		}
		switch name {
		case "self":
			return strconv.Itoa(p.tgid), -1, nil
		case "thread-self":
			return strconv.Itoa(p.tgid) + "/task/" + strconv.Itoa(p.tid), -1, nil
		}
	}
	target, err = linux.ReadlinkAt(fd, "")
	if err == nil && target == "" {
		err = syscall.ENOENT
	}
	return target, -1, err
}

func fileOf(st *linux.Stat) action.File {
	return action.File{
		Dev: st.Dev, Ino: st.Ino, Size: st.Size,
		MtimeNs: int64(st.Mtim.Sec)*1e9 + int64(st.Mtim.Nsec),
		CtimeNs: int64(st.Ctim.Sec)*1e9 + int64(st.Ctim.Nsec),
		Mode:    st.Mode, UID: st.Uid, GID: st.Gid, Nlink: uint32(st.Nlink),
	}
}

// describe fills in what the descriptor shows; st is its state, unless the inode
// number in it is 0.
func (o *object) describe(st *linux.Stat) error {
	if st.Ino == 0 {
		if err := linux.Fstat(o.fd, st); err != nil {
			return err
		}
	}
	o.file = fileOf(st)
	name, err := linux.ReadlinkAt(linux.AtFDCWD, "/proc/self/fd/"+strconv.Itoa(o.fd))
	if err != nil {
		return err
	}
	if st.Nlink == 0 || memfd(name, st) {
		o.fileless = true
		return nil
	}
	if strings.HasPrefix(name, "/") {
		o.path = name
	}
	switch m, err := linux.FsMagic(o.fd); {
	case err != nil:
	case m == linux.TmpfsMagic, m == linux.RamfsMagic, m == linux.HugetlbMagic:
		// Memory, unless the image itself lives in it.
		o.fileless = st.Dev != rootDev()
	}
	return nil
}

// memfd says that a name is that of a file without one, and not of a file whose
// folder somebody called so.
func memfd(name string, st *linux.Stat) bool {
	var there linux.Stat
	return strings.HasPrefix(name, "/memfd:") && (linux.StatAt(linux.AtFDCWD, name, &there, linux.AtSymNofollow) != nil || there.Ino != st.Ino || there.Dev != st.Dev)
}

func rootDev() uint64 {
	var st linux.Stat
	if err := linux.StatAt(linux.AtFDCWD, "/", &st, 0); err != nil {
		return 0
	}
	return st.Dev
}
