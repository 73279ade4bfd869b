package notify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// Bits of open flags, the same on every architecture.
const (
	oAccMode = syscall.O_ACCMODE
	oValid   = oAccMode | syscall.O_CREAT | syscall.O_EXCL | syscall.O_NOCTTY | syscall.O_TRUNC | syscall.O_APPEND | syscall.O_NONBLOCK |
		syscall.O_DSYNC | syscall.O_SYNC | syscall.O_ASYNC | syscall.O_DIRECT | linux.OLargeFile | syscall.O_DIRECTORY |
		syscall.O_NOFOLLOW | syscall.O_NOATIME | syscall.O_CLOEXEC | linux.OPath | linux.OTmpfile
)

func handleOpen(s *Supervisor, c *Call) Response {
	return s.openScalar(c, linux.AtFDCWD, c.Args[0], c.Args[1], c.Args[2])
}

func handleOpenat(s *Supervisor, c *Call) Response {
	return s.openScalar(c, int(int32(c.Args[0])), c.Args[1], c.Args[2], c.Args[3])
}

func handleCreat(s *Supervisor, c *Call) Response {
	return s.openScalar(c, linux.AtFDCWD, c.Args[0], syscall.O_CREAT|syscall.O_WRONLY|syscall.O_TRUNC, c.Args[1])
}

// openScalar is an open whose flags are in registers.
func (s *Supervisor) openScalar(c *Call, dirfd int, path, flags, mode uint64) Response {
	if s.files.judge == nil {
		return cont()
	}
	how := linux.OpenHow{Flags: flags & oValid}
	if how.Flags&linux.OPath != 0 {
		return cont() // gives no right to content, and whoever opens it again is asked
	}
	if how.Flags&(syscall.O_CREAT|linux.OTmpfile) != 0 {
		how.Mode = mode & 0o7777
	}
	access := accessOf(how.Flags)
	care := s.files.care(c, access)
	if how.Flags&linux.OTmpfile != 0 || how.Flags&(syscall.O_CREAT|syscall.O_DIRECTORY) == syscall.O_CREAT|syscall.O_DIRECTORY {
		// What goes together only the kernel knows, and it says so first.
		if _, err := linux.OpenHow2(-1, "x", how); err == syscall.EINVAL {
			return s.unlessWatched(care, syscall.EINVAL)
		}
	}
	if access&action.FileChange != 0 {
		care = max(care, s.files.judge.FileCare().Memory)
	}
	if care == intercept.Ignored {
		return cont()
	}
	if !s.killable {
		defer s.unheard.enter(c)()
		if r, ok := s.repeated(c); ok {
			return r
		}
	}
	return s.openFile(c, dirfd, path, how, care)
}

// handleOpenat2: the flags are in memory, so nothing about it is certain until
// it was copied.
func handleOpenat2(s *Supervisor, c *Call) Response {
	if s.files.judge == nil {
		return cont()
	}
	fc := s.files.judge.FileCare()
	care := max(s.files.care(c, action.FileModify), fc.Reads, fc.Memory)
	if care == intercept.Ignored {
		return cont()
	}
	const size, most = 24, 4096
	n := c.Args[3]
	switch {
	case n < size:
		return fail(syscall.EINVAL)
	case n > most:
		return fail(syscall.E2BIG)
	}
	b := make([]byte, n)
	if e := c.copyIn(c.Args[2], b); e != 0 {
		return fail(e)
	}
	for _, v := range b[size:] {
		if v != 0 {
			return fail(syscall.E2BIG)
		}
	}
	how := linux.OpenHow{Flags: binary.NativeEndian.Uint64(b), Mode: binary.NativeEndian.Uint64(b[8:]), Resolve: binary.NativeEndian.Uint64(b[16:])}
	// The kernel itself checks the flags: before it looks at the descriptor.
	if _, err := linux.OpenHow2(-1, "x", how); err != syscall.EBADF && err != syscall.EXDEV {
		return fail(linux.ErrnoOf(err))
	}
	if how.Flags&linux.OPath != 0 {
		// The kernel lets us hand over no such descriptor, and it must not read
		// the flags again. Programs fall back on openat.
		return s.unlessWatched(care, syscall.ENOSYS)
	}
	return s.openFile(c, int(int32(c.Args[0])), c.Args[1], how, care)
}

