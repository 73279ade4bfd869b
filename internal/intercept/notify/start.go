package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/landlock"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/kernel/stage"
)

// Command is what to run as the first supervised process.
type Command struct {
	Path string   // resolved by the caller (exec.LookPath in the workload's PATH)
	Args []string // argv, with argv[0]
	Env  []string
	Dir  string // "": ours
	// DropCaps are removed from the bounding set and from the process before
	// it starts (linux.CapSysPtrace keeps it from tracing what we may trace).
	DropCaps []int
	// Forked is called with the child's pid before the command starts in it,
	// for what belongs to a parent: the terminal. nil: nobody asks.
	Forked func(pid int)
}

// Start runs cmd as a child in a process group of its own, with our standard
// streams, no_new_privs and the filter, and answers its calls and those of
// all its descendants until Close or until the last of them is gone. An error
// that wraps a syscall.Errno from the child's own execve (ENOENT, EACCES, or
// what the Judge answered) means that the command did not start.
//
// ctx bounds the start only.
func Start(ctx context.Context, cfg Config, cmd Command) (*Supervisor, error) {
	table, err := routes(families())
	if err != nil {
		return nil, err
	}
	return start(ctx, cfg, cmd, table)
}

func start(ctx context.Context, cfg Config, cmd Command, table *[maxSyscall]route) (*Supervisor, error) {
	if cfg.Judge == nil {
		return nil, errors.New("cannot supervise without a judge")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	filter, err := seccomp.Program(seccomp.Start{
		Protect:    append([]int{os.Getpid()}, cfg.Protect...),
		AllSignals: cfg.noScope || linux.LandlockVersion() < landlock.SignalABI, Group: syscall.Getpgrp(),
		Arms: cfg.Arms,
	})
	if err != nil {
		return nil, err
	}
	s := &Supervisor{self: os.Getpid(), cfg: cfg, routes: table, done: make(chan struct{}), listener: -1}
	if cfg.Names != nil {
		cfg.Names.KillWith(s.killNamed)
	}
	if cfg.Relay != nil {
		cfg.Relay.KillWith(s.killNamed)
	}
	s.power.measure()
	s.power.aside = s.aside
	s.sockets.Store(standardSockets())
	if err := s.prepare(); err != nil {
		return nil, err
	}

	o := stage.Order{Path: cmd.Path, Dir: cmd.Dir, Args: cmd.Args, Env: cmd.Env, Filter: filter, Flags: linux.FilterListener, DropCaps: cmd.DropCaps}
	if !cfg.noKillable {
		o.Flags |= linux.FilterKillable
	}
	o.Scope = !cfg.noScope
	s.open = s.self != 1 && (cfg.noScope || linux.LandlockVersion() < landlock.SignalABI)
	s.net.crowd = maxKept
	s.net.gated = linux.LandlockVersion() >= 4 && !cfg.noGate
	o.Gate = s.net.gated
	o.Umask = s.files.begin(s, &cmd)
	h, err := stage.Begin()
	if err != nil {
		return nil, err
	}
	defer h.Sock.Close()
	pid := h.PID
	s.pid, s.mark = pid, h.Mark
	if cmd.Forked != nil {
		cmd.Forked(pid)
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	defer stop()
	err = h.Give(&o)
	if err == nil {
		err = s.handshake(int(h.Sock.Fd()))
	}
	if err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		if s.listener >= 0 {
			s.Close()
		}
		return nil, err
	}
	return s, nil
}

// handshake with package stage:
//
//	helper                                supervisor
//	                       <------------  order, "go on"
//	no_new_privs, scope, filter
//	listener (SCM_RIGHTS)  ------------>  workers start
//	execve  --- notified --------------->  judged, seized, verified
//	socket closes on exec  ------------>  started
//	or errno of the exec   ------------>  failed
func (s *Supervisor) handshake(sock int) error {
	var b [256]byte
	oob := make([]byte, syscall.CmsgSpace(4))
	n, oobn, err := recvmsg(sock, b[:], oob)
	if err != nil {
		return fmt.Errorf("cannot hear from the child helper: %w", err)
	}
	if n != 2 || b[0] != stage.StepListener {
		return helperError(b[:n])
	}
	s.killable = b[1] != 0
	msgs, err := syscall.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(msgs) != 1 {
		return errors.New("cannot take the listener: no descriptor was sent")
	}
	fds, err := syscall.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		return errors.New("cannot take the listener: no descriptor was sent")
	}
	syscall.CloseOnExec(fds[0])
	s.listener = fds[0]
	_ = linux.SetListenerFlags(s.listener, linux.SyncWakeUp)
	// Sockets are made here and handed in. Nobody has this number; a kernel
	// without ADDFD (before 5.9) does not get as far as looking for it.
	if _, e := linux.InstallFD(s.listener, &linux.AddFD{ID: ^uint64(0), SrcFD: uint32(sock)}); e == syscall.EINVAL || e == syscall.ENOTTY {
		return &StartError{Step: StepFilter, Errno: e}
	}
	s.start()
	n, _, err = recvmsg(sock, b[:], nil)
	if err != nil {
		return fmt.Errorf("cannot hear from the child helper: %w", err)
	}
	if n != 0 {
		return helperError(b[:n])
	}
	s.begun.Store(true) // also when its exec could not be looked at
	return nil
}

func recvmsg(fd int, b, oob []byte) (int, int, error) {
	for {
		n, oobn, _, _, err := syscall.Recvmsg(fd, b, oob, syscall.MSG_CMSG_CLOEXEC)
		if err != syscall.EINTR {
			return n, oobn, err
		}
	}
}

// StartError is what the helper could not do. It unwraps to the errno.
type StartError struct {
	Step  string
	Errno syscall.Errno
}

func (e *StartError) Error() string { return fmt.Sprintf("cannot %s: %v", e.Step, e.Errno) }

// Unwrap gives the errno.
func (e *StartError) Unwrap() error { return e.Errno }

// StepFilter is the step of a StartError that says that no listener is to be
// had here.
var StepFilter = stage.Steps[stage.StepFilter]

func helperError(b []byte) error {
	if len(b) < 2 {
		return errors.New("cannot start: the child helper ended early")
	}
	return &StartError{Step: stage.Steps[b[0]], Errno: syscall.Errno(b[1])}
}

// prepare closes this process to the tree below.
func (s *Supervisor) prepare() error {
	if err := linux.SetDumpable(false); err != nil {
		return fmt.Errorf("cannot close our memory: %w", err)
	}
	return nil
}
