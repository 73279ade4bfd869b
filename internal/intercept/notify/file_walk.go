package notify

import (
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// fileWalk resolves a name part by part as its caller, where the kernel would
// resolve it as us: in another root, and through /proc/self and magic links.
type fileWalk struct {
	*fileUser
	nofollow bool
	links    int
	root     linux.Stat
}

// from resolves path, beginning at base or, base being negative, at the
// caller's root. It gives an O_PATH descriptor.
func (w *fileWalk) from(base int, path string) (fd int, e syscall.Errno) {
	root, err := w.openRoot()
	if err != nil {
		return -1, fileErrno(err)
	}
	defer linux.Close(root)
	if err := linux.Fstat(root, &w.root); err != nil {
		return -1, linux.ErrnoOf(err)
	}
	cur := -1
	if base < 0 {
		base = root
	}
	if cur, err = linux.Dup(base); err != nil {
		return -1, linux.ErrnoOf(err)
	}
	defer func() {
		if e != 0 && cur >= 0 {
			linux.Close(cur)
		}
	}()
	if e := w.take(false); e != 0 {
		return -1, e
	}
	defer w.drop()
	rest := path
	for {
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			if strings.HasSuffix(path, "/") && !isDir(cur) {
				return -1, syscall.ENOTDIR
			}
			return cur, 0
		}
		name, tail, more := strings.Cut(rest, "/")
		if len(name) > 255 {
			return -1, syscall.ENAMETOOLONG
		}
		rest = tail
		last := !more || strings.Trim(tail, "/") == ""
		if name == ".." && w.atRoot(cur) {
			continue
		}
		next, err := linux.OpenAt(cur, name, linux.OPath|linux.ONoFollow)
		if refused(err) {
			next, err = w.ownFolder(cur, name, err)
		}
		if err != nil {
			return -1, linux.ErrnoOf(err)
		}
		var st linux.Stat
		if err := linux.Fstat(next, &st); err != nil {
			linux.Close(next)
			return -1, linux.ErrnoOf(err)
		}
		if st.Mode&syscall.S_IFMT != syscall.S_IFLNK || last && w.nofollow && !more {
			if last && more && st.Mode&syscall.S_IFMT != syscall.S_IFDIR {
				linux.Close(next)
				return -1, syscall.ENOTDIR
			}
			linux.Close(cur)
			cur = next
			continue
		}
		if w.links++; w.links > maxLinks {
			linux.Close(next)
			return -1, syscall.ELOOP
		}
		target, magic, e := w.follow(cur, next, name, &st)
		linux.Close(next)
		if e != 0 {
			return -1, e
		}
		if magic >= 0 {
			linux.Close(cur)
			cur = magic
			continue
		}
		if strings.HasPrefix(target, "/") {
			linux.Close(cur)
			if cur, err = linux.Dup(root); err != nil {
				cur = -1
				return -1, linux.ErrnoOf(err)
			}
		}
		if rest != "" || more {
			target += "/" + rest
		}
		if len(target) > 2*action.MaxPath {
			return -1, syscall.ENAMETOOLONG
		}
		rest = target
	}
}

func (w *fileWalk) openRoot() (int, error) {
	if !w.s.roots.Load() {
		return linux.OpenAt(linux.AtFDCWD, "/", linux.OPath)
	}
	return w.openProc("root")
}

func (w *fileWalk) atRoot(fd int) bool {
	var st linux.Stat
	return linux.Fstat(fd, &st) == nil && st.Dev == w.root.Dev && st.Ino == w.root.Ino
}

