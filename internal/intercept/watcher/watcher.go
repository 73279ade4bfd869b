package watcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/probe"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/kernel/stage"
)

// Period is the pace of looking.
const Period = 20 * time.Millisecond

// Watcher watches one process tree.
type Watcher struct {
	cfg      notify.Config
	handlers *notify.Handlers
	pid      int
	filter   syscall.Errno // 0: it is on
	seen     map[int]program
	stop     chan struct{}
	once     sync.Once
	done     chan struct{}
}

// program is what a process was seen to run.
type program struct {
	start    uint64
	comm     string
	dev, ino uint64
	round    uint64
}

// Start runs cmd as notify.Start does. refuse names the calls that fail with
// EPERM.
func Start(ctx context.Context, cfg notify.Config, cmd notify.Command, refuse []string) (*Watcher, error) {
	if cfg.Judge == nil {
		return nil, errors.New("cannot watch without a judge")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	h, err := notify.Lend(cfg, nil)
	if err != nil {
		return nil, err
	}
	prog, err := seccomp.Static(append([]int{os.Getpid()}, cfg.Protect...), refuse)
	if err != nil {
		return nil, err
	}
	w := &Watcher{cfg: cfg, handlers: h, seen: make(map[int]program), stop: make(chan struct{}), done: make(chan struct{})}
	err = w.become(ctx, cmd, prog)
	var step *notify.StartError
	if errors.As(err, &step) && step.Step == notify.StepFilter {
		cfg.Logger.Warn("no filter can be installed: nothing is refused in the kernel", "errno", step.Errno)
		w.filter = step.Errno
		err = w.become(ctx, cmd, nil)
	}
	if err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

// become starts the command with a filter, or without.
func (w *Watcher) become(ctx context.Context, cmd notify.Command, prog []linux.SockFilter) error {
	helper, err := stage.Begin()
	if err != nil {
		return err
	}
	defer helper.Sock.Close()
	w.pid = helper.PID
	if cmd.Forked != nil {
		cmd.Forked(helper.PID)
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(helper.PID, syscall.SIGKILL) })
	defer stop()
	err = helper.Give(&stage.Order{
		Path: cmd.Path, Dir: cmd.Dir, Args: cmd.Args, Env: cmd.Env, Filter: prog, DropCaps: cmd.DropCaps, Scope: true,
		Umask: w.handlers.Umask(), Traced: true,
	})
	if err == nil {
		err = notify.AwaitStart(int(helper.Sock.Fd()))
	}
	if err != nil {
		_ = syscall.Kill(helper.PID, syscall.SIGKILL)
		return fmt.Errorf("cannot start the command: %w", err)
	}
	return nil
}

// PID is the first child.
func (w *Watcher) PID() int { return w.pid }

// Done is closed after Close.
func (w *Watcher) Done() <-chan struct{} { return w.done }

// Filter says whether the kernel refuses anything; else why it does not.
func (w *Watcher) Filter() syscall.Errno { return w.filter }

// Close ends the looking.
func (w *Watcher) Close() {
	w.once.Do(func() { close(w.stop) })
	<-w.done
}

func (w *Watcher) run() {
	defer close(w.done)
	defer w.handlers.Close()
	tick := time.NewTicker(Period)
	defer tick.Stop()
	for round := uint64(1); ; round++ {
		w.look(round)
		select {
		case <-w.stop:
			w.look(round + 1) // what began since
			return
		case <-tick.C:
		}
	}
}

// look finds programs that were not seen yet and asks about each.
func (w *Watcher) look(round uint64) {
	for _, pid := range procfs.Tree(os.Getpid()) {
		st, err := procfs.ReadStat(pid)
		if err != nil || st.Dead() {
			continue
		}
		at := procfs.Living(pid)
		p := program{start: st.StartTime, comm: st.Comm, round: round}
		var exe linux.Stat
		_ = w.handlers.Privileged(pid, func() error {
			return linux.StatAt(linux.AtFDCWD, procfs.Path(at, "exe"), &exe, 0)
		})
		p.dev, p.ino = exe.Dev, exe.Ino
		was := w.seen[pid]
		w.seen[pid] = p
		was.round = round
		if was == p || w.ours(&exe) || probe.Child(pid) || probe.Child(st.PPID) {
			continue // the probe tries other ids, and is closed to us from then on
		}
		if !w.handlers.Seen(at) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	for pid, p := range w.seen {
		if p.round != round {
			delete(w.seen, pid)
		}
	}
}

// ours says that a child of ours still runs our own program: it is a helper.
func (w *Watcher) ours(exe *linux.Stat) bool {
	var self linux.Stat
	return linux.StatAt(linux.AtFDCWD, "/proc/self/exe", &self, 0) == nil && self.Dev == exe.Dev && self.Ino == exe.Ino
}

// Standings cannot tell: nothing marks the tree for sure.
func (w *Watcher) Standings(pids []int, out []notify.Standing) { clear(out[:len(pids)]) }

// Marked says that Standings cannot tell.
func (w *Watcher) Marked() bool { return false }

// Privileged runs fn with the right to look into a process.
func (w *Watcher) Privileged(pid int, fn func() error) error { return w.handlers.Privileged(pid, fn) }

// CanKill says that this process may end those of every user.
func (w *Watcher) CanKill() bool { return w.handlers.CanKill() }

// Tasks is the number of processes and threads of the workload.
func (w *Watcher) Tasks() int { return w.handlers.Tasks() }
