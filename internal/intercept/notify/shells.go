package notify

import (
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/action/indirect"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/intercept/wiring"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// A shell that reads its commands from a pipe, a terminal or a pair of sockets
// may be in the hands of somebody on the network, with a process in between
// that has the connection. Package wiring finds that process. When it looks:
//
//   - at the exec stop: who was connected before has a shell that never runs;
//   - when a process is about to connect while such a shell waits: it is the
//     connect that fails, and the shell that dies;
//   - now and then while the shell lives, for what is accepted and not
//     connected, and for pipes that only time tells (patience).
//
// A shell with -c or with a script is never one of these, nor one whose input
// is our own, whose other end is outside the container, until it makes a
// connection itself: bash and others can, and put it in the place of the input.
// One that reads a file can put there what it inherited, or a named pipe, and is
// looked at if it lives long enough.
type shells struct {
	// looking is held from taking shells out of m until they are back or ended,
	// and while the Judge is asked about them: a connect must not slip through
	// in between. It comes before mu.
	looking sync.Mutex
	mu      sync.Mutex // guards m, running, closed, alarm
	m       map[int]*shell
	running bool
	closed  bool
	n       atomic.Int32 // of m: asked at each connect
	alarm   *linux.Alarm
}

// shell is one that reads commands and was found in nobody's hands yet.
type shell struct {
	exec  action.Exec
	asked bool            // with -i: it is meant for a dialogue
	trail map[string]bool // who holds none of it does not matter; nil: not looked at yet
	since time.Time
	next  time.Time
	pause time.Duration
}

const (
	// maxShells bounds how many are watched; of more the oldest is forgotten.
	maxShells = 64
	// patience is for how long a program may feed a shell by pipes and read its
	// answer without being taken for a relay: long enough to hand in a script.
	patience   = 1500 * time.Millisecond
	firstPause = 25 * time.Millisecond
	lastPause  = time.Second
)

func (s *Supervisor) shellJudge() intercept.ShellJudge {
	j, ok := s.cfg.Judge.(intercept.ShellJudge)
	if !ok || !j.JudgesRelays() {
		return nil
	}
	return j
}

// shellStarted looks at a program that was allowed at its exec stop; false: it
// must not run.
func (s *Supervisor) shellStarted(a *attempt) bool {
	j := s.shellJudge()
	if j == nil || a.Proc == nil {
		return true
	}
	args := a.kernelArgs()
	if !readsCommands(a.real.path, a.Requested, args, a.ArgsTruncated) {
		return true
	}
	strange, file := s.strange(a.Proc.PID)
	if !strange && !file {
		return true
	}
	a.DescribeCaller()
	sh := &shell{exec: a.Exec, asked: len(args) > 1 && slices.ContainsFunc(args[1:], dialogue), since: time.Now(), pause: firstPause}
	proc := *a.Proc
	sh.exec.Proc, sh.exec.Caller, sh.exec.FD, sh.exec.Refs = &proc, nil, -1, nil
	if strange && s.sockets.Load() {
		if ans, found := s.judgeShell(j, sh, wiring.At(s.power.as)); found {
			return ans == intercept.Allow
		}
	}
	s.watchShell(sh)
	return true
}

// readsCommands says that a program is a shell that is told on its standard
// input what to do.
func readsCommands(program, requested string, args []string, cut bool) bool {
	if !shellName(program) && (len(args) == 0 || !indirect.IsMultiCall(path.Base(program))) {
		return false
	}
	refs := indirect.Parse(indirect.Question{Path: program, Requested: requested, Args: args, Truncated: cut})
	return slices.ContainsFunc(refs, func(r action.Ref) bool { return r.Kind == action.RefCode && r.Via == indirect.Stdin })
}

func shellName(name string) bool {
	switch indirect.Family(path.Base(name)) {
	case "sh", "bash", "rbash", "dash", "ash", "hush", "ksh", "mksh", "lksh", "zsh", "yash", "posh", "fish", "csh", "tcsh":
		return true
	}
	return false
}

// dialogue says that an argument is a word of short options with i among them.
func dialogue(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' && arg[1] != '-' && strings.Contains(arg, "i")
}

// strange says that the standard input of a process is something that two
// processes share, and not what we were started with; or that it is a file.
func (s *Supervisor) strange(pid int) (strange, file bool) {
	var st, own linux.Stat
	link := ""
	err := s.power.as(pid, func() (err error) {
		if link, err = linux.ReadlinkAt(linux.AtFDCWD, s.power.path(pid, "fd/0")); err == nil {
			err = linux.StatAt(linux.AtFDCWD, s.power.path(pid, "fd/0"), &st, 0)
		}
		return err
	})
	if err != nil {
		return false, false
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return false, true
	case syscall.S_IFIFO, syscall.S_IFSOCK:
	case syscall.S_IFCHR:
		if !strings.HasPrefix(link, "/dev/pts/") {
			return false, false
		}
	default:
		return false, false
	}
	return linux.Fstat(0, &own) != nil || own.Dev != st.Dev || own.Ino != st.Ino, false
}

// judgeShell asks about a shell if it hangs on the network.
func (s *Supervisor) judgeShell(j intercept.ShellJudge, sh *shell, l *wiring.Look) (ans intercept.Answer, found bool) {
	pid := sh.exec.Proc.PID
	w, ok := l.Of(pid)
	sh.trail = l.Trail()
	if !ok || !w.Dialogue && !sh.asked && time.Since(sh.since) < patience {
		return intercept.Allow, false
	}
	if st, err := procfs.ReadStat(pid); err != nil || st.StartTime != sh.exec.Proc.StartTime {
		return intercept.Allow, false
	}
	r := action.Relay{Via: "pipe", Peers: w.In.Peers, Accepted: s.accepted(w.In) && s.accepted(w.Out)}
	switch w.Via {
	case wiring.Terminal:
		r.Via = "terminal"
	case wiring.Pair:
		r.Via = "pair of sockets"
	case wiring.Inet:
		r.Via = "connection of its own"
	}
	for _, p := range w.Out.Peers {
		if !slices.Contains(r.Peers, p) && len(r.Peers) < 2*wiring.MaxPeers {
			r.Peers = append(r.Peers[:len(r.Peers):len(r.Peers)], p)
		}
	}
	r.In, r.InPID, r.Out, r.OutPID = s.exePath(w.In.TID), w.In.PID, s.exePath(w.Out.TID), w.Out.PID
	sh.exec.Relay = &r
	return j.Relayed(&sh.exec), true
}

// accepted says that none of a relay's connections was made by the tree.
func (s *Supervisor) accepted(r wiring.Relay) bool {
	return !slices.ContainsFunc(r.Inodes, func(n uint64) bool { return n == 0 || s.net.made(n) })
}

func (s *Supervisor) exePath(tid int) (exe string) {
	_ = s.power.as(tid, func() (err error) {
		exe, err = linux.ReadlinkAt(linux.AtFDCWD, s.power.path(tid, "exe"))
		return err
	})
	return exe
}

// watchShell has a shell looked at while it lives.
func (s *Supervisor) watchShell(sh *shell) {
	w := &s.shells
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	if w.m == nil {
		w.m = make(map[int]*shell)
	}
	if len(w.m) >= maxShells {
		oldest := sh
		for _, o := range w.m {
			if o.since.Before(oldest.since) {
				oldest = o
			}
		}
		delete(w.m, oldest.exec.Proc.PID)
	}
	sh.next = sh.since.Add(sh.pause)
	w.m[sh.exec.Proc.PID] = sh
	w.n.Store(int32(len(w.m)))
	if w.running {
		return
	}
	if w.alarm == nil {
		var err error
		if w.alarm, err = linux.NewAlarm(); err != nil {
			s.cfg.Logger.Error("shells cannot be looked at", "error", err)
			return
		}
	}
	w.running = true
	s.wg.Add(1)
	go s.lookAtShells()
}

// due takes the shells to look at out of the list.
func (w *shells) due(now time.Time, all bool) (out []*shell) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for pid, sh := range w.m {
		if all || !now.Before(sh.next) {
			out = append(out, sh)
			delete(w.m, pid)
		}
	}
	return out
}

