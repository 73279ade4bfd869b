package notify

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// memoryDevices is the major number of null, zero, full, random and urandom.
const memoryDevices = 1

// special opens what is no file and no directory, which can take for ever.
func (o *opening) special(obj *fileObject, how int) Response {
	path := linux.FDPath(obj.fd)
	switch obj.kind() {
	case syscall.S_IFSOCK:
		return fail(syscall.ENXIO)
	case syscall.S_IFCHR:
		if obj.st.Rdev == devTTY {
			tty, e := o.terminal()
			if e != 0 {
				return fail(e)
			}
			path = tty
		}
	}
	o.c.Slow()
	how |= linux.ONoCTTY // what we open is not to become our terminal (claims)
	fd, e := -1, syscall.Errno(0)
	memory := obj.kind() == syscall.S_IFCHR && obj.st.Rdev>>8 == memoryDevices // nobody waits for these
	if memory || how&syscall.O_NONBLOCK != 0 {
		e = o.as(true, func() (err error) {
			fd, err = linux.OpenMode(linux.AtFDCWD, path, how, 0)
			return err
		})
	} else {
		fd, e = o.patiently(path, how)
	}
	if e != 0 {
		return fail(e)
	}
	claims := o.claims(obj)
	r := o.handAlone(fd)
	if r.Errno == 0 {
		o.done()
	}
	if claims && r.Errno == 0 && !r.ended {
		return o.claim(r.Val)
	}
	return r
}

// blocked are the opens under way that wait for somebody: of a FIFO without
// the other end, of a line without a carrier.
type blocked struct {
	mu sync.Mutex
	m  map[*patient]struct{}
}

// maxBlocked bounds the threads that wait so; beyond it a caller gets ENFILE.
const maxBlocked = 256

// patient is a thread in an open. The path is in memory that stays: a signal
// makes the kernel begin the call again (Go's handlers restart), and then it
// finds another name there, which does not exist.
type patient struct {
	path  [40]byte // first: aligned
	call  *Call
	tid   int
	noted int
	off   atomic.Bool
}

// patiently opens as the caller would, who can be interrupted or die
// meanwhile.
func (o *opening) patiently(path string, how int) (int, syscall.Errno) {
	p := &patient{call: o.c, tid: linux.Gettid()}
	copy(p.path[:len(p.path)-1], path)
	b := &o.s.files.blocked
	b.mu.Lock()
	if len(b.m) >= maxBlocked {
		b.mu.Unlock()
		return -1, syscall.ENFILE
	}
	if b.m == nil {
		b.m = make(map[*patient]struct{})
	}
	b.m[p] = struct{}{}
	if len(b.m) == 1 {
		go o.s.lookAfter(b)
	}
	b.mu.Unlock()
	fd := -1
	e := o.as(true, func() error {
		var e syscall.Errno
		for {
			fd, e = linux.OpenBytes(&p.path[0], how)
			if e != syscall.EINTR || p.off.Load() {
				break
			}
		}
		if e != 0 {
			return e
		}
		return nil
	})
	b.mu.Lock()
	delete(b.m, p)
	b.mu.Unlock()
	if e != 0 && p.off.Load() {
		return -1, errRestart
	}
	return fd, e
}

// lookAfter ends the opens whose caller is gone or was signalled. The kernel
// tells us neither.
func (s *Supervisor) lookAfter(b *blocked) {
	for {
		time.Sleep(tick)
		b.mu.Lock()
		if len(b.m) == 0 {
			b.mu.Unlock()
			return
		}
		list := make([]*patient, 0, len(b.m))
		for p := range b.m {
			list = append(list, p)
		}
		b.mu.Unlock()
		for _, p := range list {
			if !p.off.Load() && p.call.Valid() && !s.closed.Load() {
				own, shared := pendingSignals(p.call.TID())
				if !own && !shared {
					p.noted = 0
					continue
				}
				// As in lookAround: another thread may take what is for all.
				if p.noted++; !own && p.noted < 2 {
					continue
				}
			}
			p.off.Store(true)
			atomic.StoreUint32((*uint32)(unsafe.Pointer(&p.path[0])), 0)
			b.mu.Lock()
			if _, waits := b.m[p]; waits {
				_ = linux.Tgkill(s.self, p.tid, syscall.SIGURG)
			}
			b.mu.Unlock()
		}
	}
}
