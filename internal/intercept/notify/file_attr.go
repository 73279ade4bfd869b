package notify

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

func attributeFamily() []entry {
	const at = linux.AtFDCWD
	return []entry{
		{"truncate", names((*fileUser).truncate)},
		{"chmod", names(func(u *fileUser, a args) Response { return u.chmod(named{at, a[0], 0}, a[1]) })},
		{"fchmodat", names(func(u *fileUser, a args) Response { return u.chmod(named{a.fd(0), a[1], 0}, a[2]) })},
		{"fchmod", names(func(u *fileUser, a args) Response { return u.chmod(held(a.fd(0)), a[1]) })},
		{"chown", names(func(u *fileUser, a args) Response { return u.chown(named{at, a[0], 0}, a[1], a[2]) })},
		{"lchown", names(func(u *fileUser, a args) Response {
			return u.chown(named{at, a[0], linux.AtSymNofollow}, a[1], a[2])
		})},
		{"fchownat", names(func(u *fileUser, a args) Response {
			return u.chown(named{a.fd(0), a[1], int(uint32(a[4]))}, a[2], a[3])
		})},
		{"fchown", names(func(u *fileUser, a args) Response { return u.chown(held(a.fd(0)), a[1], a[2]) })},
		{"utime", names(func(u *fileUser, a args) Response { return u.utimes(named{at, a[0], 0}, a[1], seconds) })},
		{"utimes", names(func(u *fileUser, a args) Response { return u.utimes(named{at, a[0], 0}, a[1], micros) })},
		{"futimesat", names(func(u *fileUser, a args) Response { return u.utimes(named{a.fd(0), a[1], 0}, a[2], micros) })},
		{"utimensat", names(func(u *fileUser, a args) Response {
			return u.utimes(named{a.fd(0), a[1], int(uint32(a[3]))}, a[2], nanos)
		})},
		{"setxattr", names(func(u *fileUser, a args) Response { return u.setxattr(named{at, a[0], 0}, a) })},
		{"lsetxattr", names(func(u *fileUser, a args) Response { return u.setxattr(named{at, a[0], linux.AtSymNofollow}, a) })},
		{"fsetxattr", names(func(u *fileUser, a args) Response { return u.setxattr(held(a.fd(0)), a) })},
		{"removexattr", names(func(u *fileUser, a args) Response { return u.removexattr(named{at, a[0], 0}, a[1]) })},
		{"lremovexattr", names(func(u *fileUser, a args) Response {
			return u.removexattr(named{at, a[0], linux.AtSymNofollow}, a[1])
		})},
		{"fremovexattr", names(func(u *fileUser, a args) Response { return u.removexattr(held(a.fd(0)), a[1]) })},
		{"ioctl", ioctl(names((*fileUser).setFlags))},
		{"ftruncate", names((*fileUser).ftruncate)},
		{"fallocate", names((*fileUser).fallocate)},
		{"fcntl", names((*fileUser).setStatus)},
	}
}

// which says what a call is about: a name, or a descriptor.
type which interface {
	find(u *fileUser) (o *fileObject, requested string, e syscall.Errno)
}

type named struct {
	dirfd int
	at    uint64
	flags int // AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH
}

func (n named) find(u *fileUser) (*fileObject, string, syscall.Errno) {
	name, e := u.name(n.at)
	if e != 0 {
		return nil, "", e
	}
	if name == "" && n.flags&linux.AtEmptyPath != 0 {
		o, e := u.descriptor(n.dirfd)
		return o, "", e
	}
	o, e := u.object(n.dirfd, name, n.flags&linux.AtSymNofollow != 0, 0)
	return o, name, e
}

// held is a descriptor that gives more than the right to be named.
type held int

func (h held) find(u *fileUser) (*fileObject, string, syscall.Errno) {
	flags, e := u.openFlags(int(h))
	if e != 0 || flags&linux.OPath != 0 {
		return nil, "", syscall.EBADF
	}
	if !u.c.Valid() {
		return nil, "", syscall.EINTR
	}
	o, e := u.descriptor(int(h))
	return o, "", e
}

// attributes finds what w says, asks about it, and carries do out on it.
func (u *fileUser) attributes(w which, access action.FileAccess, detail string, do func(o *fileObject) error) Response {
	o, requested, e := w.find(u)
	if e != 0 {
		return fail(e)
	}
	defer o.close()
	op := u.op(access, requested)
	op.Detail = detail
	o.on(&op, o.path)
	if r, denied := u.ask(&op); denied {
		return r
	}
	return u.carry(!o.proc, func() error { return do(o) }, &op)
}

