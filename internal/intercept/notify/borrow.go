package notify

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// # Borrowing a caller
//
// Some calls can neither be carried out here (they need the caller's identity)
// nor be left to the kernel as they are (what they name can change until the
// kernel looks). For these the caller's thread is borrowed: seized, its call
// ended, stopped on its way out of the kernel, and made to execute calls of our
// choice at the one address that is known to hold a system call instruction.
// Then it is given its result and its registers, and let go.
//
//	caller                     this thread
//	in its call, notified <--- SEIZE, INTERRUPT, answer
//	EVENT_STOP            ---> registers and signal mask kept
//	call of ours          <--- (borrowed.run; net_rewrite.go)
//	or a thread with a descriptor table of its own (carrier.go)
//	returns               <--- result, registers, mask, DETACH
//
// Calls of ours pass the tree's own filter: what it notifies is recognised by
// injections.

// errGone reports that a borrowed task died.
var errGone = errors.New("the task is gone")

// errElsewhere reports that the caller no longer makes the call.
var errElsewhere = errors.New("the caller has left its call")

// borrowed is a caller in our hands. Only the thread that made it may use it.
type borrowed struct {
	s    *Supervisor
	tid  int
	ip   uint64
	nr   int
	args [6]uint64
	proc action.Process
	regs linux.Regs
	mask uint64
}

// errFiltered reports that a seccomp filter of the application's own traps a
// call of ours. The task stands where it does after result.
var errFiltered = errors.New("the application's own filter traps the call")

// noSignals blocks what can be blocked, but for SIGSYS: forcing that one upon a
// task that blocks it, as a trapping filter does, would reset its handler.
const noSignals = ^uint64(1 << (syscall.SIGSYS - 1))

// borrow takes the caller of c in hand. The call is answered or over
// afterwards, unless the error is errUnseizable. Call c.Slow before.
func (s *Supervisor) borrow(c *Call) (*borrowed, error) { return s.borrowBy(s.power.as, c) }

func (s *Supervisor) borrowBy(as func(tid int, fn func() error) error, c *Call) (*borrowed, error) {
	b := &borrowed{s: s, tid: c.TID(), ip: c.IP, nr: int(c.NR), args: c.Args, proc: *c.Process()}
	err := as(b.tid, func() error {
		return linux.Seize(b.tid, linux.TraceSysGood|linux.TraceExitKill|linux.TraceClone)
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnseizable, err)
	}
	s.power.traces.Store(true)
	stale := !c.Valid()
	_ = linux.Interrupt(b.tid)
	if s.killable {
		// INTERRUPT does not disturb the wait for the answer: the stop is at
		// the call's own return. Without that it ends the call by itself.
		stale = !s.send(c, fail(syscall.EINTR)) || stale
	}
	c.answered.Store(true)
	c.mem.close()
	for {
		st, err := b.wait(b.tid)
		if err != nil {
			return nil, err
		}
		if uint32(st)>>16 != linux.EventStop {
			_ = linux.Cont(b.tid, int(st.StopSignal()))
			continue
		}
		if err = linux.GetRegs(b.tid, &b.regs); err == nil && (stale || !b.regs.At(b.ip)) {
			err = errElsewhere
		}
		if err == nil {
			b.mask, err = linux.GetSigMask(b.tid)
		}
		if err == nil {
			// No signal handler may run on borrowed registers.
			err = linux.SetSigMask(b.tid, noSignals)
		}
		if err != nil {
			_ = linux.Detach(b.tid, 0)
			return nil, err
		}
		return b, nil
	}
}

// errUnseizable reports a task that is traced by somebody else, or that the
// kernel does not let us trace.
var errUnseizable = errors.New("cannot seize the caller")

// wait gives the next stop of a task of ours; errGone when it died.
func (b *borrowed) wait(tid int) (linux.Status, error) {
	who, st, err := linux.WaitTracee(tid)
	switch {
	case err != nil:
		return st, errGone
	case st.Exited(), st.Signaled():
		b.s.inherited(tid, who, &b.proc, st)
		return st, errGone
	}
	return st, nil
}

// next resumes tid up to its next system call stop or ptrace event.
func (b *borrowed) next(tid int) (linux.Status, error) {
	for sig := 0; ; {
		if err := linux.ContSyscall(tid, sig); err != nil && err != syscall.ESRCH {
			return 0, fmt.Errorf("cannot resume a task: %w", err)
		}
		st, err := b.wait(tid)
		if err != nil {
			return st, err
		}
		event := uint32(st) >> 16
		switch sig = 0; {
		case st.StopSignal() == linux.SyscallStop:
			return st, nil
		case event == linux.EventStop: // a group stop in the middle: taken up again at DETACH
		case event != 0:
			return st, nil
		case st.StopSignal() == syscall.SIGSTOP && linux.SignalFrom(tid, b.s.self): // a nudge (carrier.go)
		case st.StopSignal() == syscall.SIGSYS:
			return st, errFiltered
		default:
			sig = int(st.StopSignal()) // SIGSTOP; the rest is blocked
		}
	}
}

