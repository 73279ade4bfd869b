package notify

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// identityCall says where a call keeps the ids it asks for.
type identityCall struct {
	name     string
	uid, gid int  // argument with the effective id; -1: none
	closes   bool // the kernel makes the process non-dumpable
}

var identityCalls = []identityCall{
	{"setuid", 0, -1, true},
	{"setgid", -1, 0, true},
	{"setreuid", 1, -1, true},
	{"setregid", -1, 1, true},
	{"setresuid", 1, -1, true},
	{"setresgid", -1, 1, true},
	{"setfsuid", 0, -1, true},
	{"setfsgid", -1, 0, true},
	{"setgroups", -1, -1, false},
}

func identityFamily() []entry {
	out := []entry{{"capset", handleCapset}, {"prctl", handlePrctl}}
	for _, k := range identityCalls {
		out = append(out, entry{k.name, func(s *Supervisor, c *Call) Response { return s.identity(c, k) }})
	}
	return out
}

// idArg reads an id; -1 leaves the id as it is.
func idArg(c *Call, arg int) int64 {
	if arg < 0 || uint32(c.Args[arg]) == ^uint32(0) {
		return -1
	}
	return int64(uint32(c.Args[arg]))
}

func (s *Supervisor) identity(c *Call, k identityCall) Response {
	p := action.Privilege{Proc: c.Process(), Kind: action.PrivIdentity, Syscall: k.name, ToUID: idArg(c, k.uid), ToGID: idArg(c, k.gid)}
	switch {
	case p.ToUID >= 0:
		p.Detail = fmt.Sprintf("uid %d", p.ToUID)
	case p.ToGID >= 0:
		p.Detail = fmt.Sprintf("gid %d", p.ToGID)
	}
	r := scalar(s.cfg.Judge.Privilege(&p))
	if !r.Continue {
		return r
	}
	if s.changesNothing(c, k) {
		return r
	}
	s.identities.Store(true) // before it is so
	s.tasks.drop(c.TID())
	if !k.closes || s.power.sysPtrace || !s.power.switches {
		return r
	}
	if w := s.power.wards.get(c.TID()); w != nil {
		return w.change(s, c)
	}
	if !s.lent && s.mixes(c, k) {
		return s.keep(c)
	}
	return s.keepOpen(c)
}

// changesNothing says that a call asks for ids that the caller has, as make does
// before every command. While nobody was let change who he is, these are ours.
func (s *Supervisor) changesNothing(c *Call, k identityCall) bool {
	if s.identities.Load() || s.roots.Load() || s.lent || !s.power.plain {
		return false
	}
	args, own := 0, s.power.uid
	switch k.name {
	case "setuid", "setfsuid":
		args = 1
	case "setreuid":
		args = 2
	case "setresuid":
		args = 3
	case "setgid", "setfsgid":
		args, own = 1, s.power.gid
	case "setregid":
		args, own = 2, s.power.gid
	case "setresgid":
		args, own = 3, s.power.gid
	}
	for _, a := range c.Args[:args] {
		if uint32(a) != own && (args == 1 || uint32(a) != ^uint32(0)) {
			return false
		}
	}
	return args > 0
}

func handleCapset(s *Supervisor, c *Call) Response {
	r := s.privilege(c, action.PrivCapability, "capset", "")
	if r.Continue {
		s.identities.Store(true) // what it may do with files changes
		s.tasks.drop(c.TID())
	}
	return r
}

func handlePrctl(s *Supervisor, c *Call) Response {
	detail := ""
	switch uint32(c.Args[0]) {
	case rules.PrSetDumpable:
		// Without CAP_SYS_PTRACE a process that closes itself could start
		// programs that nobody verifies. It is told that it succeeded: what
		// the flag keeps out (tracing, /proc/PID/mem) is governed here anyway.
		if s.power.sysPtrace {
			return cont()
		}
		return value(0)
	case rules.PrSetKeepCaps:
		detail = "PR_SET_KEEPCAPS"
	case rules.PrSetSecurebits:
		detail = fmt.Sprintf("PR_SET_SECUREBITS %#x", c.Args[1])
	case rules.PrCapAmbient:
		if c.Args[1] != capAmbientRaise {
			return cont() // asking, lowering, clearing
		}
		detail = fmt.Sprintf("PR_CAP_AMBIENT_RAISE %d", c.Args[2])
	}
	return s.privilege(c, action.PrivCapability, "prctl", detail)
}

const capAmbientRaise = 2