func (u *fileUser) chmod(w which, mode uint64) Response {
	m := uint32(mode) & 0o7777
	return u.attributes(w, action.FileAttributes, fmt.Sprintf("mode %04o", m), func(o *fileObject) error {
		return linux.ChmodPath(linux.FDPath(o.fd), m)
	})
}

func (u *fileUser) chown(w which, uid, gid uint64) Response {
	if n, ok := w.(named); ok && n.flags&^(linux.AtSymNofollow|linux.AtEmptyPath) != 0 {
		return fail(syscall.EINVAL)
	}
	id := func(v uint64) int { return int(int32(uint32(v))) }
	return u.attributes(w, action.FileAttributes, fmt.Sprintf("owner %d:%d", id(uid), id(gid)), func(o *fileObject) error {
		return linux.ChownAt(o.fd, "", id(uid), id(gid), linux.AtEmptyPath)
	})
}

// Units in which calls give times.
const (
	seconds = iota // struct utimbuf
	micros         // struct timeval[2]
	nanos          // struct timespec[2]
)

func (u *fileUser) utimes(w named, at uint64, unit int) Response {
	var ts *[2]linux.Timespec
	if at != 0 {
		size := 32
		if unit == seconds {
			size = 16
		}
		b, e := u.c.numbers(at, size)
		if e != 0 {
			return fail(e)
		}
		ts = new([2]linux.Timespec)
		switch unit {
		case seconds:
			ts[0].Sec, ts[1].Sec = long(b, 0), long(b, 1)
		case micros:
			for i := range ts {
				us := long(b, 2*i+1)
				if us < 0 || us >= 1e6 {
					return fail(syscall.EINVAL)
				}
				ts[i].Sec, ts[i].Nsec = long(b, 2*i), us*1000
			}
		default:
			for i := range ts {
				ts[i].Sec, ts[i].Nsec = long(b, 2*i), long(b, 2*i+1)
			}
			if ts[0].Nsec == linux.UtimeOmit && ts[1].Nsec == linux.UtimeOmit {
				return value(0) // the kernel does not even look at the name
			}
		}
	}
	if w.flags&^(linux.AtSymNofollow|linux.AtEmptyPath) != 0 {
		return fail(syscall.EINVAL)
	}
	var what which = w
	if w.at == 0 && unit != seconds && w.dirfd != linux.AtFDCWD {
		if w.flags != 0 {
			return fail(syscall.EINVAL)
		}
		what = held(w.dirfd)
	}
	return u.attributes(what, action.FileAttributes, "times", func(o *fileObject) error {
		if o.kind() == syscall.S_IFLNK {
			empty := ""
			return linux.UtimensAt(o.fd, &empty, ts, linux.AtEmptyPath)
		}
		p := linux.FDPath(o.fd)
		return linux.UtimensAt(linux.AtFDCWD, &p, ts, 0)
	})
}

// Bounds of extended attributes (linux/limits.h).
const (
	maxXattrName  = 255
	maxXattrValue = 65536
)

func (u *fileUser) xattrName(at uint64) (string, syscall.Errno) {
	name, err := u.c.ReadString(at, maxXattrName)
	switch {
	case errors.Is(err, errLong), err == nil && name == "":
		return "", syscall.ERANGE
	case errors.Is(err, syscall.EFAULT):
		return "", syscall.EFAULT
	case err != nil:
		return "", syscall.EACCES
	}
	return name, 0
}

func (u *fileUser) setxattr(w which, a args) Response {
	flags := int(uint32(a[4]))
	if flags&^3 != 0 {
		return fail(syscall.EINVAL)
	}
	name, e := u.xattrName(a[1])
	if e != 0 {
		return fail(e)
	}
	if a[3] > maxXattrValue {
		return fail(syscall.E2BIG)
	}
	var value []byte
	if a[3] > 0 {
		if value, e = u.c.numbers(a[2], int(a[3])); e != 0 {
			return fail(e)
		}
	}
	return u.attributes(w, action.FileAttributes, "extended attribute "+name, func(o *fileObject) error {
		return linux.SetXattr(linux.FDPath(o.fd), name, value, flags)
	})
}

func (u *fileUser) removexattr(w which, at uint64) Response {
	name, e := u.xattrName(at)
	if e != 0 {
		return fail(e)
	}
	return u.attributes(w, action.FileAttributes, "extended attribute "+name, func(o *fileObject) error {
		return linux.RemoveXattr(linux.FDPath(o.fd), name)
	})
}
