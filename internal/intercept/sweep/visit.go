package sweep

import (
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// How long the container runtime may take to become the program. While it has
// more in its bounding set than our container allows it cannot be anybody
// else; without that sign it is believed for a moment only.
//
// Time that we did not have the processor either says nothing: where a container
// has little of it, the runtime is as slow as we are. So there must have been so
// many looks, too, up to a limit.
const (
	maxMaking    = 2 * time.Second
	makingLooks  = 500
	shortMaking  = 300 * time.Millisecond
	shortLooks   = 300
	starvedTimes = 10 // times maxMaking, shortMaking: the limit
	// maxDoom is how long the doomed are looked at quickly.
	maxDoom = 2 * time.Second
	// maxWaited is how many looks an exec may take to bring its arguments.
	maxWaited = 10
	// argsEvery is how often the arguments of a program are read again.
	argsEvery = 100 * time.Millisecond
)

// attend looks after everything that came from outside.
func (s *Sweeper) attend(now time.Time, again bool) {
	s.busy, s.imminent = 0, false
	for _, p := range slices.Clone(s.passing) {
		s.pass(p, now)
	}
	for _, p := range slices.Clone(s.visitors) {
		s.visit(p, now, again)
	}
}

func (s *Sweeper) visit(p *process, now time.Time, again bool) {
	if p.doomed || p.session.doomed {
		s.end(p, now)
		return
	}
	if p.making {
		if p.making = s.stillMaking(p, now); p.making {
			s.busy++
			return
		}
	}
	if p.session.probe {
		return // under a filter of its own
	}
	exe := s.program(p.pid)
	if !p.judged || again || exe != p.exe || s.otherArguments(p, now) {
		s.judge(p, exe, now, again)
	}
}

// otherArguments says that a process runs the same program with other
// arguments than it was judged for: it has executed itself.
func (s *Sweeper) otherArguments(p *process, now time.Time) bool {
	if now.Sub(p.argsAt) < argsEvery {
		return false
	}
	p.argsAt = now
	args, ok := arguments(p.pid)
	return ok && !slices.Equal(args, p.args)
}

// pass looks again at one who seemed to be of another container.
func (s *Sweeper) pass(p passer, now time.Time) {
	if now.Sub(p.since) < maxMaking && !s.sameContainer(p.pid) {
		s.busy++
		return
	}
	s.gone(p.process) // not to be looked at again
	if st, err := procfs.ReadStat(p.pid); err == nil && st.StartTime == p.start && s.sameContainer(p.pid) {
		p.place = outside
		s.enter(p.process, nil, &st, now)
	}
}

// stillMaking says that the container runtime has not become the program yet.
// An exec changes the program and its name.
func (s *Sweeper) stillMaking(p *process, now time.Time) bool {
	st, err := procfs.ReadStat(p.pid)
	if err != nil {
		return true // gone, as the next look will show
	}
	if st.Comm != p.comm && !strings.HasPrefix(st.Comm, "runc:[") {
		return false
	}
	exe := s.program(p.pid)
	readable := exe != (action.File{})
	switch {
	case readable && p.made == (action.File{}):
		p.made = exe
	case readable && exe != p.made:
		return false
	}
	p.looks++
	p.lately++
	c, err := procfs.ReadConfinement(p.pid)
	if err == nil && c.Bounding&^s.bound.Bounding != 0 && !over(now.Sub(p.found), maxMaking, p.looks, makingLooks) {
		p.more, p.lately = now, 0
		// The filter comes last, then the exec.
		s.imminent = s.imminent || c.Filters > 0
		return true
	}
	s.imminent = true
	return !over(now.Sub(p.more), shortMaking, p.lately, shortLooks) && (!readable || strings.HasPrefix(st.Comm, "runc:["))
}

// over says that a wait is.
func over(d, most time.Duration, looks, least int) bool {
	return d >= most && looks >= least || d >= starvedTimes*most
}

// judge asks about the program that a visitor runs. With again set the policy
// is another one since it was asked last.
func (s *Sweeper) judge(p *process, exe action.File, now time.Time, again bool) {
	p.exe, p.judged = exe, true
	parent := s.known[p.ppid]
	a := action.Session{Root: p.session.root}
	a.FD = -1
	defer func() {
		if a.FD >= 0 {
			linux.Close(a.FD)
		}
	}()
	proc := &action.Process{PID: p.pid, TID: p.pid, PPID: p.ppid, StartTime: p.start, Comm: p.comm}
	a.Proc = proc
	if st, groups, err := procfs.ReadIdentity(p.pid); err == nil {
		proc.UID, proc.GID, proc.Comm = st.UID.Effective, st.GID.Effective, st.Name
		a.IDs = &action.IDs{
			UIDs: [4]uint32{st.UID.Real, st.UID.Effective, st.UID.Saved, st.UID.FS},
			GIDs: [4]uint32{st.GID.Real, st.GID.Effective, st.GID.Saved, st.GID.FS}, Groups: groups,
		}
	}
	s.describe(p.pid, &a.Exec)
	p.path, p.uid = a.Path, proc.UID
	a.Args, _ = arguments(p.pid)
	if len(a.Args) == 0 && p.waited < maxWaited {
		p.waited++ // in the middle of an exec
		p.judged = false
		s.busy++
		return
	}
	p.args, p.argsAt = a.Args, now
	if p.clear = exe == s.exe && transparent(a.Args); p.clear {
		p.session.probe = !p.session.begun && s.isProbe(a.Args)
		return
	}
	if parent != nil && parent.visitor != nil {
		proc.Exe = parent.path
		if !parent.clear && parent.exe == exe && slices.Equal(a.Args, parent.args) && p.session.begun {
			return // a fork that runs what its parent was judged for
		}
	}
	if len(a.Args) > 0 {
		a.Requested = a.Args[0]
	}
	a.First = !p.session.begun || again && p.pid == p.session.root
	p.session.begun = true
	a.Beyond = syscall.Kill(p.pid, 0) == syscall.EPERM
	if !s.cfg.Judge.Session(&a).Kill {
		return
	}
	if a.First {
		p.session.doomed = true
	}
	p.doomed, p.doom = true, now
	s.end(p, now)
	for _, q := range s.visitors {
		if q != p && (q.session == p.session && p.session.doomed || s.descends(q, p.pid)) {
			q.doomed, q.doom = true, now
			s.end(q, now)
		}
	}
}

// descends says that q is below pid, as far as parents are known.
func (s *Sweeper) descends(q *process, pid int) bool {
	for range maxClimb {
		if q.ppid == pid {
			return true
		}
		if q = s.known[q.ppid]; q == nil {
			return false
		}
	}
	return false
}

// end kills a visitor, and has it looked at quickly until it is gone.
func (s *Sweeper) end(p *process, now time.Time) {
	if p.doom.IsZero() {
		p.doom = now
	}
	if now.Sub(p.doom) < maxDoom {
		s.busy++
	}
	var err error
	if p.pidfd >= 0 {
		err = linux.PidfdSignal(p.pidfd, syscall.SIGKILL)
	} else if st, serr := procfs.ReadStat(p.pid); serr == nil && st.StartTime == p.start {
		err = syscall.Kill(p.pid, syscall.SIGKILL)
	}
	if err != nil && err != syscall.ESRCH {
		s.cfg.Logger.Warn("cannot end a process from outside", "pid", p.pid, "error", err)
	}
}

// transparent says that arguments are those of the enforcer's own commands
// that do no more than ask, or run something that is judged by itself.
func transparent(args []string) bool {
	switch {
	case len(args) == 1 && args[0] == "limpet-child":
		return true
	case len(args) < 2:
		return false
	}
	switch args[1] {
	case "status", "version", "help", "healthcheck":
		return true
	}
	return false
}

// isProbe says that the enforcer's arguments run the image's own health check, as
// wrapping wrote them: with flags it could run under another policy, or in audit mode.
func (s *Sweeper) isProbe(args []string) bool {
	return len(s.cfg.Probe) > 0 && len(args) > 2 && args[1] == "healthcheck" && args[2] == "--" && slices.Equal(args[3:], s.cfg.Probe)
}
