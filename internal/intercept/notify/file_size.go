package notify

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// sizeAccess: a file that only grows is appended to, more or less.
func sizeAccess(o *fileObject, size int64) action.FileAccess {
	if size >= o.st.Size {
		return action.FileModify | action.FileAppend
	}
	return action.FileModify
}

func (u *fileUser) truncate(a args) Response {
	size := int64(a[1])
	if size < 0 {
		return fail(syscall.EINVAL)
	}
	o, requested, e := named{linux.AtFDCWD, a[0], 0}.find(u)
	if e != 0 {
		return fail(e)
	}
	defer o.close()
	switch o.kind() {
	case syscall.S_IFREG:
	case syscall.S_IFDIR:
		return fail(syscall.EISDIR)
	default:
		return fail(syscall.EINVAL)
	}
	op := u.op(sizeAccess(o, size), requested)
	op.Detail = fmt.Sprintf("size %d", size)
	o.on(&op, o.path)
	if r, denied := u.ask(&op); denied {
		return r
	}
	if e := u.tooLarge(o, size, func() (err error) {
		fd, err := linux.Reopen(o.fd, syscall.O_WRONLY, 0)
		if err == nil {
			linux.Close(fd)
		}
		return err
	}); e != 0 {
		return fail(e)
	}
	return u.carry(!o.proc, func() error { return linux.Truncate(linux.FDPath(o.fd), size) }, &op)
}

// tooLarge applies the caller's RLIMIT_FSIZE, to who may write; ours is not
// meant.
func (u *fileUser) tooLarge(o *fileObject, size int64, write func() error) syscall.Errno {
	if size <= o.st.Size {
		return 0
	}
	if limit, ok := u.limit("Max file size"); !ok || size <= limit {
		return 0
	}
	if write != nil {
		if e := u.as(!o.proc, write); e != 0 {
			return e
		}
	}
	_ = linux.Tgkill(u.tgid, u.tid, syscall.SIGXFSZ)
	return syscall.EFBIG
}

// limit is one of the caller's, by its name in /proc/PID/limits; not ok: there
// is none.
func (u *fileUser) limit(name string) (limit int64, ok bool) {
	b, _, err := procfs.ReadFile(procfs.Path(u.tid, "limits"), 8192)
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(b), name)
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0, false
	}
	limit, err = strconv.ParseInt(f[0], 10, 64)
	return limit, err == nil
}

// ftruncate cuts through a descriptor: on another one of ours for the object
// that was asked about. The right to do so lies in the caller's own.
func (u *fileUser) ftruncate(a args) Response {
	size := int64(a[1])
	if size < 0 {
		return fail(syscall.EINVAL)
	}
	return u.resize(a.fd(0), fmt.Sprintf("size %d", size), syscall.EINVAL, func(o *fileObject) action.FileAccess { return sizeAccess(o, size) },
		func(fd int, o *fileObject) error {
			if e := u.tooLarge(o, size, nil); e != 0 {
				return e
			}
			return linux.Ftruncate(fd, size)
		})
}

func (u *fileUser) fallocate(a args) Response {
	mode, off, n := uint32(a[1]), int64(a[2]), int64(a[3])
	const keepSize = 1
	return u.resize(a.fd(0), fmt.Sprintf("fallocate mode %#x", mode), syscall.ENODEV, func(*fileObject) action.FileAccess {
		if mode&^keepSize == 0 {
			return action.FileModify | action.FileAppend
		}
		return action.FileModify
	}, func(fd int, _ *fileObject) error { return linux.Fallocate(fd, mode, off, n) })
}

