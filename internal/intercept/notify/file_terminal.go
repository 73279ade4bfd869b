package notify

import (
	"errors"
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// devTTY is /dev/tty: whose terminal it means depends on who opens it.
const devTTY = 5 << 8

// terminal names the caller's controlling terminal.
func (o *opening) terminal() (string, syscall.Errno) {
	theirs, session, err := procfs.Terminal(o.tgid)
	if err != nil || theirs == 0 {
		return "", syscall.ENXIO
	}
	if ours, mine, err := procfs.Terminal(o.s.self); err == nil && ours == theirs && mine == session {
		return "/dev/tty", 0
	}
	major, minor := theirs>>8&0xfff, theirs&0xff|theirs>>12&0xfff00
	if major < 136 || major > 143 {
		return "", syscall.ENXIO
	}
	return "/dev/pts/" + strconv.Itoa((major-136)<<8+minor), 0
}

// claims says that the caller gets the terminal that it opens as its own: a
// session leader that has none gets the first that it opens for reading.
func (o *opening) claims(obj *fileObject) bool {
	if o.how.Flags&syscall.O_NOCTTY != 0 || o.how.Flags&oAccMode == syscall.O_WRONLY || obj.kind() != syscall.S_IFCHR {
		return false
	}
	switch major := obj.st.Rdev >> 8 & 0xfff; {
	case major >= 136 && major <= 143: // of devpts
	case major == 4 && obj.st.Rdev&0xff != 0: // consoles and serial lines
	default:
		return false
	}
	tty, session, err := procfs.Terminal(o.tgid)
	return err == nil && tty == 0 && session == o.tgid
}

// claim has the caller ask for the terminal that fd is open on, as its open
// would have: nobody can for somebody else. Where the terminal is another
// session's it goes on without one, as after its open.
func (o *opening) claim(fd int64) Response {
	b, err := o.s.borrow(o.c)
	switch {
	case errors.Is(err, errUnseizable):
		return value(fd)
	case err != nil:
		return done()
	}
	if err = b.enter(b.tid, syscall.SYS_IOCTL, [6]uint64{uint64(fd), syscall.TIOCSCTTY}); err == nil {
		_, err = b.result(b.tid)
	}
	if err == nil || errors.Is(err, errFiltered) {
		b.release(fd)
	}
	return done()
}