// keepOpen lets a call that changes ids happen and then makes the process
// dumpable again. After a change of ids the kernel closes /proc/PID and ptrace
// to everybody without CAP_SYS_PTRACE until the next exec, and to what it
// forks, so that a worker of nginx or php-fpm could start anything unseen.
// Registers can be read and set in a process that is closed, if it was seized
// before: so the thread is seized, let through, stopped some time after the
// call, and made to call prctl(PR_SET_DUMPABLE, 1) at the one address that is
// known to hold a system call instruction: where it made its own.
func (s *Supervisor) keepOpen(c *Call) Response {
	if s.lent {
		return Response{Continue: true, lent: Lent{Reopen: true}}
	}
	c.Slow()
	tid := c.TID()
	proc := *c.Process()
	pid := proc.PID
	opening := &s.power.opening[pid%len(s.power.opening)]
	opening.Lock()
	defer opening.Unlock()
	if !c.Valid() {
		return fail(syscall.EINTR) // made again since, and answered: the thread may be anywhere
	}
	s.power.wards.settle(pid)
	if err := s.power.attempt(tid, func() error { return linux.Seize(tid, linux.TraceSysGood|linux.TraceExitKill) }); err != nil {
		if !c.Valid() {
			return fail(syscall.EINTR) // killed meanwhile
		}
		// It is closed or traced already: what it executes later is judged
		// as unverified.
		s.cfg.Logger.Warn("cannot keep a process open to verification", "pid", pid, "error", err)
		return cont()
	}
	j := injection{tid: tid, ip: c.IP}
	if s.killable {
		// INTERRUPT does not disturb the wait for the answer: the stop is at
		// the call's own return. Else it is where the thread got to.
		_ = linux.Interrupt(tid)
		j.stale = !s.send(c, cont())
	} else {
		j.stale = !s.send(c, cont())
		_ = linux.Interrupt(tid)
	}
	c.answered.Store(true)
	for {
		who, st, err := linux.WaitTracee(tid)
		if err != nil {
			break
		}
		if st.Exited() || st.Signaled() {
			s.inherited(tid, who, &proc, st)
			continue
		}
		if j.step(st) {
			break
		}
	}
	if j.err != nil && !errors.Is(j.err, syscall.ESRCH) {
		s.cfg.Logger.Warn("cannot keep a process open to verification", "pid", pid, "error", j.err)
	}
	return done()
}

// injection makes one stopped thread call prctl(PR_SET_DUMPABLE, 1).
type injection struct {
	tid   int
	ip    uint64 // behind a system call instruction
	stage int    // stops seen: 0 none, 1 returned from its own call, 2 entered ours
	regs  linux.Regs
	mask  uint64
	err   error
	stale bool // the call was not answered: let go at the first stop
}

// step handles one stop; true: the thread was let go.
func (j *injection) step(st linux.Status) bool {
	event := uint32(st) >> 16
	sig := st.StopSignal()
	switch {
	case j.stale && event == linux.EventStop:
		_ = linux.Detach(j.tid, 0)
		return true
	case j.stage == 0 && event == linux.EventStop:
		if j.err = j.begin(); j.err != nil {
			_ = linux.Detach(j.tid, 0)
			return true
		}
		_ = linux.ContSyscall(j.tid, 0)
		return false
	case j.stage == 1 && sig == syscall.SIGTRAP|0x80:
		j.stage = 2
		_ = linux.ContSyscall(j.tid, 0)
		return false
	case j.stage == 2 && sig == syscall.SIGTRAP|0x80:
		var now linux.Regs
		if err := linux.GetRegs(j.tid, &now); err == nil && now.Result() != 0 {
			j.err = fmt.Errorf("cannot set the dumpable flag: %w", syscall.Errno(-now.Result()))
		}
		j.end()
		return true
	case event == linux.EventStop && j.stage > 0:
		_ = linux.ContSyscall(j.tid, 0) // a group stop that we are in the middle of; it is taken up again at DETACH
		return false
	case event != 0:
		_ = linux.Cont(j.tid, 0)
		return false
	}
	_ = linux.Cont(j.tid, int(sig)) // a signal on its way
	return false
}

func (j *injection) begin() (err error) {
	if err = linux.GetRegs(j.tid, &j.regs); err != nil {
		return err
	}
	if j.mask, err = linux.GetSigMask(j.tid); err != nil {
		return err
	}
	// No signal handler may run on the borrowed registers.
	if err = linux.SetSigMask(j.tid, ^uint64(0)); err != nil {
		return err
	}
	call := j.regs
	call.PrepareCall(j.ip, syscall.SYS_PRCTL, rules.PrSetDumpable, 1)
	if err = linux.SetRegs(j.tid, &call); err != nil {
		_ = linux.SetSigMask(j.tid, j.mask)
		return err
	}
	j.stage = 1
	return nil
}

// end gives the thread back as its own call left it.
func (j *injection) end() {
	j.regs.Restart()
	if err := linux.SetRegs(j.tid, &j.regs); err != nil && j.err == nil {
		j.err = err
	}
	_ = linux.SetSigMask(j.tid, j.mask)
	_ = linux.Detach(j.tid, 0)
}

// inherited hands on a death that a wait of ours consumed: that of a tracee
// (by its thread id, or, after an exec, its process id) if it is a child of
// ours, and that of anything else, which can only be one. Where the parent is not
// known (parting) it may be.
func (s *Supervisor) inherited(tid, who int, p *action.Process, st syscall.WaitStatus) {
	switch {
	case s.cfg.Reaped == nil:
	case who == tid && tid != p.PID: // a thread
	case who == p.PID && p.PPID != s.self && p.PPID != 0: // its own parent will hear of it
	default:
		s.cfg.Reaped(who, st)
	}
}