// accessOf says what an open asks for.
func accessOf(flags uint64) (a action.FileAccess) {
	switch flags & oAccMode {
	case syscall.O_RDONLY:
		a = action.FileRead
	case syscall.O_WRONLY:
		a = action.FileModify
	default:
		a = action.FileRead | action.FileModify
	}
	if flags&syscall.O_TRUNC != 0 {
		a |= action.FileModify
	}
	if a&action.FileModify != 0 && flags&(syscall.O_APPEND|syscall.O_TRUNC|oAccMode) == syscall.O_APPEND|syscall.O_WRONLY {
		a |= action.FileAppend
	}
	return a
}

// care says how much depends on a call of that access.
func (f *fileState) care(c *Call, access action.FileAccess) intercept.Care {
	fc := f.judge.FileCare()
	care := intercept.Ignored
	if access&action.FileRead != 0 {
		care = fc.Reads
	}
	if access&action.FileChange == 0 {
		return care
	}
	care = max(care, fc.Changes)
	if care < intercept.Decided && len(f.own.paths) > 0 {
		if who, err := c.s.whoOf(c); err != nil || f.own.within(who) {
			care = intercept.Decided
		}
	}
	return care
}

// fileName copies a name out of the caller.
func (c *Call) fileName(at uint64) (string, syscall.Errno) {
	name, err := c.ReadString(at, action.MaxPath-1)
	switch {
	case errors.Is(err, syscall.EFAULT):
		return "", syscall.EFAULT
	case errors.Is(err, errLong):
		return "", syscall.ENAMETOOLONG
	case err != nil && !c.Valid():
		return "", syscall.EINTR // killed meanwhile
	case err != nil:
		c.s.cfg.Logger.Warn("a call was refused: its caller cannot be read", "tid", c.TID(), "error", err)
		return "", syscall.EACCES
	}
	return name, 0
}

// opening is one open on its way.
type opening struct {
	*fileUser
	how   linux.OpenHow
	path  string
	dirfd int
	op    action.FileOp
}

func (s *Supervisor) openFile(c *Call, dirfd int, at uint64, how linux.OpenHow, care intercept.Care) Response {
	name, e := c.fileName(at)
	if e != 0 {
		return s.unlessWatched(care, e)
	}
	if !c.Valid() {
		return fail(syscall.EINTR)
	}
	c.Brief()
	u, err := s.fileUser(c)
	if err != nil {
		return s.unlessWatched(care, syscall.EACCES)
	}
	u.care = care
	o := &opening{fileUser: u, how: how, path: name, dirfd: dirfd}
	o.op = action.FileOp{Proc: c.Process(), Syscall: s.routes[c.NR].name, Access: accessOf(how.Flags), Requested: name, FD: -1, Slow: c.Slow}
	u.change = o.op.Access&action.FileChange != 0
	if how.Flags&syscall.O_CREAT != 0 {
		return o.create()
	}
	if care == intercept.Decided && o.op.Access == action.FileRead {
		u.reads = int(how.Flags&^(syscall.O_NOFOLLOW|syscall.O_EXCL)) | linux.ONoCTTY
	}
	obj, e := u.object(dirfd, name, how.Flags&syscall.O_NOFOLLOW != 0, how.Resolve)
	if e != 0 {
		return s.unlessWatched(care, e)
	}
	defer obj.close()
	return o.existing(obj, nil)
}

// unlessWatched: where nothing depends on us, the kernel says it itself.
func (s *Supervisor) unlessWatched(care intercept.Care, e syscall.Errno) Response {
	if care < intercept.Decided {
		return cont()
	}
	return fail(e)
}

