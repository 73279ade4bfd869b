package notify

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// letExec lets the exec of a seized thread happen, and stays with it until it
// has succeeded and was judged again, or has failed, or the thread is gone.
//
//	caller                         this thread
//	execve, stopped         <----  SEIZE, INTERRUPT, answer CONTINUE
//	exec succeeds: exec stop ----> verify: DETACH, or SIGKILL
//	exec fails: stops at the return to user mode, because of INTERRUPT
//	                        ----> DETACH: it sees its errno, late by a moment
//
// Without WAIT_KILLABLE the INTERRUPT would take the caller out of its wait, and
// comes after the answer. Either way one stop follows, so nothing stays attached and no timer is
// needed. A thread that is not the leader takes the leader's id at the exec
// stop; waiting for "any tracee of this thread" is not disturbed by that.
func (s *Supervisor) letExec(c *Call, a *attempt) {
	// An INTERRUPT of a task that runs sends its processor a message, one of a
	// task that sleeps costs nothing. DETACH forgets it after an exec stop.
	if s.killable {
		_ = linux.Interrupt(c.TID())
	}
	s.send(c, cont())
	c.answered.Store(true)
	if !s.killable {
		_ = linux.Interrupt(c.TID())
	}
	wait := func() (int, linux.Status, error) { return linux.WaitTracee(a.Proc.PID) }
	if c.TID() != a.Proc.PID {
		wait = linux.WaitTracees
	}
	for {
		pid, st, err := wait()
		switch {
		case err != nil:
			return // ECHILD: somebody else took the death of a child of ours
		case st.Exited(), st.Signaled():
			s.inherited(c.TID(), pid, a.Proc, st)
			continue // ECHILD follows
		case st.TrapCause() == linux.EventExec:
			if s.verified(c, a, pid) {
				s.begun.Store(true)
				if s.threads.Load() {
					s.began.add(pid)
				}
				c.attended() // before the new program itself comes
				_ = linux.Detach(pid, 0)
				return
			}
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_ = linux.Cont(pid, int(syscall.SIGKILL))
		case uint32(st)>>16 == linux.EventStop:
			// The exec failed. In a group stop DETACH leaves it stopped.
			_ = linux.Detach(pid, 0)
			return
		default:
			_ = linux.Cont(pid, int(st.StopSignal()))
		}
	}
}

// verified looks at what was mapped and asks for the last time. It must not
// leave the tracee stopped: a panic counts as a denial.
func (s *Supervisor) verified(c *Call, a *attempt, pid int) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			ok = false
			s.faults.Add(1)
			s.cfg.Logger.Error("the check at the exec stop failed; the process was killed", "pid", pid, "fault", v)
			if s.cfg.Fault != nil {
				s.cfg.Fault("exec stop", v)
			}
		}
	}()
	a.tid, a.tgid, a.begun = pid, pid, true
	// Its leader may have made a call, as what it was, after another thread began
	// to execute.
	s.tasks.drop(pid)
	a.Proc.TID = pid
	a.Unverified = false
	var st linux.Stat
	err := s.power.as(pid, func() error {
		return linux.StatAt(linux.AtFDCWD, procfs.Path(pid, "exe"), &st, 0)
	})
	exe := fileOf(&st)
	switch {
	case err != nil && s.ended(pid):
		return false // killed meanwhile: nothing of it will run, and nobody is to blame
	case err != nil:
		a.Unverified = true
	case a.obj == nil || a.Script || !unchanged(exe, a.final):
		a.relook(exe)
	}
	a.wants = s.cfg.Judge.Wants()
	stack := a.readStack()
	if stack.known && !a.Script {
		a.Args, a.ArgsTruncated = stack.args, stack.cut
	}
	if a.wants.Refs {
		a.referAgain(stack)
	}
	if s.threads.Load() || s.net.sharedTables.Load() {
		a.sockets() // somebody could have changed the descriptors since
	}
	if a.uncertain() && s.ended(pid) {
		return false // as above
	}
	ans := s.cfg.Judge.ExecStarted(&a.Exec)
	if ans == intercept.Allow && s.rewritable(a, exe) {
		if s.ended(pid) {
			return false
		}
		a.Unverified = true
		ans = s.cfg.Judge.ExecStarted(&a.Exec)
	}
	return ans == intercept.Allow && s.shellStarted(a)
}