// concerns says whether some shell's trail is of interest.
func (w *shells) concerns(holds func(trail map[string]bool) bool) bool {
	w.mu.Lock()
	all := make(map[string]bool)
	for _, sh := range w.m {
		if sh.trail == nil {
			w.mu.Unlock()
			return true
		}
		for link := range sh.trail {
			all[link] = true
		}
	}
	w.mu.Unlock()
	return len(all) > 0 && holds(all)
}

// back puts a shell back that is still to be looked at.
func (w *shells) back(sh *shell) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.m[sh.exec.Proc.PID] == nil {
		w.m[sh.exec.Proc.PID] = sh
	}
}

// rest says whether there is anything left to look at.
func (w *shells) rest() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n.Store(int32(len(w.m)))
	w.running = len(w.m) > 0 && !w.closed
	return w.running
}

// lookAtShells is the only goroutine of shells, and there while there are any.
func (s *Supervisor) lookAtShells() {
	defer s.wg.Done()
	for s.shells.alarm.Wait(firstPause) {
		s.shells.looking.Lock()
		now := time.Now()
		if due := s.shells.due(now, false); len(due) > 0 {
			s.lookAt(due, wiring.At(s.power.as), now, true)
		}
		s.shells.looking.Unlock()
		if !s.shells.rest() {
			return
		}
	}
}

