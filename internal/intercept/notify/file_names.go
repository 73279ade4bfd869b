package notify

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// fileFamily holds the calls on files. Each copies its names, finds the
// objects as the caller, asks about each, and carries the call out on what it
// asked about.
func fileFamily() []entry {
	out := []entry{
		{"open", handleOpen}, {"openat", handleOpenat}, {"creat", handleCreat}, {"openat2", handleOpenat2}, {"umask", handleUmask},
		{"unlink", names(func(u *fileUser, a args) Response { return u.remove(linux.AtFDCWD, a[0], 0) })},
		{"rmdir", names(func(u *fileUser, a args) Response { return u.remove(linux.AtFDCWD, a[0], linux.AtRemoveDir) })},
		{"unlinkat", names(func(u *fileUser, a args) Response { return u.remove(a.fd(0), a[1], int(uint32(a[2]))) })},
		{"rename", names(func(u *fileUser, a args) Response { return u.rename(linux.AtFDCWD, a[0], linux.AtFDCWD, a[1], 0) })},
		{"renameat", names(func(u *fileUser, a args) Response { return u.rename(a.fd(0), a[1], a.fd(2), a[3], 0) })},
		{"renameat2", names(func(u *fileUser, a args) Response { return u.rename(a.fd(0), a[1], a.fd(2), a[3], uint(uint32(a[4]))) })},
		{"link", names(func(u *fileUser, a args) Response { return u.link(linux.AtFDCWD, a[0], linux.AtFDCWD, a[1], 0) })},
		{"linkat", names(func(u *fileUser, a args) Response { return u.link(a.fd(0), a[1], a.fd(2), a[3], int(uint32(a[4]))) })},
		{"symlink", names(func(u *fileUser, a args) Response { return u.symlink(a[0], linux.AtFDCWD, a[1]) })},
		{"symlinkat", names(func(u *fileUser, a args) Response { return u.symlink(a[0], a.fd(1), a[2]) })},
		{"mkdir", names(func(u *fileUser, a args) Response { return u.mkdir(linux.AtFDCWD, a[0], a[1]) })},
		{"mkdirat", names(func(u *fileUser, a args) Response { return u.mkdir(a.fd(0), a[1], a[2]) })},
		{"mknod", names(func(u *fileUser, a args) Response { return u.mknod(linux.AtFDCWD, a[0], a[1], a[2]) })},
		{"mknodat", names(func(u *fileUser, a args) Response { return u.mknod(a.fd(0), a[1], a[2], a[3]) })},
	}
	return append(out, attributeFamily()...)
}

// args are a call's registers.
type args [6]uint64

func (a args) fd(i int) int { return int(int32(a[i])) }

// names makes a handler of a call that changes something. Where nothing
// depends on the answer the kernel carries it out.
func names(do func(*fileUser, args) Response) handler {
	return func(s *Supervisor, c *Call) Response {
		if s.files.judge == nil {
			return cont()
		}
		care := s.files.care(c, action.FileChange)
		if care == intercept.Ignored {
			return cont()
		}
		if !s.killable {
			defer s.unheard.enter(c)()
			if r, ok := s.repeated(c); ok {
				return r
			}
		}
		c.Brief()
		u, err := s.fileUser(c)
		if err != nil {
			return s.unlessWatched(care, syscall.EACCES)
		}
		u.change, u.care = true, care
		r := do(u, args(c.Args))
		if care < intercept.Decided && !r.ended && !r.postpone {
			return cont()
		}
		return s.answerOnce(c, r)
	}
}

// name copies a name; the call is still its caller's afterwards.
func (u *fileUser) name(at uint64) (string, syscall.Errno) {
	name, e := u.c.fileName(at)
	if e == 0 && !u.c.Valid() {
		e = syscall.EINTR
	}
	return name, e
}

// op begins a question.
func (u *fileUser) op(access action.FileAccess, requested string) action.FileOp {
	return action.FileOp{Proc: u.c.Process(), Syscall: u.s.routes[u.c.NR].name, Access: access, Requested: requested, FD: -1, Slow: u.c.Slow}
}

// ask asks about each of ops; denied: r is the answer.
func (u *fileUser) ask(ops ...*action.FileOp) (r Response, denied bool) {
	for _, op := range ops {
		if r, denied := u.judge(op, nil); denied && u.care == intercept.Decided {
			return r, true
		}
	}
	return Response{}, false
}

// carry carries the call out as the caller, where that is ours to do, and
// tells the judge of its success.
func (u *fileUser) carry(near bool, do func() error, ops ...*action.FileOp) Response {
	if u.care == intercept.Decided {
		u.c.Brief()
		if e := u.as(near, do); e != 0 {
			return fail(e)
		}
	}
	return u.finished(ops...)
}

