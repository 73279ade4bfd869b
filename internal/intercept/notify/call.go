package notify

import (
	"sync/atomic"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Call is one stopped system call, from RECV to its answer.
type Call struct {
	linux.Notification
	s        *Supervisor
	w        *worker // the thread that received it; nil after later()
	mem      memory
	task     *task
	answered atomic.Bool
	handed   bool  // a descriptor was taken
	blind    bool  // its caller cannot be looked at
	acted    bool  // carried out, with an effect that must not come twice (reissue.go)
	made     *sock // connected, and this call is to hear of it
	sum      uint64
	given    lost
}

// Response is what a handler wants done with a Call. The zero value makes the
// call return 0 without having been executed; use the constructors.
type Response struct {
	Val      int64
	Errno    syscall.Errno
	Continue bool // the kernel carries the call out
	Kill     bool // the caller's process is killed
	postpone bool
	ended    bool // already answered
	lent     Lent // for an engine that borrows the handlers (lent.go)
}

func cont() Response                { return Response{Continue: true} }
func fail(e syscall.Errno) Response { return Response{Errno: e} }
func value(v int64) Response        { return Response{Val: v} }
func later() Response               { return Response{postpone: true} }
func done() Response                { return Response{postpone: true, ended: true} }
func killed() Response              { return Response{Errno: syscall.EPERM, Kill: true} }
func answerOf(a intercept.Answer) (r Response, denied bool) {
	switch {
	case a.Kill:
		return killed(), true
	case a.Errno != 0:
		return fail(a.Errno), true
	}
	return Response{}, false
}

// scalar asks for nothing more than the verdict: a denied call fails, an
// allowed one is carried out by the kernel. Only for calls that were judged by
// their register arguments.
func scalar(a intercept.Answer) Response {
	if r, denied := answerOf(a); denied {
		return r
	}
	return cont()
}

// TID is the calling thread, in our pid namespace.
func (c *Call) TID() int { return int(c.PID) }

// Valid says whether the caller still waits for this very call.
func (c *Call) Valid() bool {
	if c.s.lent {
		return !c.s.gone(c.TID())
	}
	return linux.IDValid(c.s.listener, c.ID)
}

// Slow hands the listener to another thread. Call it before blocking.
func (c *Call) Slow() {
	if c.w != nil && c.w.leads.CompareAndSwap(true, false) {
		c.s.abdicate()
	}
}

// Answer ends a postponed call. The first answer counts.
func (c *Call) Answer(r Response) {
	if c.answered.Swap(true) {
		return
	}
	c.s.send(c, r)
	c.mem.close()
}

// InstallFD gives the caller a duplicate of fd and answers the call with its
// number. flags is O_CLOEXEC or 0. ENOENT: the caller is gone.
func (c *Call) InstallFD(fd int, flags uint32) (int, syscall.Errno) {
	a := linux.AddFD{ID: c.ID, SrcFD: uint32(fd), NewFDFlags: flags, Flags: linux.AddFDSend}
	n, e := linux.InstallFD(c.s.listener, &a)
	if e == syscall.EINVAL {
		a.Flags = 0 // before Linux 5.14: two steps
		n, e = linux.InstallFD(c.s.listener, &a)
		if e == 0 {
			c.installed(fd, n)
			c.s.send(c, value(int64(n)))
		}
	}
	if e == 0 {
		c.answered.Store(true)
	}
	return n, e
}

// Process is the caller as /proc shows it. It is shared and must not be
// changed; it is never nil.
func (c *Call) Process() *action.Process {
	if c.task == nil {
		c.task = c.s.tasks.get(c)
	}
	return &c.task.proc
}