func (u *fileUser) resize(fd int, detail string, special syscall.Errno, access func(*fileObject) action.FileAccess, do func(fd int, o *fileObject) error) Response {
	flags, e := u.openFlags(fd)
	if e != 0 || flags&linux.OPath != 0 {
		return fail(syscall.EBADF)
	}
	o, e := u.descriptor(fd)
	if e != 0 {
		return fail(e)
	}
	defer o.close()
	if !u.c.Valid() {
		return fail(syscall.EINTR)
	}
	switch {
	case o.kind() != syscall.S_IFREG:
		return fail(special)
	case flags&oAccMode == syscall.O_RDONLY && special == syscall.EINVAL:
		return fail(syscall.EINVAL)
	case flags&oAccMode == syscall.O_RDONLY:
		return fail(syscall.EBADF)
	}
	op := u.op(access(o), "")
	op.Detail = detail
	o.on(&op, o.path)
	if r, denied := u.ask(&op); denied {
		return r
	}
	if u.care < intercept.Decided {
		return u.finished(&op)
	}
	u.c.Brief()
	// With our own rights: the caller's descriptor was opened with those it had
	// then.
	open, err := linux.Reopen(o.fd, syscall.O_WRONLY, 0)
	if refused(err) {
		return u.onItsOwn(fd, o, &op)
	}
	if err == nil {
		defer linux.Close(open)
		err = do(open, o)
	}
	if err != nil {
		return fail(linux.ErrnoOf(err))
	}
	return u.finished(&op)
}

// onItsOwn has an allowed call made on the caller's own descriptor, which is
// all that is left of a right: nobody may open the file any more.
func (u *fileUser) onItsOwn(fd int, o *fileObject, op *action.FileOp) Response {
	if u.s.alone(u.c) {
		u.finished(op)
		return cont()
	}
	r, err := u.s.carryFile(u.c, fd, func(st *linux.Stat) bool { return st.Dev == o.st.Dev && st.Ino == o.st.Ino })
	if err != nil {
		return fail(syscall.EACCES)
	}
	u.finished(op)
	return r
}

// setFlags is chattr: ioctls that change attributes through a descriptor that
// may be open for reading only.
func (u *fileUser) setFlags(a args) Response {
	size := 8
	if uint32(a[1]) == rules.IoctlSetXattr {
		size = 28
	}
	verity := uint32(a[1]) == rules.IoctlVerity
	o, _, e := held(a.fd(0)).find(u)
	if e != 0 {
		return fail(e)
	}
	defer o.close()
	b, e := u.c.numbers(a[2], 4)
	if e == 0 && size > 8 && !verity {
		b, e = u.c.numbers(a[2], size)
	}
	if e != 0 {
		return fail(e)
	}
	if k := o.kind(); k != syscall.S_IFREG && k != syscall.S_IFDIR {
		return fail(syscall.ENOTTY)
	}
	b = append(b, make([]byte, 8)...)
	op := u.op(action.FileAttributes, "")
	op.Detail = "inode flags"
	if verity {
		op.Detail = "fs-verity"
	}
	o.on(&op, o.path)
	if r, denied := u.ask(&op); denied {
		return r
	}
	if verity {
		return cont() // what it is given points to more of the caller's memory
	}
	return u.carry(true, func() error {
		fd, err := linux.Reopen(o.fd, syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		defer linux.Close(fd)
		return linux.FileIoctl(fd, uint32(a[1]), b)
	}, &op)
}

// setStatus is fcntl(F_SETFL) without O_APPEND: it lets a descriptor that
// could only append write anywhere. The flags belong to what the caller has
// open, which only the kernel can change, so an allowed call is its own.
func (u *fileUser) setStatus(a args) Response {
	flags, e := u.openFlags(a.fd(0))
	if e != 0 || flags&syscall.O_APPEND == 0 || flags&oAccMode == syscall.O_RDONLY {
		return cont()
	}
	o, e := u.descriptor(a.fd(0))
	if e != 0 {
		return cont()
	}
	defer o.close()
	if o.kind() != syscall.S_IFREG {
		return cont()
	}
	op := u.op(action.FileModify, "")
	op.Detail = "no longer append only"
	o.on(&op, o.path)
	if r, denied := u.ask(&op); denied {
		return r
	}
	return cont()
}
