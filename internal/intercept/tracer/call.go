package tracer

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// The calls that are told apart here.
var (
	execveNR   = number("execve")
	execveatNR = number("execveat")
	cloneNR    = number("clone")
	forkNR     = number("fork")
	vforkNR    = number("vfork")
	setfsuidNR = number("setfsuid")
)

func number(name string) int {
	if nr, ok := seccomp.Number(name); ok {
		return nr
	}
	return -2 // no such call here
}

const cloneUntraced = 0x00800000

// call is the filter's stop: a task is about to make a governed call.
func (t *Tracer) call(k *task) {
	var r linux.Regs
	if linux.GetRegs(k.tid, &r) != nil {
		t.resume(k, 0) // killed
		return
	}
	t.release(k)
	t.bears(k, false) // what it was let make is there, or failed
	nr, args := r.NR(), r.Args()
	stop := notify.Stopped{TID: k.tid, NR: nr, IP: r.IP(), Args: args}
	switch {
	case nr == setfsuidNR && !t.calibrated && k.tid == t.pid:
		k.after, k.entry = ping, false
	case nr == execveNR || nr == execveatNR:
		x, answer := t.handlers.Exec(&stop, nr == execveatNR)
		if x == nil {
			t.skip(k, &r, answer)
			return
		}
		k.attempt = x
		if k.proc.tasks > 1 {
			k.proc.exec, k.after, k.entry = k, execing, t.entryLater
		}
	case nr == syscall.SYS_SHMAT && t.page.mem != nil && int(int32(args[0])) == t.page.id:
		t.handlers.Tampered(&stop, "shmat", "the page of judged memory")
		t.skip(k, &r, notify.Response{Errno: syscall.EINVAL})
		return
	case t.handlers.Copies(nr) && t.page.mem != nil && !k.space.attached:
		t.attach(k, &r)
		return
	case t.handlers.Knows(nr):
		answer, lent := t.handlers.Answer(&stop)
		if !answer.Continue {
			t.skip(k, &r, answer)
			return
		}
		if nr == cloneNR || nr == forkNR || nr == vforkNR {
			t.bears(k, true)
		}
		if nr == cloneNR && args[0]&cloneUntraced != 0 {
			changed := args
			changed[0] &^= cloneUntraced
			k.saved = r
			if linux.SetCall(k.tid, &r, nr, changed) != nil {
				break
			}
			k.after, k.entry = restore, t.entryLater
		}
		if !t.lend(k, &r, &stop, lent) {
			return
		}
	}
	t.resume(k, 0)
}

// skip answers a call without making it.
func (t *Tracer) skip(k *task, r *linux.Regs, a notify.Response) {
	v := a.Val
	if a.Errno != 0 {
		v = -int64(a.Errno)
	}
	_ = linux.SkipCall(k.tid, r, v)
	t.resume(k, 0)
}

// lend does what a handler asks for beyond its verdict; false: the task was
// resumed already.
func (t *Tracer) lend(k *task, r *linux.Regs, s *notify.Stopped, l notify.Lent) bool {
	switch {
	case l.Reopen:
		k.saved, k.after, k.entry = *r, reopen, t.entryLater
	case l.Copy != nil:
		return t.onCopy(k, r, s, l.Copy)
	case l.Made != nil:
		k.made, k.after, k.entry = l.Made, noteOnly, t.entryLater
	}
	return true
}

// behind is the stop behind a call that somebody waits for (and, where the
// order is the other one, first the stop at its entry).
func (t *Tracer) behind(k *task) {
	if k.entry {
		k.entry = false
		t.resume(k, 0)
		return
	}
	var r linux.Regs
	if linux.GetRegs(k.tid, &r) != nil {
		t.release(k)
		t.resume(k, 0)
		return
	}
	switch k.after {
	case ping:
		t.calibrate(k, &r)
		return
	case noteOnly:
		k.made(r.Result())
	case restore:
		t.restore(k, &r)
	case attached:
		t.attachedNow(k, &r)
		return
	case reopen:
		if t.reopen(k, &r) {
			return
		}
	case reopened:
		if e := r.Result(); e != 0 {
			t.cfg.Logger.Warn("cannot keep a process open to verification", "pid", k.tid, "errno", -e)
		}
		_ = linux.SetRegs(k.tid, &k.saved)
	}
	failed := k.after == execing
	t.release(k)
	t.resume(k, 0)
	if failed {
		t.settle(k)
	}
}

// calibrate finds out in which order the stops come: the helper calls
// setfsuid(-1), which never fails.
func (t *Tracer) calibrate(k *task, r *linux.Regs) {
	if !t.entryLater && r.Result() == linux.NotMade {
		t.entryLater = true
		t.resume(k, 0)
		return
	}
	t.calibrated = true
	t.release(k)
	t.resume(k, 0)
}

// restore puts the caller's argument registers back.
func (t *Tracer) restore(k *task, r *linux.Regs) {
	result := r.Result()
	r.SetArgs(k.saved.Args())
	if k.done != nil {
		result = k.done(result)
	}
	r.SetResult(result)
	r.SetNR(k.saved.NR()) // for a call that is made again after a signal
	_ = linux.SetRegs(k.tid, r)
}

// reopen makes a process that changed its ids dumpable again: behind its own
// call it makes prctl(PR_SET_DUMPABLE, 1) at the same place. It says false when
// there is nothing to do.
func (t *Tracer) reopen(k *task, r *linux.Regs) bool {
	k.saved = *r
	again := *r
	again.Again(syscall.SYS_PRCTL)
	again.SetArgs([6]uint64{rules.PrSetDumpable, 1})
	if linux.SetRegs(k.tid, &again) != nil {
		return false
	}
	k.after, k.entry = reopened, true
	t.resume(k, 0)
	return true
}
