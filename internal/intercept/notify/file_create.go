package notify

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Files that an open makes (O_CREAT, O_TMPFILE): made where they were judged to be.

// nameless is O_TMPFILE: a file without a name touches none. It is asked about
// when it gets one.
func (o *opening) nameless(dir *fileObject) Response {
	if o.care < intercept.Decided {
		return cont()
	}
	mode, e := o.mode(dir.fd, uint32(o.how.Mode))
	if e != 0 {
		return fail(e)
	}
	o.c.Brief()
	fd := -1
	e = o.as(true, func() (err error) {
		fd, err = linux.Reopen(dir.fd, int(o.how.Flags&^syscall.O_NOFOLLOW), mode)
		return err
	})
	if e != 0 {
		return fail(e)
	}
	defer linux.Close(fd)
	return o.hand(fd)
}

// create is an open with O_CREAT: what is there is opened, and what is not is
// made in the directory that was looked at, by a call that fails if somebody
// was faster; then it begins again.
func (o *opening) create() Response {
	const rounds = 100
	base, e := o.base(o.dirfd, o.path)
	if e != 0 {
		return o.no(e)
	}
	defer func() { closeIf(base) }()
	path := o.path
	if path == "" {
		return o.no(syscall.ENOENT)
	}
	if o.how.Resolve != 0 {
		return o.createResolved(base)
	}
	exclusive := o.how.Flags&syscall.O_EXCL != 0
	for links, round := 0, 0; round < rounds; round++ {
		dir, last, e := o.parentFrom(base, path)
		if e != 0 {
			return o.no(e)
		}
		if name := strings.TrimRight(last, "/"); name != last || name == "" || name == "." || name == ".." {
			dir.close()
			if exclusive && name == last {
				return o.no(syscall.EEXIST)
			}
			return o.no(syscall.EISDIR)
		}
		obj, e := o.below(dir, last)
		switch {
		case e == syscall.ENOENT:
			r, again := o.make(dir, last)
			dir.close()
			if again && !exclusive {
				continue
			}
			return r
		case e != 0:
			dir.close()
			return o.no(e)
		case exclusive:
			obj.close()
			dir.close()
			return o.no(syscall.EEXIST)
		case obj.kind() != syscall.S_IFLNK:
			r := syscall.Errno(0)
			if obj.proc {
				r = o.inside(obj)
			}
			var out Response
			if r != 0 {
				out = o.no(r)
			} else {
				out = o.existing(obj, dir)
			}
			obj.close()
			dir.close()
			return out
		case o.how.Flags&syscall.O_NOFOLLOW != 0:
			obj.close()
			dir.close()
			return o.no(syscall.ELOOP)
		}
		if links++; links > maxLinks {
			obj.close()
			dir.close()
			return o.no(syscall.ELOOP)
		}
		var target string
		magic := -1
		if e = o.take(false); e == 0 {
			target, magic, e = o.follow(dir.fd, obj.fd, last, &obj.st)
			o.drop()
		}
		obj.close()
		if e != 0 {
			dir.close()
			return o.no(e)
		}
		if magic >= 0 {
			obj = &fileObject{fd: magic}
			out := Response{}
			if e = obj.look(&o.s.files, ""); e == 0 {
				e = o.inside(obj)
			}
			if e != 0 {
				out = o.no(e)
			} else {
				out = o.existing(obj, dir)
			}
			obj.close()
			dir.close()
			return out
		}
		closeIf(base)
		base, dir.fd = dir.fd, -1
		if target[0] == '/' {
			closeIf(base)
			base = -1
		}
		path = target
	}
	return o.no(syscall.EAGAIN)
}

// make makes a new file; again: it is there by now.
func (o *opening) make(dir *fileObject, last string) (r Response, again bool) {
	op := &o.op
	op.Access = op.Access&^(action.FileRead|action.FileAppend) | action.FileCreate | action.FileModify
	op.Path, op.Detail = pathBelow(dir, last), fmt.Sprintf("mode %04o", o.how.Mode)
	if r, denied := o.judge(op, nil); denied && o.care == intercept.Decided {
		return r, false
	}
	if o.care < intercept.Decided {
		o.done()
		return cont(), false
	}
	o.c.Brief()
	if o.full() {
		return fail(syscall.EMFILE), false
	}
	mode, e := o.mode(dir.fd, uint32(o.how.Mode))
	if e != 0 {
		return fail(e), false
	}
	fd := -1
	e = o.as(true, func() (err error) {
		fd, err = linux.OpenMode(dir.fd, last, int(o.how.Flags)|syscall.O_CREAT|syscall.O_EXCL|linux.ONoFollow|linux.ONoCTTY, mode)
		return err
	})
	if e != 0 {
		op.Access = accessOf(o.how.Flags)
		return fail(e), e == syscall.EEXIST
	}
	obj := &fileObject{fd: fd}
	_ = linux.Fstat(fd, &obj.st)
	if o.s.killable {
		r = o.handFor(fd, obj)
	} else {
		r = o.s.handMade(o.c, fd, o.how.Flags)
		linux.Close(fd)
	}
	if r.Errno == 0 {
		op.File = obj.file()
		o.done()
	}
	return r, false
}

// createResolved is O_CREAT with RESOLVE_ flags: the kernel resolves. A link that
// leads nowhere is put into the name, which then leads to what is to be made.
func (o *opening) createResolved(base int) Response {
	for range maxLinks {
		trimmed := strings.TrimRight(o.path, "/")
		slash := trimmed != "" && trimmed != o.path // no file is made with one: then only its folder matters
		e := syscall.ENOENT
		var obj *fileObject
		if !slash {
			obj, e = o.object(o.dirfd, o.path, o.how.Flags&(syscall.O_NOFOLLOW|syscall.O_EXCL) != 0, o.how.Resolve)
		}
		if e == 0 {
			if o.how.Flags&syscall.O_EXCL != 0 {
				obj.close()
				return o.no(syscall.EEXIST)
			}
			dir := &fileObject{fd: -1}
			r := o.existing(obj, dir)
			obj.close()
			return r
		}
		if e != syscall.ENOENT {
			return o.no(e)
		}
		cut := strings.LastIndexByte(trimmed, '/') + 1
		head, last := o.path[:cut], o.path[cut:]
		if head == "" {
			head = "."
		}
		dir, e := o.object(o.dirfd, head, false, o.how.Resolve)
		if e != 0 {
			return o.no(e)
		}
		if slash || last == "." || last == ".." {
			dir.close()
			return o.no(syscall.EISDIR)
		}
		target := ""
		if o.as(true, func() (err error) { target, err = linux.ReadlinkAt(dir.fd, last); return err }) == 0 {
			dir.close()
			if o.path = target; target[0] != '/' {
				o.path = head + "/" + target
			}
			continue
		}
		r, again := o.make(dir, last)
		dir.close()
		if !again {
			return r
		}
	}
	return o.no(syscall.ELOOP)
}