// lookAt judges shells by one look; true: one of them must not live.
func (s *Supervisor) lookAt(due []*shell, l *wiring.Look, now time.Time, slower bool) (denied bool) {
	j := s.shellJudge()
	for _, sh := range due {
		st, err := procfs.ReadStat(sh.exec.Proc.PID)
		if err != nil || st.State == 'Z' || st.StartTime != sh.exec.Proc.StartTime {
			continue // it has ended
		}
		if j != nil {
			if ans, found := s.judgeShell(j, sh, l); found {
				if ans != intercept.Allow {
					denied = true
					s.killNamed(sh.exec.Proc)
				}
				continue // said once
			}
		}
		if slower {
			sh.pause = min(2*sh.pause, lastPause)
			sh.next = now.Add(sh.pause)
		}
		s.shells.back(sh)
	}
	return denied
}

// joins says that a connect would put a shell into somebody's hands. The shell
// has been ended.
func (s *Supervisor) joins(c *Call, to *action.Connect) (denied bool) {
	if to.Protocol != action.ProtoTCP && (to.Protocol != action.ProtoUDP || to.Peer.Port() == 53) {
		return false
	}
	s.connectsItself(c)
	if s.shells.n.Load() == 0 {
		return false
	}
	c.Slow()
	s.shells.looking.Lock()
	defer s.shells.looking.Unlock()
	pid := c.Process().PID
	if !s.shells.concerns(func(trail map[string]bool) bool { return wiring.Holds(s.power.as, pid, trail) }) {
		return false // a look at everything is dear
	}
	l := wiring.At(s.power.as)
	l.Joining(pid, to.Peer)
	return s.lookAt(s.shells.due(time.Now(), true), l, time.Now(), false)
}

// connectsItself has a shell watched that reads commands and is about to have a
// connection of its own making.
func (s *Supervisor) connectsItself(c *Call) {
	p := c.Process()
	if !shellName(p.Exe) && !indirect.IsMultiCall(path.Base(p.Exe)) || s.shellJudge() == nil {
		return
	}
	args, cut, err := procfs.Cmdline(p.PID, action.MaxArgs, action.MaxArgBytes)
	if err != nil || !readsCommands(p.Exe, p.Exe, args, cut) {
		return
	}
	s.shells.looking.Lock()
	defer s.shells.looking.Unlock()
	if s.shells.hasten(p) {
		return
	}
	proc := *p
	s.watchShell(&shell{since: time.Now(), pause: firstPause,
		exec: action.Exec{Proc: &proc, Requested: p.Exe, Path: p.Exe, Args: args, ArgsTruncated: cut, FD: -1}})
}

// hasten has a shell that is watched already looked at sooner.
func (w *shells) hasten(p *action.Process) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	sh := w.m[p.PID]
	if sh == nil || sh.exec.Proc.StartTime != p.StartTime {
		return false
	}
	sh.pause, sh.next = firstPause, time.Now().Add(firstPause)
	return true
}

// end stops looking.
func (w *shells) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.alarm != nil {
		w.alarm.Close()
	}
}
