package notify

import (
	"cmp"
	"encoding/binary"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

const sockaddrUnSize = 110 // struct sockaddr_un; of a longer address the kernel says EINVAL

// judgesUnix says whether anybody cares which unix sockets are reached.
func (s *Supervisor) judgesUnix() bool {
	j, ok := s.cfg.Judge.(interface{ JudgesUnix() bool })
	return !ok || j.JudgesUnix()
}

// judgeUnixSend judges the names of unix sockets that a send carries: a
// datagram reaches its peer without a connect. As with connect the kernel
// carries the call out, with the caller's identity, and reads the name again.
// A batch of which one may not go goes not at all.
func (s *Supervisor) judgeUnixSend(c *Call) (Response, bool) {
	if !s.judgesUnix() {
		return Response{}, false
	}
	switch c.NR {
	case sysSendmsg:
		return s.judgeUnixHeaders(c, c.Args[1], 1, msghdrSize)
	case sysSendmmsg:
		return s.judgeUnixHeaders(c, c.Args[1], min(uint32(c.Args[2]), maxBatch), mmsghdrSize)
	}
	return s.judgeUnixName(c, c.Args[4], int32(c.Args[5]))
}

// judgeUnixHeaders looks at n struct user_msghdr that lie size bytes apart.
func (s *Supervisor) judgeUnixHeaders(c *Call, at uint64, n uint32, size uint64) (Response, bool) {
	var h [12]byte // the name's address and length
	for ; n > 0; n, at = n-1, at+size {
		if c.copyIn(at, h[:]) != 0 {
			return Response{}, false // the kernel gets no further either
		}
		r, denied := s.judgeUnixName(c, binary.NativeEndian.Uint64(h[:]), int32(binary.NativeEndian.Uint32(h[8:])))
		if denied {
			return r, true
		}
	}
	return Response{}, false
}

func (s *Supervisor) judgeUnixName(c *Call, at uint64, n int32) (Response, bool) {
	if at == 0 {
		return Response{}, false
	}
	addr, e := c.readAddr(at, min(n, maxSockaddr))
	if e != 0 || family(addr) != linux.AFUnix || !c.Valid() {
		return Response{}, false
	}
	return s.judgeUnix(c, addr, true)
}

// judgeUnix asks about the socket that a name stands for.
func (s *Supervisor) judgeUnix(c *Call, addr []byte, datagram bool) (Response, bool) {
	a := action.Connect{Protocol: action.ProtoUnix, Unix: unixName(addr), Datagram: datagram}
	var e syscall.Errno
	if a.Real, e = s.leadsTo(c, a.Unix); e != 0 && !datagram && len(addr) <= sockaddrUnSize {
		e = s.meets(c, a.Unix, e)
		a.Absent = e != 0 && strings.HasPrefix(s.protocolOf(c.TID(), int(int32(c.Args[0]))), "UNIX")
	}
	// Who only borrows the handlers is not told of binds, and governs no files.
	a.Foreign = !a.Absent && !datagram && !s.lent && !s.net.bound.has(cmp.Or(a.Real, a.Unix))
	r, denied := s.judgeConnect(c, &a)
	if !denied && a.Absent {
		return fail(e), true // as it was when it was judged, whatever comes to be there
	}
	return r, denied
}

// meets gives what is wrong with a path for who makes the call, of which we
// found that it leads nowhere: e for one who is as we are. 0: it is not known.
func (s *Supervisor) meets(c *Call, name string, e syscall.Errno) syscall.Errno {
	if c.Process().UID == s.power.uid {
		return e
	}
	if s.files.judge == nil {
		return 0
	}
	c.Brief()
	u, err := s.fileUser(c)
	if err != nil {
		return 0
	}
	switch dir, _, e := u.fresh(linux.AtFDCWD, name); e {
	case 0:
		dir.close()
		return syscall.ENOENT
	case syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES:
		return e
	}
	return 0
}

// judgesFiles says whether anybody cares which files are used.
func (s *Supervisor) judgesFiles() bool {
	if s.files.judge == nil {
		return false
	}
	care := s.files.judge.FileCare()
	return care.Reads != intercept.Ignored || care.Changes != intercept.Ignored
}

// mayName asks about the name that a unix socket gets in the file system. As
// with connect the kernel reads it again.
func (s *Supervisor) mayName(c *Call, name string) (r Response, denied bool) {
	if name == "" || name[0] == '@' || s.files.judge == nil {
		return r, false
	}
	care := s.files.care(c, action.FileChange)
	if care == intercept.Ignored {
		return r, false
	}
	c.Brief()
	u, err := s.fileUser(c)
	if err != nil {
		return fail(syscall.EACCES), care == intercept.Decided
	}
	u.change, u.care = true, care
	dir, last, e := u.fresh(linux.AtFDCWD, name)
	if e == syscall.EEXIST {
		e = syscall.EADDRINUSE
	}
	if e != 0 {
		return fail(e), care == intercept.Decided
	}
	defer dir.close()
	op := u.op(action.FileCreate, name)
	op.Path, op.Detail = pathBelow(dir, last), "unix socket"
	if r, denied = u.ask(&op); !denied {
		u.finished(&op)
	}
	return r, denied
}

// bound are the names of unix sockets that the tree has bound, the newest.
type bound struct {
	mu    sync.Mutex
	names []string
}

// maxBound bounds what is remembered; a name beyond counts as somebody else's.
const maxBound = 1024

func (b *bound) has(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.names, name)
}

// note remembers the name that a caller binds, as a connect will find it.
func (b *bound) note(s *Supervisor, c *Call, name string) {
	if name == "" {
		return
	}
	if name[0] != '@' {
		dir, base := path.Split(name)
		if dir == "" {
			dir = "."
		}
		c.Slow()
		p := place{s: s, tid: c.TID(), tgid: c.Process().PID}
		o, err := p.find(linux.AtFDCWD, dir, 0)
		if err != nil {
			return
		}
		name = path.Join(o.path, base)
		o.close()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.Contains(b.names, name) {
		return
	}
	if len(b.names) >= maxBound {
		b.names = append(b.names[:0], b.names[maxBound/2:]...)
	}
	b.names = append(b.names, name)
}