func isDir(fd int) bool {
	var st linux.Stat
	return linux.Fstat(fd, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFDIR
}

// follow reads a symbolic link, or jumps over a magic one.
func (u *fileUser) follow(dir, link int, name string, st *linux.Stat) (target string, magic int, e syscall.Errno) {
	m, err := linux.FsMagic(dir)
	if err == nil && m == linux.ProcMagic {
		var d linux.Stat
		if err := linux.Fstat(dir, &d); err != nil {
			return "", -1, linux.ErrnoOf(err)
		}
		if d.Ino != procRootIno {
			return u.jump(dir, link, name)
		}
		switch name {
		case "self":
			return strconv.Itoa(u.tgid), -1, 0
		case "thread-self":
			return strconv.Itoa(u.tgid) + "/task/" + strconv.Itoa(u.tid), -1, 0
		}
	} else if e := u.s.files.mayFollow(dir, st, u.who.FSUID); e != 0 {
		return "", -1, e
	}
	target, err = linux.ReadlinkAt(link, "")
	switch {
	case err != nil:
		return "", -1, linux.ErrnoOf(err)
	case target == "":
		return "", -1, syscall.ENOENT
	}
	return target, -1, 0
}

// jump follows a link of /proc/PID to where the kernel says it leads. It asks
// the kernel with the caller's rights; into itself a caller may always look,
// and into the enforcer never, although this thread belongs to it.
func (u *fileUser) jump(dir, link int, name string) (target string, fd int, e syscall.Errno) {
	where, err := linux.PathOf(dir)
	if err != nil {
		return "", -1, syscall.EACCES
	}
	pid := procPID(where)
	if pid == 0 {
		// A plain link, such as those below /proc/sys or /proc/fs.
		target, err := linux.ReadlinkAt(link, "")
		return target, -1, linux.ErrnoOf(err)
	}
	if u.s.ours(pid) {
		return "", -1, syscall.EACCES
	}
	fd, err = linux.OpenAt(dir, name, linux.OPath)
	if refused(err) && u.itself(pid) {
		fd, e = u.ownFile(dir, name, linux.OPath)
		return "", fd, e
	}
	if err != nil {
		return "", -1, linux.ErrnoOf(err)
	}
	return "", fd, 0
}

// ownFolder looks into /proc/self/fd and the like, which are the kernel's own
// exception: a process may always look into its own, even when it is closed to
// everybody after a change of ids.
func (u *fileUser) ownFolder(dir int, name string, denied error) (int, error) {
	m, err := linux.FsMagic(dir)
	if err != nil || m != linux.ProcMagic {
		return -1, denied
	}
	where, err := linux.PathOf(dir)
	if err != nil || !strings.HasSuffix(where, "/fd") && !strings.HasSuffix(where, "/fdinfo") || !u.itself(procPID(where)) {
		return -1, denied
	}
	fd, e := u.ownFile(dir, name, linux.OPath|linux.ONoFollow)
	if e != 0 {
		return -1, e
	}
	return fd, nil
}

// ownFile opens with our rights what a folder of the caller's own, below /proc,
// has: of the one through which it is looked at, if that is somebody else.
func (u *fileUser) ownFile(dir int, name string, flags int) (fd int, e syscall.Errno) {
	at, done := u.seen(dir)
	defer done()
	fd = -1
	e = u.ourselves(func() (err error) {
		fd, err = linux.OpenAt(at, name, flags)
		return err
	})
	return fd, e
}

// ourselves runs fn with our own rights in the middle of what the caller does.
func (u *fileUser) ourselves(fn func() error) syscall.Errno {
	taken := u.taken
	u.drop()
	err := u.s.power.as(u.tid, fn)
	if taken {
		if e := u.take(false); e != 0 {
			return e
		}
	}
	return linux.ErrnoOf(err)
}

// itself says that pid is the caller's process or one of its threads.
func (u *fileUser) itself(pid int) bool {
	if pid == u.tgid || pid == u.tid {
		return true
	}
	st, err := procfs.ReadStatus(pid)
	return err == nil && st.TGID == u.tgid
}

// procPID finds the process in a path below a proc file system; 0: none.
func procPID(path string) int {
	pid := 0
	for part := range strings.SplitSeq(path, "/") {
		if n, err := strconv.Atoi(part); err == nil && n > 0 {
			pid = n // /proc/PID/task/TID: the thread
		} else if pid != 0 && part != "task" {
			break
		}
	}
	return pid
}

// sticky are the kernel's rules for directories that everybody may write to
// (proc(5), fs.protected_*), where we do in its place what it checks them for.
type sticky struct {
	once                    sync.Once
	symlinks, regular, fifo int
}

func (p *sticky) read() {
	p.once.Do(func() {
		for name, v := range map[string]*int{"symlinks": &p.symlinks, "regular": &p.regular, "fifos": &p.fifo} {
			if b, _, err := procfs.ReadFile("/proc/sys/fs/protected_"+name, 16); err == nil {
				*v, _ = strconv.Atoi(strings.TrimSpace(string(b)))
			}
		}
	})
}

const worldWritable = syscall.S_ISVTX | 0o002

// mayFollow: a link in such a directory is followed by its owner only, or
// when the directory's owner made it.
func (p *sticky) mayFollow(dir int, link *linux.Stat, fsuid uint32) syscall.Errno {
	p.read()
	var d linux.Stat
	if p.symlinks == 0 || link.Uid == fsuid || linux.Fstat(dir, &d) != nil || d.Mode&worldWritable != worldWritable || d.Uid == link.Uid {
		return 0
	}
	return syscall.EACCES
}

// mayCreat: O_CREAT does not open what somebody else left there.
func (p *sticky) mayCreat(dir, o *fileObject, fsuid uint32) syscall.Errno {
	p.read()
	level := 0
	switch o.kind() {
	case syscall.S_IFIFO:
		level = p.fifo
	case syscall.S_IFREG:
		level = p.regular
	}
	if level == 0 || dir.st.Mode&syscall.S_ISVTX == 0 || o.st.Uid == dir.st.Uid || o.st.Uid == fsuid {
		return 0
	}
	if dir.st.Mode&0o002 != 0 || dir.st.Mode&0o020 != 0 && level >= 2 {
		return syscall.EACCES
	}
	return 0
}