// judge asks about op; denied calls end with r.
func (u *fileUser) judge(op *action.FileOp, obj *fileObject) (r Response, denied bool) {
	s := u.s
	if obj != nil {
		op.File, op.Path, op.FD = obj.file(), obj.path, obj.fd
	}
	if s.files.own.has(op) {
		what := op.Path
		if what == "" {
			what = op.Requested
		}
		s.cfg.Judge.Tamper(&action.Tamper{Proc: op.Proc, Syscall: op.Syscall, Detail: what})
		return fail(syscall.EACCES), true
	}
	if obj != nil && op.Access&action.FileModify != 0 {
		if pid := memoryOf(obj); pid != 0 {
			return answerOf(s.cfg.Judge.Privilege(&action.Privilege{Proc: op.Proc, Kind: action.PrivTrace, Syscall: op.Syscall,
				Detail: fmt.Sprintf("%s for writing", op.Path), ToUID: -1, ToGID: -1}))
		}
		if intoKernel(obj) {
			if r, denied := answerOf(s.cfg.Judge.Privilege(&action.Privilege{Proc: op.Proc, Kind: action.PrivKernel, Syscall: op.Syscall,
				Detail: fmt.Sprintf("%s for writing", op.Path), ToUID: -1, ToGID: -1})); denied {
				return r, true
			}
		}
	}
	if obj != nil && op.Access&action.FileRead != 0 {
		if pid := memoryOf(obj); pid != 0 && !isOf(op.Proc, pid) {
			if r, denied := answerOf(s.cfg.Judge.Privilege(&action.Privilege{Proc: op.Proc, Kind: action.PrivTrace, Syscall: op.Syscall,
				Detail: fmt.Sprintf("%s for reading", op.Path), ToUID: -1, ToGID: -1})); denied {
				return r, true
			}
		}
	}
	if obj != nil && obj.was != "" && op.Access&action.FileRead != 0 {
		// Who may not read a file may not do so either when he has taken its name away.
		was := *op
		was.Path, was.Access = obj.was, action.FileRead
		if r, denied := answerOf(s.files.judge.File(&was)); denied {
			return r, true
		}
	}
	return answerOf(s.files.judge.File(op))
}

// isOf says that an id is that of a thread of a process.
func isOf(p *action.Process, tid int) bool {
	if p.PID == tid {
		return true
	}
	st, err := procfs.ReadStatus(tid)
	return err == nil && st.TGID == p.PID
}

// existing opens an object that is there. dir is where it lies if the caller
// would have created it.
func (o *opening) existing(obj, dir *fileObject) Response {
	flags := o.how.Flags
	kind := obj.kind()
	switch {
	case kind == syscall.S_IFLNK && flags&syscall.O_DIRECTORY == 0:
		return o.no(syscall.ELOOP)
	case kind == syscall.S_IFDIR && (dir != nil || flags&oAccMode != 0 && flags&linux.OTmpfile == 0):
		return o.no(syscall.EISDIR)
	case flags&linux.OTmpfile != 0 && kind == syscall.S_IFDIR:
		return o.nameless(obj)
	case flags&syscall.O_DIRECTORY != 0 && kind != syscall.S_IFDIR:
		return o.no(syscall.ENOTDIR)
	case dir != nil:
		if e := o.s.files.mayCreat(dir, obj, o.who.FSUID); e != 0 {
			return o.no(e)
		}
	}
	if r, denied := o.judge(&o.op, obj); denied && (o.care == intercept.Decided || memoryOf(obj) != 0) {
		return r
	}
	if o.care < intercept.Decided {
		o.done()
		return cont()
	}
	drop := uint64(syscall.O_CREAT | syscall.O_NOFOLLOW)
	if kind != syscall.S_IFBLK || dir != nil {
		drop |= syscall.O_EXCL
	}
	how := int(flags &^ drop)
	if kind != syscall.S_IFREG && kind != syscall.S_IFDIR {
		return o.special(obj, how)
	}
	o.c.Brief()
	if flags&syscall.O_TRUNC != 0 && obj.st.Size > 0 && o.full() {
		return fail(syscall.EMFILE)
	}
	if fd := obj.open - 1; fd >= 0 {
		obj.open = 0
		return o.opened(fd, obj)
	}
	fd := -1
	e := o.as(!obj.proc, func() (err error) {
		if flags&syscall.O_NOFOLLOW != 0 && kind == syscall.S_IFDIR { // F_GETFL shows it
			if fd, err = linux.OpenAt(obj.fd, ".", how|syscall.O_NOFOLLOW); err == nil {
				return nil
			}
		}
		fd, err = linux.Reopen(obj.fd, how|linux.ONoCTTY, 0)
		return err
	})
	if refused(e) && obj.proc && o.itself(procPID(obj.path)) && (o.permitted(obj, how) || ownTable(obj)) {
		// What its mode permits of its own, and the list of its descriptors, a
		// process may open whatever it is to others.
		at := o.seenAt(obj.path)
		if at == "" {
			at = linux.FDPath(obj.fd)
		}
		e = o.ourselves(func() (err error) {
			fd, err = linux.OpenAt(linux.AtFDCWD, at, how|linux.ONoCTTY)
			return err
		})
	}
	if e != 0 {
		return fail(e)
	}
	return o.opened(fd, obj)
}

