package supervise

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Exit is how a process ended.
type Exit struct {
	Status int            // of exit(2), when Signal is 0
	Signal syscall.Signal // that killed it, or 0
	Core   bool
}

// lostStatus is reported when somebody else took the main child's status and
// never handed it in.
const lostStatus = 125

// Code is what the supervisor exits with: the child's status, or 128+n.
func (e Exit) Code() int {
	if e.Signal != 0 {
		return 128 + int(e.Signal)
	}
	return e.Status
}

// String says it in words.
func (e Exit) String() string {
	if e.Signal != 0 {
		return fmt.Sprintf("killed by signal %d (%v)", int(e.Signal), e.Signal)
	}
	return fmt.Sprintf("exit status %d", e.Status)
}

// Options of Take.
type Options struct {
	Logger *slog.Logger // nil: discard
	// Foreign says that a child of ours has another owner who waits for it.
	// nil: there are none.
	Foreign func(pid int) bool
	// Traced says that a tracer follows a process all its life and collects its
	// end itself: it is left alone when it is dead, and handed in with Reaped.
	// nil: there are none.
	Traced func(pid int) bool
	// Seen is called for every signal before it is passed on. nil: nobody asks.
	Seen func(Signal)
}

// Supervisor is the one supervisor of this process.
type Supervisor struct {
	opts      Options
	init      bool // PID 1 of its namespace
	tty       *terminal
	signals   chan Signal
	pipe      *os.File
	done      chan struct{}
	reading   sync.WaitGroup
	reaped    atomic.Uint64
	suspended bool
	lost      int

	mu     sync.Mutex
	handed map[int]Exit // statuses that somebody else took
}

// Take makes this process the supervisor: it takes all signals and, unless it
// is PID 1, every orphan below it (PR_SET_CHILD_SUBREAPER). It must be called
// once, before the first child is started.
func Take(opts Options) (*Supervisor, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Supervisor{
		opts:    opts,
		init:    os.Getpid() == 1,
		tty:     openTerminal(),
		signals: make(chan Signal, 256),
		done:    make(chan struct{}),
		handed:  make(map[int]Exit),
	}
	if !s.init {
		const prSetChildSubreaper = 36
		if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0, 0, 0, 0); e != 0 {
			return nil, fmt.Errorf("cannot become the reaper of orphans: %w", e)
		}
	}
	pipe, err := installSignals(s.tty != nil)
	if err != nil {
		return nil, err
	}
	s.pipe = pipe
	s.reading.Go(func() { readSignals(pipe, s.signals, s.done) })
	return s, nil
}

// Init says that this process is PID 1 of its namespace.
func (s *Supervisor) Init() bool { return s.init }

// Terminal says that there is a controlling terminal.
func (s *Supervisor) Terminal() bool { return s.tty != nil }

// Orphans is the number of processes reaped so far, the main child excepted.
func (s *Supervisor) Orphans() uint64 { return s.reaped.Load() }

// Attr makes the child the leader of its own process group, so that the
// terminal's signals reach it and not us.
func (s *Supervisor) Attr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// Adopt gives the terminal to a child that was just started in its own
// process group, if the terminal was ours to give. Call it as soon as the pid
// is known: a child that reads before is stopped, and continued by Wait.
func (s *Supervisor) Adopt(pid int) {
	if s.tty == nil {
		return
	}
	if s.tty.home == syscall.Getpgrp() {
		if err := s.tty.give(pid); err != nil {
			s.opts.Logger.Warn("cannot give the terminal to the application", "error", err)
		}
	}
}

