package notify

import (
	"errors"
	"runtime"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// # Callers whose ids differ
//
// Programs that change their effective user back and forth (sshd, postfix,
// proftpd) have for a while a real, an effective and a saved id that are not
// the same. Without CAP_SYS_PTRACE nobody at all may look into such a task or
// seize it, and after each change the kernel closes its whole process until
// somebody in it sets the dumpable flag. So the thread of ours that receives
// the first such change becomes the keeper of its caller:
//
//	caller                        keeper
//	setresuid(-1,1000,-1) stopped
//	                       <----  SEIZE: the ids are still the same
//	makes a thread         <----  the eye: it keeps the ids of before, is stopped
//	                              before its first instruction and never runs
//	makes its own call     <----
//	prctl(DUMPABLE, 1)     <----
//	goes on, stays seized
//
// The eye shares memory, descriptors and folders with the caller, so whatever
// is to be seen of the caller is seen at the eye (power.via). At each further
// change of ids the keeper, who has it seized, sets the flag again, and when
// the ids are the same again the eye ends and the caller is let go. What a
// ward forks is seized from birth and gets an eye of its own.
//
// An eye has ids that its wards could take back: when they give the last of
// them up it ends, and they are closed to everybody, as without a keeper.

// maxKeepers bounds the threads of ours that stay with somebody. Who comes
// beyond is closed while its ids differ.
const maxKeepers = 96

// keptOptions are those of a ward.
const keptOptions = linux.TraceSysGood | linux.TraceExitKill | linux.TraceFork | linux.TraceVfork | linux.TraceClone | linux.TraceExec | linux.TraceExit

// keeper is the tracer of some wards; its methods belong to its thread.
type keeper struct {
	s     *Supervisor
	wards map[int]*ward
	eyes  map[int]*eye
	born  map[int]bool // stopped at birth before their maker told of them
	// leaving are wards on their way out: their deaths are still to come.
	leaving map[int]action.Process
}

var openFlags = [6]uint64{rules.PrSetDumpable, 1}

// keep carries out the call of c, which leaves its caller with ids that differ.
func (s *Supervisor) keep(c *Call) Response {
	if s.keepers.Add(1) > maxKeepers || !s.room.left() {
		s.keepers.Add(-1)
		return s.keepOpen(c)
	}
	c.Process() // while it is what it is
	c.Slow()
	c.w = nil
	childless(func() {
		defer func() {
			if v := recover(); v != nil {
				s.fault("keeper", v) // its wards end with its thread
			}
		}()
		defer s.room.gone() // with its thread
		defer s.keepers.Add(-1)
		k := &keeper{s: s, wards: make(map[int]*ward), eyes: make(map[int]*eye), born: make(map[int]bool), leaving: make(map[int]action.Process)}
		opening := &s.power.opening[c.Process().PID%len(s.power.opening)]
		opening.Lock()
		kept, r := k.adopt(c)
		opening.Unlock()
		if !r.postpone {
			c.Answer(r)
		}
		c.mem.close()
		if kept {
			k.stay()
		}
	})
	return later()
}

// childless runs fn on a thread that ends with it, and is nobody's parent: it
// waits for all its tracees at once.
func childless(fn func()) {
	go func() {
		runtime.LockOSThread()
		if linux.Childless() {
			fn()
			return
		}
		elsewhere := make(chan struct{})
		childless(func() { close(elsewhere); fn() })
		<-elsewhere // held until then: this thread is not the one
		runtime.UnlockOSThread()
	}()
}

// adopt makes the caller a ward; kept: it is one afterwards.
func (k *keeper) adopt(c *Call) (kept bool, r Response) {
	s := k.s
	st, serr := procfs.ReadStatus(c.TID())
	s.power.wards.settle(c.Process().PID)
	b, err := s.borrowBy(s.power.attempt, c)
	switch {
	case errors.Is(err, errUnseizable) && !c.Valid():
		return false, fail(syscall.EINTR) // killed meanwhile
	case errors.Is(err, errUnseizable):
		s.cfg.Logger.Warn("cannot keep a process open to verification", "pid", c.Process().PID, "error", err)
		return false, cont()
	case err != nil:
		return false, done()
	}
	w := &ward{tid: b.tid, pid: b.proc.PID, proc: b.proc}
	if serr == nil && !isMixed(&st) {
		w.eye, err = k.eye(b, st.UID.Real, st.GID.Real)
	}
	if errors.Is(err, errGone) {
		return false, done()
	}
	k.add(w)
	var v int64
	if err = b.call(b.nr, b.args, &v); err == nil {
		_ = b.call(syscall.SYS_PRCTL, openFlags, nil)
		b.regs.Returned(b.ip, b.args, v)
		kept = k.settle(w, b)
	}
	if err != nil {
		k.part(w)
		if !errors.Is(err, errGone) {
			b.again()
		}
	}
	return kept, done()
}

// settle lets a stopped ward go on with the registers in b: as a ward, or, if
// there is no reason any more, alone.
func (k *keeper) settle(w *ward, b *borrowed) (kept bool) {
	st, err := procfs.ReadStatus(w.tid)
	kept = err == nil && isMixed(&st) && w.eye != nil && w.eye.fits(&st)
	if !kept {
		k.part(w)
		b.detach()
		return false
	}
	_ = linux.SetTraceOptions(w.tid, keptOptions)
	_ = linux.SetRegs(w.tid, &b.regs)
	_ = linux.SetSigMask(w.tid, b.mask)
	_ = linux.Cont(w.tid, 0)
	return true
}

// eye has a borrowed task make its eye and finish the making.
func (k *keeper) eye(b *borrowed, uid, gid uint32) (*eye, error) {
	tid, err := b.thread(carrierFlags | cloneFiles)
	if err != nil {
		return nil, err
	}
	// It has inherited more, but is to die when its process does.
	_ = linux.SetTraceOptions(tid, linux.TraceSysGood|linux.TraceExitKill)
	e := &eye{tid: tid, pid: b.proc.PID, uid: uid, gid: gid, b: b}
	if _, err = b.next(b.tid); err != nil {
		return nil, err
	}
	k.eyes[tid] = e
	return e, nil
}

// call has the borrowed task make a call of ours or its own.
func (b *borrowed) call(nr int, args [6]uint64, v *int64) error { return b.callAs(b.tid, nr, args, v) }

func (b *borrowed) callAs(tid, nr int, args [6]uint64, v *int64) error {
	b.s.injected.expect(tid, injectedCall{nr: nr, args: args, answer: cont()})
	defer b.s.injected.forget(tid)
	err := b.enter(tid, nr, args)
	if err != nil {
		return err
	}
	got, err := b.result(tid)
	if v != nil {
		*v = got
	}
	return err
}

func (k *keeper) add(w *ward) {
	k.wards[w.tid] = w
	if w.eye != nil {
		w.eye.wards++
	}
	k.s.power.wards.add(w)
}

// part forgets a ward, and ends its eye if it was the last.
func (k *keeper) part(w *ward) {
	delete(k.wards, w.tid)
	k.s.power.wards.drop(w)
	w.done()
	e := w.eye
	if e == nil {
		return
	}
	w.eye = nil
	if e.wards--; e.wards > 0 || k.eyes[e.tid] == nil {
		return
	}
	delete(k.eyes, e.tid)
	err := e.b.enter(e.tid, syscall.SYS_EXIT, [6]uint64{})
	for err == nil {
		_, err = e.b.next(e.tid)
	}
}

// stay is the keeper's work until there is nobody left to keep.
func (k *keeper) stay() {
	defer func() {
		for _, w := range k.wards {
			k.s.power.wards.drop(w)
		}
	}()
	for len(k.wards)+len(k.leaving) > 0 {
		tid, st, err := linux.WaitTracees()
		if err != nil {
			return
		}
		k.handle(tid, st)
	}
}

func (k *keeper) handle(tid int, st linux.Status) {
	w, event := k.wards[tid], uint32(st)>>16
	switch {
	case st.Exited(), st.Signaled():
		k.died(tid, w, st)
	case k.eyes[tid] != nil:
		if event == linux.EventExit {
			_ = linux.Cont(tid, 0)
		} // else it has taken part in a group stop, and stays where it is
	case event == linux.EventStop && w == nil:
		k.born[tid] = true
	case event == linux.EventStop:
		k.stopped(w, st.StopSignal())
	case event == linux.EventFork, event == linux.EventVfork, event == linux.EventClone:
		k.delivered(w, tid)
		_ = linux.Cont(tid, 0)
	case event == linux.EventExit:
		if w != nil {
			k.leaving[tid] = w.proc
			k.part(w)
		}
		_ = linux.Cont(tid, 0)
	case event == linux.EventExec:
		k.executed(tid)
	case event != 0:
		_ = linux.Cont(tid, 0)
	case w != nil && w.exec != nil && st.StopSignal() == linux.SyscallStop:
		k.failed(w)
	case w != nil && st.StopSignal() == syscall.SIGSTOP && linux.SignalFrom(tid, k.s.self):
		k.called(w)
	default:
		_ = linux.Cont(tid, int(st.StopSignal()))
	}
}

func (k *keeper) died(tid int, w *ward, st linux.Status) {
	if e := k.eyes[tid]; e != nil {
		delete(k.eyes, tid)
		return
	}
	proc, ours := k.leaving[tid]
	delete(k.leaving, tid)
	switch {
	case w != nil:
		proc = w.proc
		k.part(w)
	case !ours:
		proc = action.Process{PID: tid, PPID: k.s.self} // a child of ours that is no tracee
	}
	k.s.inherited(tid, tid, &proc, st)
}

// stopped handles a stop that is no event: the end of one, or a group stop,
// which is only whole when the eye has taken part in it.
func (k *keeper) stopped(w *ward, sig syscall.Signal) {
	switch sig {
	case syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		if e := w.eye; e != nil {
			_ = linux.Interrupt(e.tid) // it stops again at once, whatever becomes of the group stop
			_ = linux.Cont(e.tid, 0)
		}
		_ = linux.Listen(w.tid)
	default:
		_ = linux.Cont(w.tid, 0)
	}
}

// delivered takes up what a ward has made.
func (k *keeper) delivered(w *ward, tid int) {
	child, err := linux.EventMessage(tid)
	var r linux.Regs
	if err != nil || linux.GetRegs(tid, &r) != nil {
		return
	}
	nr, args := r.Entered()
	proc := action.Process{PID: child, TID: child}
	if w != nil {
		proc.PPID = w.pid
	}
	b := &borrowed{s: k.s, tid: child, ip: r.IP(), nr: nr, args: args, proc: proc}
	if !k.born[child] {
		if _, err := b.wait(child); err != nil {
			return
		}
	}
	delete(k.born, child)
	const all = syscall.CLONE_VM | syscall.CLONE_FS | syscall.CLONE_FILES | syscall.CLONE_THREAD
	n := &ward{tid: child, pid: child, proc: proc}
	switch {
	case w == nil || w.eye == nil:
	case nr == syscall.SYS_CLONE && args[0]&cloneThread != 0:
		n.pid, n.proc.PID, n.proc.PPID = w.pid, w.pid, w.proc.PPID
		if args[0]&all == all {
			n.eye = w.eye
		}
	default:
		n.eye = k.eyeOf(b, w.eye)
	}
	if n.eye == nil {
		_ = linux.Detach(child, 0)
		return
	}
	k.add(n)
	_ = linux.Cont(child, 0)
}

// eyeOf makes the eye of a newborn process, which has the ids of its maker.
func (k *keeper) eyeOf(b *borrowed, like *eye) *eye {
	if !b.hold() {
		return nil
	}
	regs := b.regs
	regs.Restart()
	e, err := k.eye(b, like.uid, like.gid)
	if err == nil {
		for i, id := range []uint32{like.gid, like.uid} {
			var v int64
			same := [6]uint64{uint64(id), uint64(id), uint64(id)}
			if err = b.callAs(e.tid, setThree[i], same, &v); err == nil && v != 0 {
				err = syscall.Errno(-v)
			}
		}
		_ = b.callAs(e.tid, syscall.SYS_PRCTL, openFlags, nil)
	}
	_ = linux.SetRegs(b.tid, &regs)
	_ = linux.SetSigMask(b.tid, b.mask)
	if err == nil {
		return e
	}
	if e != nil {
		k.part(&ward{eye: e})
	}
	if !errors.Is(err, syscall.ESRCH) {
		k.s.cfg.Logger.Warn("cannot keep a process open to verification", "pid", b.tid, "error", err)
	}
	return nil
}

// hold reads the registers of a stopped task and keeps signals from it.
func (b *borrowed) hold() bool {
	if linux.GetRegs(b.tid, &b.regs) != nil {
		return false
	}
	var err error
	if b.mask, err = linux.GetSigMask(b.tid); err != nil {
		return false
	}
	return linux.SetSigMask(b.tid, noSignals) == nil
}

// change lets a ward change its ids, and calls its keeper.
func (w *ward) change(s *Supervisor, c *Call) Response {
	w.asked.Store(&errand{nr: int(c.NR), args: c.Args, ip: c.IP})
	r := cont()
	if !s.killable {
		// A signal would take it out of its call.
		if !s.send(c, r) {
			w.done()
			return done()
		}
		c.answered.Store(true)
		r = done()
	}
	if w.stop() != nil {
		w.done()
	}
	return r
}

// traced has the keeper of a ward make its clone without CLONE_UNTRACED, or what
// it makes would be nobody's ward.
func (w *ward) traced(s *Supervisor, c *Call) Response {
	e := &errand{nr: int(c.NR), args: c.Args, ip: c.IP, again: true}
	e.args[0] &^= cloneUntraced
	w.asked.Store(e)
	if w.stop() != nil {
		w.done()
		return fail(syscall.EINTR)
	}
	if s.killable {
		s.send(c, fail(syscall.EINTR)) // it stops there
	}
	return done()
}

// called does what a ward's call asks for behind it.
func (k *keeper) called(w *ward) {
	a := w.asked.Load()
	if a == nil {
		_ = linux.Cont(w.tid, 0)
		return
	}
	b := &borrowed{s: k.s, tid: w.tid, ip: a.ip, nr: a.nr, args: a.args, proc: w.proc}
	if !b.hold() {
		_ = linux.Cont(w.tid, 0)
		return
	}
	switch {
	case a.exec != nil:
		k.execute(w, b, a)
		return
	case a.again:
		b.regs.Inject(a.ip, a.nr, a.args)
		k.settle(w, b)
		w.done()
		return
	}
	_ = b.call(syscall.SYS_PRCTL, openFlags, nil)
	b.regs.Restart()
	k.settle(w, b)
	w.done()
}