// finished tells the judge that a call succeeded.
func (u *fileUser) finished(ops ...*action.FileOp) Response {
	for _, op := range ops {
		if op.Watch {
			u.s.files.judge.FileDone(op)
		}
	}
	return value(0)
}

// on puts an object into a question.
func (o *fileObject) on(op *action.FileOp, path string) {
	op.File, op.FD, op.Path = o.file(), o.fd, path
}

func (u *fileUser) remove(dirfd int, at uint64, flags int) Response {
	if flags&^linux.AtRemoveDir != 0 {
		return fail(syscall.EINVAL)
	}
	name, e := u.name(at)
	if e != 0 {
		return fail(e)
	}
	dir, last, e := u.parent(dirfd, name)
	if e != 0 {
		return fail(e)
	}
	defer dir.close()
	if last == "" {
		last = "/"
	}
	op := u.op(action.FileDelete, name)
	obj, e := u.below(dir, last)
	if e != 0 {
		if linux.UnlinkAt(dir.fd, tooLong, flags) == syscall.EROFS { // before the name is looked at
			e = syscall.EROFS
		}
		return fail(e)
	}
	defer obj.close()
	obj.on(&op, pathBelow(dir, last))
	if r, denied := u.ask(&op); denied {
		return r
	}
	return u.carry(true, func() error { return linux.UnlinkAt(dir.fd, last, flags) }, &op)
}

// tooLong is longer than a name is anywhere: calls with it say what the kernel finds
// wrong before it looks for the name.
var tooLong = strings.Repeat("n", 4000)

func (u *fileUser) rename(odir int, oat uint64, ndir int, nat uint64, flags uint) Response {
	if flags != 0 {
		// Flags that do not go together are refused before anything else.
		if err := linux.RenameAt2(-1, "x", -1, "x", flags); err == syscall.EINVAL || err == syscall.EPERM {
			return fail(linux.ErrnoOf(err))
		}
	}
	from, e := u.name(oat)
	if e != 0 {
		return fail(e)
	}
	od, ol, e := u.parent(odir, from)
	if e != 0 {
		return fail(e)
	}
	defer od.close()
	// What the kernel says before it looks at the last parts, it says of names
	// that are too long to be there.
	nd := od
	before := func(e syscall.Errno) Response {
		switch first := u.as(true, func() error { return linux.RenameAt2(od.fd, tooLong, nd.fd, tooLong, flags) }); first {
		case syscall.EROFS:
			if e == syscall.EBUSY || nd == od {
				break
			}
			fallthrough
		case syscall.EACCES, syscall.EXDEV:
			e = first
		}
		return fail(e)
	}
	to, e := u.name(nat)
	if e != 0 {
		return before(e)
	}
	dir, nl, e := u.parent(ndir, to)
	if e != 0 {
		return before(e)
	}
	nd = dir
	defer nd.close()
	for i, l := range []string{ol, nl} {
		if t := strings.TrimRight(l, "/"); t == "" || t == "." || t == ".." {
			if i == 1 && flags&linux.RenameNoReplace != 0 {
				return before(syscall.EEXIST)
			}
			return before(syscall.EBUSY)
		}
	}
	old, e := u.below(od, ol)
	if e != 0 {
		return before(e)
	}
	defer old.close()
	move, create := u.op(action.FileMove, from), u.op(action.FileCreate, to)
	old.on(&move, pathBelow(od, ol))
	old.on(&create, pathBelow(nd, nl))
	move.Other, create.Other = create.Path, move.Path
	ops := []*action.FileOp{&move, &create}
	target, e := u.below(nd, nl)
	switch {
	case e == 0:
		defer target.close()
		if flags&linux.RenameNoReplace != 0 {
			return before(syscall.EEXIST)
		}
		if flags&linux.RenameExchange != 0 {
			back, again := u.op(action.FileMove, to), u.op(action.FileCreate, from)
			target.on(&back, create.Path)
			target.on(&again, move.Path)
			back.Other, again.Other = move.Path, create.Path
			ops = append(ops, &back, &again)
		} else if target.st.Ino != old.st.Ino || target.st.Dev != old.st.Dev {
			gone := u.op(action.FileDelete, to)
			target.on(&gone, create.Path)
			gone.Other = move.Path
			ops = []*action.FileOp{&move, &gone, &create}
		}
	case e != syscall.ENOENT:
		return before(e)
	}
	if r, denied := u.ask(ops...); denied {
		return r
	}
	return u.carry(true, func() error { return linux.RenameAt2(od.fd, ol, nd.fd, nl, flags) }, ops...)
}

const capDacReadSearch = 2

