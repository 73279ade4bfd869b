package tracer

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/kernel/landlock"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/kernel/stage"
)

// Config and Command are those of the other engine: whoever starts one can
// start the other.
type (
	Config  = notify.Config
	Command = notify.Command
)

// StepTrace is the step of a notify.StartError that says that ptrace is not to
// be had here.
const StepTrace = "trace the child"

const options = linux.TraceSysGood | linux.TraceFork | linux.TraceVfork | linux.TraceClone | linux.TraceExec | linux.TraceSeccomp | linux.TraceExitKill

// Start runs cmd as notify.Start does, and answers the calls of its tree until
// the last of it is gone.
//
// ctx bounds the start only.
func Start(ctx context.Context, cfg Config, cmd Command) (*Tracer, error) {
	if cfg.Judge == nil {
		return nil, errors.New("cannot supervise without a judge")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	t := &Tracer{cfg: cfg, tasks: make(map[int]*task), done: make(chan struct{})}
	h, err := notify.Lend(cfg, t.Tasks)
	if err != nil {
		return nil, err
	}
	t.handlers = h
	if err := t.page.open(); err != nil {
		// Addresses cannot be judged soundly: Report says so.
		cfg.Logger.Warn("there is no page for judged memory", "error", err)
	}
	filter, err := seccomp.Traced(seccomp.Start{
		Protect:    append([]int{os.Getpid()}, cfg.Protect...),
		AllSignals: linux.LandlockVersion() < landlock.SignalABI, Group: syscall.Getpgrp(),
		Arms: cfg.Arms,
	}, t.page.guard(), h.Leaves())
	if err != nil {
		return nil, err
	}
	helper, err := stage.Begin()
	if err != nil {
		return nil, err
	}
	defer helper.Sock.Close()
	t.pid = helper.PID
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(helper.PID, syscall.SIGKILL) })
	defer stop()
	seized := make(chan error)
	go t.run(seized)
	if err := <-seized; err != nil {
		_ = syscall.Kill(helper.PID, syscall.SIGKILL)
		return nil, err
	}
	if cmd.Forked != nil {
		cmd.Forked(helper.PID)
	}
	err = helper.Give(&stage.Order{
		Path: cmd.Path, Dir: cmd.Dir, Args: cmd.Args, Env: cmd.Env, Filter: filter, DropCaps: cmd.DropCaps, Scope: true,
		Umask: h.Umask(), Traced: true,
	})
	if err == nil {
		err = notify.AwaitStart(int(helper.Sock.Fd()))
	}
	if err != nil {
		_ = syscall.Kill(helper.PID, syscall.SIGKILL)
		t.Close()
		return nil, err
	}
	return t, nil
}

// run is the tracer's thread from birth to end.
func (t *Tracer) run(seized chan<- error) {
	runtime.LockOSThread() // never unlocked: the thread ends with us, and what it still traces is killed (EXITKILL)
	defer close(t.done)
	t.tid.Store(int32(linux.Gettid()))
	if err := linux.Seize(t.pid, options); err != nil {
		errno := syscall.EPERM
		errors.As(err, &errno)
		seized <- &notify.StartError{Step: StepTrace, Errno: errno}
		return
	}
	t.adopt(t.pid, nil, nil)
	close(seized)
	var round []stop
	for {
		pid, st, err := linux.WaitTracees()
		if err != nil {
			break // ECHILD: nobody is left
		}
		// All that wait now come before any of them can wait again: the kernel
		// would show the first of a busy crowd over and over.
		round = append(round[:0], stop{pid, st})
		for len(round) < maxRound {
			if pid, st, err = linux.PollTracees(); err != nil || pid == 0 {
				break
			}
			round = append(round, stop{pid, st})
		}
		for _, s := range round {
			t.stopped(s.pid, s.st)
		}
	}
	t.handlers.Close()
	t.page.close()
}

// Close waits for the end of the tree, but not for ever: what is left of it
// dies with this process.
func (t *Tracer) Close() {
	select {
	case <-t.done:
	case <-time.After(maxClose):
		t.cfg.Logger.Warn("the workload has not ended")
	}
}

// maxRound bounds the stops that are taken up at once.
const maxRound = 1024

const maxClose = 2 * time.Second
