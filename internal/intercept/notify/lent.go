package notify

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/landlock"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// Handlers lends the handlers of this package to an engine that stops callers
// by other means than a listener (package tracer). A call that it hands in must
// stay stopped until the answer is there, so that everything read from it is
// read from this caller; and whatever it lets happen it must carry out on the
// copy that Lent holds.
//
// Its methods belong to one thread.
type Handlers struct {
	s     *Supervisor
	nets  lentNet
	umask int
	call  Call
}

// Lent is what a lending engine must do beyond the Response's own fields.
type Lent struct {
	// Reopen: the call will close its process to us unless that process is made
	// dumpable again behind it (identity.go).
	Reopen bool
	// Copy is the memory that the kernel must read instead of the caller's.
	Copy *Copy
	// Made is told the result of a call that makes a descriptor.
	Made func(result int64)
}

// Copy is judged memory. The engine puts it where only it can write.
type Copy struct {
	Call int // made in the place of the caller's; 0: the caller's own
	Size int
	Fill func(base uint64, b []byte)     // writes Size bytes that will stand at base
	Args func(base uint64, a *[6]uint64) // points the call's arguments to them
	Done func(result int64) int64        // turns the kernel's result into the caller's; nil: as it is
}

// Stopped is a call in the hands of a lending engine.
type Stopped struct {
	TID  int
	NR   int
	IP   uint64
	Args [6]uint64
}

// Lend makes Handlers. Config is that of Start; Arms, Protect and Reaped are
// the engine's own business, but Protect also tells whom nobody may signal.
// tasks says how many tasks the workload has.
func Lend(cfg Config, tasks func() int) (*Handlers, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Handlers{}
	h.nets.init()
	table, err := routes(append(lentFamilies(), h.netFamily()))
	if err != nil {
		return nil, err
	}
	s := &Supervisor{self: os.Getpid(), cfg: cfg, routes: table, done: make(chan struct{}), listener: -1, lent: true}
	s.count.exact = tasks
	s.open = s.self != 1 && linux.LandlockVersion() < landlock.SignalABI
	s.power.measure()
	s.sockets.Store(standardSockets())
	h.s, h.call.s, h.umask = s, s, umaskOnce()
	return h, s.prepare()
}

// lentFamilies are those whose calls are judged by their registers.
func lentFamilies() [][]entry {
	return [][]entry{
		forkFamily(),
		identityFamily(),
		namespaceFamily(),
		mountFamily(),
		kernelFamily(),
		traceFamily(),
		selfFamily(),
	}
}

// Close lets go of what is remembered.
func (h *Handlers) Close() {
	h.s.shells.end()
	h.s.wg.Wait()
	h.s.tasks.close()
	h.s.count.close()
}

func (h *Handlers) take(t *Stopped) *Call {
	c := &h.call
	c.mem.close()
	c.reset(nil)
	c.PID, c.NR, c.Arch, c.IP, c.Args = uint32(t.TID), int32(t.NR), linux.AuditArch, t.IP, t.Args
	return c
}

// Knows says whether there is a handler for a call.
func (h *Handlers) Knows(nr int) bool {
	return nr >= 0 && nr < maxSyscall && h.s.routes[nr].handle != nil || h.s.cfg.Arms.Calls.Has(nr)
}

// Leaves names the calls of the table that are not governed here.
func (h *Handlers) Leaves() (names []string) {
	for _, n := range seccomp.Names() {
		if nr, ok := seccomp.Number(n); ok && n != "execve" && n != "execveat" && !h.Knows(nr) {
			names = append(names, n)
		}
	}
	return names
}

// Umask is what the command is to have: it was ours before Lend.
func (h *Handlers) Umask() int { return h.umask }

// Answer judges a call. Of the Response only Val, Errno, Continue and Kill
// count, and Lent.
func (h *Handlers) Answer(t *Stopped) (Response, Lent) {
	c := h.take(t)
	r := h.s.dispatch(c)
	c.mem.close()
	if r.postpone {
		r = fail(syscall.EPERM)
	}
	if r.Kill {
		h.s.kill(c)
	}
	return r, r.lent
}

// Attempt is an exec on its way.
type Attempt struct{ a *attempt }

// Close gives back its descriptors.
func (x *Attempt) Close() {
	if x != nil {
		x.a.close()
	}
}