// opened gives the caller what was opened for it.
func (o *opening) opened(fd int, obj *fileObject) Response {
	r := o.handFor(fd, obj)
	if r.Errno == 0 {
		o.done()
	}
	return r
}

// ownTable says that an object lists the descriptors of a process.
func ownTable(o *fileObject) bool {
	return o.kind() == syscall.S_IFDIR && (strings.HasSuffix(o.path, "/fd") || strings.HasSuffix(o.path, "/fdinfo"))
}

// permitted says that the mode of an object gives its caller the right.
func (o *opening) permitted(obj *fileObject, how int) bool {
	want := [4]uint32{4, 2, 6, 6}[how&oAccMode]
	if how&syscall.O_TRUNC != 0 {
		want |= 2
	}
	return o.as(false, func() error { return linux.AccessPath(linux.FDPath(obj.fd), want) }) == 0
}

// no is an errno that the kernel would give as well.
func (o *opening) no(e syscall.Errno) Response { return o.s.unlessWatched(o.care, e) }

func (o *opening) done() {
	if o.op.Watch {
		o.s.files.judge.FileDone(&o.op)
	}
}

// hand gives the caller a duplicate of fd.
func (o *opening) hand(fd int) Response {
	return o.s.handOver(o.c, fd, o.how.Flags)
}

func (s *Supervisor) handOver(c *Call, fd int, flags uint64) Response {
	_, e := c.InstallFD(fd, uint32(flags&syscall.O_CLOEXEC))
	c.handed = e == 0
	switch e {
	case 0, syscall.ENOENT: // ENOENT: nobody waits for it
		return done()
	}
	return fail(e)
}

// handFor is hand for an object that somebody could try to run at once: ours
// is closed before the caller goes on, or it would meet ETXTBSY. It closes fd.
func (o *opening) handFor(fd int, obj *fileObject) Response {
	if o.how.Flags&oAccMode == syscall.O_RDONLY || obj.st.Mode&0o111 == 0 {
		defer linux.Close(fd)
		return o.hand(fd)
	}
	return o.handAlone(fd)
}

// handAlone leaves the caller the only one who has fd: the other end of a pipe
// must not see ours. It costs the caller one more turn.
func (o *opening) handAlone(fd int) Response {
	a := linux.AddFD{ID: o.c.ID, SrcFD: uint32(fd), NewFDFlags: uint32(o.how.Flags & syscall.O_CLOEXEC)}
	n, e := linux.InstallFD(o.s.listener, &a)
	linux.Close(fd)
	switch e {
	case 0:
		return value(int64(n))
	case syscall.ENOENT:
		return done()
	}
	return fail(e)
}