// uncertain says that something could not be looked at, which may only be
// because the caller was killed meanwhile.
func (a *attempt) uncertain() bool {
	return a.Unverified || slices.ContainsFunc(a.Refs, func(r action.Ref) bool { return r.Unseen })
}

// ended says that a process which was let exec has been killed since.
func (s *Supervisor) ended(pid int) bool {
	if !s.traceless.Load() {
		return !stopped(pid)
	}
	return s.gone(pid)
}

// gone says that a task has let go of its memory, as the first thing that it
// does at its end: nothing of it can be read any more.
func (s *Supervisor) gone(tid int) bool {
	_, err := s.exeOf(tid)
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ESRCH)
}

// stopped says that a tracee of this thread is in a stop; only SIGKILL ends
// one without us.
func stopped(pid int) bool {
	_, err := linux.GetSigMask(pid)
	return !errors.Is(err, syscall.ESRCH)
}

// same compares objects and contents. The ctime may move by a link or chmod
// of the same object, which does not matter here.
func same(a, b action.File) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino && a.Size == b.Size && a.MtimeNs == b.MtimeNs
}

// unchanged says that also nothing was written and dated back since, of which
// the ctime tells.
func unchanged(a, b action.File) bool { return same(a, b) && a.CtimeNs == b.CtimeNs }

// relook finds out what was started when it is not, or cannot be known to
// be, what was judged: by the name that the kernel itself used, which it
// leaves on the new stack, and by the mapped program.
func (a *attempt) relook(exe action.File) {
	fn, err := a.execName()
	if err == nil {
		if (fn == a.Requested || strings.HasPrefix(fn, "/dev/fd/")) && a.obj != nil && a.Script && unchanged(exe, a.final) {
			// The same name, or by descriptor: is it still the same script? The new
			// program has its descriptors for itself.
			if o, err := a.find(linux.AtFDCWD, fn, 0); err == nil {
				still := unchanged(o.file, a.File)
				o.close()
				if still {
					return
				}
			}
		}
		if err = a.lookAnew(linux.AtFDCWD, fn, 0); err == nil && same(exe, a.final) {
			a.Requested = fn
			return
		}
	}
	// The name leads elsewhere by now. The mapped program is certain.
	fd, err := a.openProc("exe")
	if err != nil {
		a.Unverified = true
		return
	}
	o := &object{fd: fd}
	if err := o.describe(&linux.Stat{}); err != nil {
		o.close()
		a.Unverified = true
		return
	}
	script := a.Script
	a.close()
	a.obj, a.interp = o, nil
	a.Path, a.File, a.Fileless, a.final = o.path, o.file, o.fileless, o.file
	a.Script, a.Interpreter, a.InterpFile = false, "", action.File{}
	a.FD, a.real = a.reopen(o), realProgram{path: o.path}
	a.Unverified = script // an interpreter runs, and which script is not known
}

const atExecFn = 31

var errNoName = errors.New("the new program has no AT_EXECFN")

// execName reads the file name that the kernel executed (AT_EXECFN).
func (a *attempt) execName() (string, error) {
	var aux []byte
	mem := -1
	err := a.s.power.as(a.tid, func() error {
		b, _, err := procfs.ReadFile(procfs.Path(a.tid, "auxv"), 4096)
		if err != nil {
			return err
		}
		aux = b
		if mem < 0 {
			mem, err = linux.OpenAt(linux.AtFDCWD, procfs.Path(a.tid, "mem"), syscall.O_RDONLY)
		}
		return err
	})
	if mem >= 0 {
		defer linux.Close(mem)
	}
	if err != nil {
		return "", err
	}
	for ; len(aux) >= 16; aux = aux[16:] {
		if binary.NativeEndian.Uint64(aux) != atExecFn {
			continue
		}
		at := binary.NativeEndian.Uint64(aux[8:])
		var b [action.MaxPath + 1]byte
		n := 0
		for n < len(b) {
			// Up to the page's end: the stack ends right behind the name.
			end := min(len(b), n+int(pageSize-(at+uint64(n))%pageSize))
			m, err := linux.Pread(mem, b[n:end], int64(at)+int64(n))
			if i := strings.IndexByte(string(b[n:n+max(m, 0)]), 0); i >= 0 {
				return string(b[:n+i]), nil
			}
			if err != nil || m <= 0 {
				break
			}
			n += m
		}
		return "", errNoName
	}
	return "", errNoName
}