// Reaped hands in an exit status that a tracer has taken.
func (s *Supervisor) Reaped(pid int, status syscall.WaitStatus) {
	e := Exit{Status: status.ExitStatus()}
	if status.Signaled() {
		e = Exit{Signal: status.Signal(), Core: status.CoreDump()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.handed) < 1024 {
		s.handed[pid] = e
	}
	select {
	case s.signals <- Signal{Number: syscall.SIGCHLD}:
	default:
	}
}

func (s *Supervisor) handedIn(pid int) (Exit, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.handed[pid]
	clear(s.handed) // only the main child's matters
	if ok {
		s.handed[pid] = e
	}
	return e, ok
}

// Looks at what a signal may not have told: soonest after a tracee stood in
// the way, slowest as a safety net. The first is not to disturb the start.
const (
	lookFirst = 20 * time.Millisecond
	lookAgain = time.Millisecond
	lookSlow  = 500 * time.Millisecond
)

// Wait passes signals on to the main child and collects the dead until the
// main child itself has ended.
func (s *Supervisor) Wait(pid int) Exit {
	timer := time.NewTimer(lookFirst) // what happened before has sent its signal
	defer timer.Stop()
	pause := lookAgain
	for {
		look := false
		select {
		case sig := <-s.signals:
			look = s.signal(pid, sig)
		case <-timer.C:
			look = true
		}
		if !look {
			continue
		}
		end, again := s.reapAll(pid)
		if end != nil {
			return *end
		}
		if sig := stopSignal(pid); sig != 0 {
			s.stopped(pid, sig)
		}
		if again {
			timer.Reset(pause)
			pause = min(2*pause, 16*lookAgain)
		} else {
			timer.Reset(lookSlow)
			pause = lookAgain
		}
	}
}

// signal deals with one signal and says whether children are to be looked at.
func (s *Supervisor) signal(pid int, sig Signal) (look bool) {
	if s.opts.Seen != nil {
		s.opts.Seen(sig)
	}
	switch {
	case sig.Number == syscall.SIGCHLD:
		return true
	case sig.PID == int32(os.Getpid()) && sig.Code == codeUser:
		return false // ours, e.g. SIGPIPE of a closed log
	case sig.Number == syscall.SIGCONT && s.suspended:
		s.continued(pid)
		return true
	}
	if err := forward(pid, sig); err != nil && err != syscall.ESRCH {
		s.opts.Logger.Warn("cannot pass a signal on", "signal", int(sig.Number), "error", err)
	}
	return jobStop(sig.Number)
}

// EndRest ends what the main child left behind, as the kernel does for a
// container whose PID 1 has gone: nothing may run on unsupervised while the
// last events are handed in. Unless we are PID 1 it looks until nothing is left
// of our descendants, and gives up after limit.
func (s *Supervisor) EndRest(limit time.Duration) {
	if s.tty != nil && s.tty.home == syscall.Getpgrp() {
		s.tty.give(s.tty.home)
	}
	if s.init {
		syscall.Kill(-1, syscall.SIGKILL) // all of the namespace but ourselves
		return
	}
	until := time.Now().Add(limit)
	empty := 0 // looks in a row that found nobody: the last killed must be reaped, too
	for time.Now().Before(until) {
		s.reapAll(0)
		left := descendants(os.Getpid())
		killed := 0
		for _, p := range left {
			if s.opts.Foreign != nil && s.opts.Foreign(p) {
				continue
			}
			if syscall.Kill(p, syscall.SIGKILL) == nil {
				killed++
			}
		}
		if killed > 0 {
			empty = 0
		} else if empty++; empty == 2 {
			return
		}
		time.Sleep(lookAgain)
	}
}

// Close stops reading signals. The handlers stay, and so does the pipe: a
// handler that wrote to a pipe without a reader would raise SIGPIPE, whose
// handler would write again, for ever.
func (s *Supervisor) Close() {
	close(s.done)
	s.pipe.SetReadDeadline(time.Unix(1, 0))
	s.reading.Wait()
	signalPipe = s.pipe // never collected
	if s.tty != nil {
		s.tty.close()
	}
}

// maxTasks bounds what descendants looks at.
const maxTasks = 1 << 20

// descendants lists the live processes below pid that /proc shows.
func descendants(pid int) []int {
	d, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(maxTasks)
	parents := make(map[int]int, len(names))
	for _, n := range names {
		if n[0] < '1' || n[0] > '9' {
			continue
		}
		var p int
		fmt.Sscan(n, &p)
		parents[p] = parentOf(p)
	}
	var out []int
	for p := range parents {
		if p == pid {
			continue
		}
		for q, n := p, 0; q > 0 && n < 4096; q, n = parents[q], n+1 {
			if q == pid {
				out = append(out, p)
				break
			}
		}
	}
	return out
}

// parentOf reads field 4 of /proc/PID/stat; 0 for the dead and unknown.
func parentOf(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(b), ") ")
	if !ok || rest == "" || rest[0] == 'Z' || rest[0] == 'X' {
		return 0
	}
	var state string
	var ppid int
	fmt.Sscan(rest, &state, &ppid)
	return ppid
}