// enter resumes tid into a call of ours. What stands at ip can be
// overwritten, so what it really enters is looked at: a task that enters
// anything else under our hand is killed.
func (b *borrowed) enter(tid, nr int, args [6]uint64) error {
	call := b.regs
	call.Inject(b.ip, nr, args)
	_ = linux.SetRegs(tid, &call) // fails for the dead only, as next finds out
	if _, err := b.next(tid); err != nil {
		return err
	}
	var r linux.Regs
	if err := linux.GetRegs(tid, &r); err != nil {
		return errGone
	}
	if n, a := r.Entered(); n != nr || a != args {
		b.s.cfg.Judge.Tamper(&action.Tamper{Proc: &b.proc, Syscall: b.s.routes[b.nr].name, Detail: "the code of a call was overwritten while it was carried out"})
		b.abandon(tid)
		return errGone
	}
	return nil
}

// result resumes tid to the end of the call that it is in.
func (b *borrowed) result(tid int) (int64, error) {
	if _, err := b.next(tid); err != nil {
		return 0, err
	}
	var r linux.Regs
	if err := linux.GetRegs(tid, &r); err != nil {
		return 0, errGone
	}
	return r.Result(), nil
}

// release lets the caller go on as if its own call had returned v.
func (b *borrowed) release(v int64) {
	b.regs.Returned(b.ip, b.args, v)
	b.detach()
}

// again lets the caller make its own call once more. Signals that came
// meanwhile are handled before that.
func (b *borrowed) again() {
	b.regs.Inject(b.ip, b.nr, b.args)
	b.detach()
}

// restart has the caller's own call end as one that a signal interrupted: the
// kernel makes it again, or fails it with EINTR, as the handler says. Only a
// call that the caller is in can end like that, so it makes it once more, and
// that one is answered so.
func (b *borrowed) restart() {
	b.s.injected.expect(b.tid, injectedCall{nr: b.nr, args: b.args, answer: fail(errRestart)})
	err := b.enter(b.tid, b.nr, b.args)
	if err == nil {
		_, err = b.next(b.tid)
	}
	b.s.injected.forget(b.tid) // before it can make the call by itself
	if err != nil {
		return
	}
	_ = linux.SetSigMask(b.tid, b.mask)
	_ = linux.Detach(b.tid, 0)
}

func (b *borrowed) detach() {
	_ = linux.SetRegs(b.tid, &b.regs)
	_ = linux.SetSigMask(b.tid, b.mask)
	_ = linux.Detach(b.tid, 0)
}

// abandon ends the caller's process: it stands where nothing of it may run.
func (b *borrowed) abandon(tid int) {
	if b.proc.PID > 1 {
		_ = syscall.Kill(b.proc.PID, syscall.SIGKILL)
	}
	_ = linux.Cont(tid, int(syscall.SIGKILL))
	for {
		if _, err := b.wait(tid); err != nil {
			return
		}
		_ = linux.Cont(tid, int(syscall.SIGKILL))
	}
}

// injections are the notified calls that tasks make on our behalf.
type injections struct {
	n  atomic.Int32
	mu sync.Mutex
	m  map[int]injectedCall
}

type injectedCall struct {
	nr     int
	args   [6]uint64
	answer Response
	hand   int // a descriptor of ours, plus 1, that stands under the call's first argument when it is made; 0: none
}

func (i *injections) expect(tid int, k injectedCall) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.m == nil {
		i.m = make(map[int]injectedCall)
	}
	i.m[tid] = k
	i.n.Store(int32(len(i.m)))
}

func (i *injections) forget(tid int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.m, tid)
	i.n.Store(int32(len(i.m)))
}

// answer recognises a call that was injected. A task in our hands that makes
// another call is refused.
func (i *injections) answer(c *Call) (r Response, ours bool) {
	if i.n.Load() == 0 {
		return Response{}, false
	}
	i.mu.Lock()
	k, ours := i.m[c.TID()]
	i.mu.Unlock()
	switch {
	case !ours:
		return Response{}, false
	case int(c.NR) != k.nr || c.Args != k.args:
		return fail(syscall.EPERM), true
	case k.hand > 0:
		a := linux.AddFD{ID: c.ID, Flags: linux.AddFDSetFD, SrcFD: uint32(k.hand - 1), NewFD: uint32(k.args[0])}
		if _, e := linux.InstallFD(c.s.listener, &a); e != 0 {
			return fail(e), true
		}
	}
	return k.answer, true
}