// Exec judges execve and execveat at their entry. The attempt is nil when they
// are denied.
func (h *Handlers) Exec(t *Stopped, at bool) (x *Attempt, r Response) {
	c := h.take(t)
	defer c.mem.close()
	if h.s.begun.Load() && h.s.cfg.Judge.Listed(t.NR) {
		if r := scalar(h.s.cfg.Judge.Call(&action.Call{Proc: c.Process()}, t.NR)); !r.Continue {
			return nil, r
		}
	}
	a := h.s.attempt(c)
	defer func() {
		if v := recover(); v != nil {
			h.s.fault("exec", v)
			a.close()
			x, r = nil, fail(syscall.EPERM)
		}
	}()
	dirfd, path, argv, envp, flags := linux.AtFDCWD, c.Args[0], c.Args[1], c.Args[2], 0
	if at {
		dirfd, path, argv, envp, flags = int(int32(c.Args[0])), c.Args[1], c.Args[2], c.Args[3], int(int32(c.Args[4]))
	}
	name, err := c.ReadString(path, action.MaxPath)
	r, denied := h.s.askExec(c, a, dirfd, name, err, argv, envp, flags)
	if denied {
		if r.Kill {
			h.s.kill(c)
		}
		a.close()
		return nil, r
	}
	return &Attempt{a}, cont()
}

// ExecStarted judges what was mapped, at the exec stop; false: end it. x may
// be nil if nothing is known of the attempt.
func (h *Handlers) ExecStarted(x *Attempt, pid int) bool {
	if x == nil {
		x = &Attempt{h.s.attempt(h.take(&Stopped{TID: pid}))}
	}
	defer x.Close()
	h.s.tasks.drop(pid)
	ok := h.s.verified(&h.call, x.a, pid)
	h.s.begun.Store(true) // the helper has become the command, or is no more
	return ok
}

// Seen judges a program that was found running; false: end it. Where it cannot
// be looked at because it is gone, nothing is to be done.
func (h *Handlers) Seen(pid int) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			h.s.fault("a look at a program", v)
			ok = true // it has been running: ending it would gain nothing
		}
	}()
	h.s.tasks.drop(pid)
	h.s.sockets.Store(true) // nobody told of any
	a := h.s.attempt(h.take(&Stopped{TID: pid}))
	defer a.close()
	a.tid, a.tgid, a.Late = pid, pid, true
	var st linux.Stat
	err := h.s.power.as(pid, func() error {
		return linux.StatAt(linux.AtFDCWD, procfs.Path(pid, "exe"), &st, 0)
	})
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ESRCH):
		return true
	case err != nil:
		a.Unverified = true
	default:
		a.relook(fileOf(&st))
	}
	stack := a.argumentsNow() // its stack pointer has moved
	if stack.known {
		a.Args, a.ArgsTruncated = stack.args, stack.cut
	}
	if a.wants.Refs {
		a.referAgain(stack)
	}
	a.ids()
	a.sockets()
	if a.uncertain() && h.s.gone(pid) {
		return true
	}
	return h.s.cfg.Judge.ExecStarted(&a.Exec) == intercept.Allow && h.s.shellStarted(a)
}

// AwaitStart waits until the helper at the other end of a socket has become the
// command, which closes it, or says what failed.
func AwaitStart(sock int) error {
	var b [16]byte
	for {
		n, err := syscall.Read(sock, b[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("cannot hear from the child helper: %w", err)
		case n == 0:
			return nil
		}
		return helperError(b[:n])
	}
}

// Calls names the calls that are judged as one kind of privilege.
func Calls(k action.PrivilegeKind) []string {
	switch k {
	case action.PrivNamespace:
		return []string{"unshare", "setns", "clone"}
	case action.PrivMount:
		return mountCalls
	case action.PrivKernel:
		return kernelCalls
	case action.PrivTrace:
		return []string{"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"}
	}
	return nil
}

// Tampered reports an attempt against the engine, which has refused it.
func (h *Handlers) Tampered(t *Stopped, name, detail string) {
	h.s.tamper(h.take(t), name, detail)
}

// Alike notes that a task was made that shares its maker's descriptors.
func (h *Handlers) Alike() { h.s.net.sharedTables.Store(true) }

// Copies says whether a call may need memory that only the engine writes, so
// that the engine can have it ready before the call is judged.
func (h *Handlers) Copies(nr int) bool {
	switch nr {
	case h.nets.connect, h.nets.sendto:
		return true
	case h.nets.sendmsg, h.nets.sendmmsg:
		return h.nets.named()
	}
	return false
}

// Forget drops what is remembered of a task that has ended.
func (h *Handlers) Forget(tid int) { h.s.tasks.drop(tid) }

// Privileged and CanKill are the Supervisor's; any thread may call them.
func (h *Handlers) Privileged(pid int, fn func() error) error { return h.s.Privileged(pid, fn) }

// CanKill says that this process may end those of every user.
func (h *Handlers) CanKill() bool { return h.s.CanKill() }

// Tasks is the number of processes and threads of the workload.
func (h *Handlers) Tasks() int { return h.s.Tasks() }