func (u *fileUser) link(odir int, oat uint64, ndir int, nat uint64, flags int) Response {
	if flags&^(linux.AtSymFollow|linux.AtEmptyPath) != 0 {
		return fail(syscall.EINVAL)
	}
	from, e := u.name(oat)
	if e != 0 {
		return fail(e)
	}
	var old *fileObject
	switch {
	case from != "":
		old, e = u.object(odir, from, flags&linux.AtSymFollow == 0, 0)
	case flags&linux.AtEmptyPath == 0 || u.who.Effective&(1<<capDacReadSearch) == 0 && !u.linksEmpty():
		e = syscall.ENOENT
	default:
		old, e = u.descriptor(odir)
	}
	if e != 0 {
		return fail(e)
	}
	defer old.close()
	to, e := u.name(nat)
	if e != 0 {
		return fail(e)
	}
	dir, last, e := u.fresh(ndir, to)
	if e != 0 {
		return fail(e)
	}
	defer dir.close()
	link, create := u.op(action.FileLink, from), u.op(action.FileCreate, to)
	old.on(&link, old.path)
	old.on(&create, pathBelow(dir, last))
	link.Other, create.Other = create.Path, link.Path
	if r, denied := u.ask(&link, &create); denied {
		return r
	}
	return u.carry(true, func() error {
		return linux.LinkAt(linux.AtFDCWD, linux.FDPath(old.fd), dir.fd, last, linux.AtSymFollow)
	}, &link, &create)
}

// linksEmpty says whether the kernel gives a name, without that capability, to
// what a process opened itself (since 6.10).
func (u *fileUser) linksEmpty() bool {
	return u.as(true, func() error {
		fd, err := linux.OpenAt(linux.AtFDCWD, "/", linux.OPath)
		if err != nil {
			return err
		}
		defer linux.Close(fd)
		return linux.LinkAt(fd, "", -1, "x", linux.AtEmptyPath)
	}) == syscall.EBADF
}

// fresh finds where a new name would stand. EEXIST: it stands there already.
func (u *fileUser) fresh(dirfd int, name string) (*fileObject, string, syscall.Errno) {
	dir, last, e := u.parent(dirfd, name)
	if e != 0 {
		return nil, "", e
	}
	obj, e := u.below(dir, last)
	switch e {
	case 0:
		obj.close()
		e = syscall.EEXIST
	case syscall.ENOENT:
		return dir, last, 0
	}
	dir.close()
	return nil, "", e
}

// made asks about a name that comes into being and lets do make it.
func (u *fileUser) made(dirfd int, at uint64, detail string, do func(dir *fileObject, last string) error) Response {
	name, e := u.name(at)
	if e != 0 {
		return fail(e)
	}
	dir, last, e := u.fresh(dirfd, name)
	if e != 0 {
		return fail(e)
	}
	defer dir.close()
	op := u.op(action.FileCreate, name)
	op.Path, op.Detail = pathBelow(dir, last), detail
	if r, denied := u.ask(&op); denied {
		return r
	}
	return u.carry(true, func() error { return do(dir, last) }, &op)
}

func (u *fileUser) symlink(at uint64, dirfd int, name uint64) Response {
	target, e := u.name(at)
	if e != 0 {
		return fail(e)
	}
	if target == "" {
		return fail(syscall.ENOENT)
	}
	return u.made(dirfd, name, "symbolic link to "+target, func(dir *fileObject, last string) error {
		return linux.SymlinkAt(target, dir.fd, last)
	})
}

func (u *fileUser) mkdir(dirfd int, name, mode uint64) Response {
	return u.made(dirfd, name, fmt.Sprintf("directory, mode %04o", mode&0o7777), func(dir *fileObject, last string) error {
		m, e := u.mode(dir.fd, uint32(mode)&0o1777)
		if e != 0 {
			return e
		}
		return linux.MkdirAt(dir.fd, last, m)
	})
}

func (u *fileUser) mknod(dirfd int, name, mode, dev uint64) Response {
	m := uint32(mode) & 0xffff // umode_t
	switch m & syscall.S_IFMT {
	case 0, syscall.S_IFREG, syscall.S_IFCHR, syscall.S_IFBLK, syscall.S_IFIFO, syscall.S_IFSOCK:
	case syscall.S_IFDIR:
		return fail(syscall.EPERM)
	default:
		return fail(syscall.EINVAL)
	}
	return u.made(dirfd, name, fmt.Sprintf("node, mode %06o", m), func(dir *fileObject, last string) error {
		bits, e := u.mode(dir.fd, m&0o7777)
		if e != 0 {
			return e
		}
		return linux.MknodAt(dir.fd, last, m&^0o7777|bits, uint64(uint32(dev)))
	})
}

// number reads an integer of the caller's memory.
func (c *Call) numbers(at uint64, size int) ([]byte, syscall.Errno) {
	b := make([]byte, size)
	return b, c.copyIn(at, b)
}

func long(b []byte, i int) int64 { return int64(binary.NativeEndian.Uint64(b[8*i:])) }
