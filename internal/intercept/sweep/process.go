package sweep

import (
	"slices"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/probe"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// place says where a process belongs.
type place uint8

const (
	inTree    place = iota // below the filter
	ours                   // the enforcer, its helpers, and what is above it
	elsewhere              // another container of the same pid namespace
	outside                // in our container, and not below the filter
)

// process is one that was seen. Most have nothing but a place.
type process struct {
	pid, ppid int
	start     uint64
	place     place
	depth     int // in the tree: 1 for the first process; 0: not measured
	deep      any // policy for which the depth was judged
	seen      time.Time
	*visitor  // nil but for outside
}

// visitor is what is known of a process from outside.
type visitor struct {
	session *session
	found   time.Time
	comm    string      // when it was found: an exec changes it
	made    action.File // program when it was found, while it was being made
	more    time.Time   // when it last had more rights than our container allows
	making  bool        // the container runtime, not yet the program
	looks   int         // at it while it was that
	lately  int         // of them since more
	clear   bool        // the enforcer's own: status, healthcheck
	judged  bool
	waited  int         // looks at which its arguments were not there yet
	exe     action.File // program that was judged
	path    string
	uid     uint32
	args    []string  // that were judged
	argsAt  time.Time // when they were read
	pidfd   int       // -1: this kernel has none
	doomed  bool
	doom    time.Time
}

// passer is a process of another container, as far as can be seen now.
type passer struct {
	*process
	since time.Time
}

// session is one entry into the container and what came of it.
type session struct {
	root   int
	sids   []int // terminal sessions of its processes, by which orphans are known
	begun  bool  // its first program was judged
	probe  bool  // the image's own health check, run by the enforcer
	doomed bool
}

// maxSids bounds what a session may claim.
const maxSids = 64

func (p *process) close() {
	if p.visitor != nil && p.pidfd >= 0 {
		linux.Close(p.pidfd)
		p.pidfd = -1
	}
}

// maxClimb bounds how far up unknown parents are looked for.
const maxClimb = 64

// learn puts a process into the table.
func (s *Sweeper) learn(pid int, st notify.Standing, now time.Time, climbed int) *process {
	p := &process{pid: pid, seen: now}
	switch {
	case pid == s.self || slices.Contains(s.above, pid):
		p.place = ours
	case st == notify.Gone:
		return nil
	case st == notify.Below && s.wants.MaxDepth == 0:
	default:
		stat, err := procfs.ReadStat(pid)
		if err != nil || stat.Dead() {
			return nil
		}
		p.ppid, p.start = stat.PPID, stat.StartTime
		switch st {
		case notify.Below:
		case notify.Outside:
			p.place = s.foreign(p, &stat, now, climbed)
		default:
			p.place = s.guess(p, &stat, now, climbed)
		}
		if p.place == inTree {
			s.measure(p, climbed)
		}
	}
	s.known[pid] = p
	return p
}

// foreign gives the place of a process that is certainly not below the filter.
func (s *Sweeper) foreign(p *process, stat *procfs.Stat, now time.Time, climbed int) place {
	parent := s.known[p.ppid]
	if parent == nil && p.ppid > 1 && climbed < maxClimb {
		parent = s.climb(p.ppid, now, climbed)
	}
	switch {
	case probe.Child(p.pid), parent != nil && parent.place == ours && probe.Child(p.ppid):
		return ours
	case !s.here:
		return elsewhere
	case parent != nil && parent.place == outside:
	case parent != nil && parent.place == elsewhere && p.ppid != 1:
		return elsewhere
	case !s.sameContainer(p.pid):
		if p.ppid == 0 && linux.BootTicks()-p.start < uint64(maxMaking/(10*time.Millisecond)) {
			// It is new, and may be on its way into our container.
			s.passing = append(s.passing, passer{p, now})
		}
		return elsewhere
	}
	s.enter(p, parent, stat, now)
	return outside
}

// guess gives the place where the mark cannot be asked for.
func (s *Sweeper) guess(p *process, stat *procfs.Stat, now time.Time, climbed int) place {
	if p.pid == s.cfg.Tree.PID() {
		return inTree
	}
	parent := s.known[p.ppid]
	if parent == nil && p.ppid > 1 && p.ppid != s.self && climbed < maxClimb {
		parent = s.climb(p.ppid, now, climbed)
	}
	switch {
	case p.ppid == s.self:
		if c, err := procfs.ReadConfinement(p.pid); err == nil && (c.Filters < 0 || c.Filters > s.bound.Filters) {
			return inTree // handed to us as an orphan: ours, as far as can be told
		}
	case parent != nil && parent.place == inTree:
		return inTree
	}
	return s.foreign(p, stat, now, climbed)
}

// climb learns a parent.
func (s *Sweeper) climb(pid int, now time.Time, climbed int) *process {
	out := []notify.Standing{notify.Unsure}
	s.cfg.Tree.Standings([]int{pid}, out)
	return s.learn(pid, out[0], now, climbed+1)
}

// measure finds how deep a process of the tree descends.
func (s *Sweeper) measure(p *process, climbed int) {
	p.depth = 1
	if p.pid == s.cfg.Tree.PID() || p.ppid == s.self || p.ppid == 0 {
		return
	}
	parent := s.known[p.ppid]
	if parent == nil && climbed < maxClimb {
		parent = s.climb(p.ppid, p.seen, climbed)
	}
	if parent != nil && parent.place == inTree {
		p.depth = parent.depth + 1
	}
}

// enter makes a process a visitor: of the session of its parent, or, for an
// orphan, of the one whose terminal session it is in, or of a new one.
func (s *Sweeper) enter(p *process, parent *process, stat *procfs.Stat, now time.Time) {
	v := &visitor{found: now, more: now, comm: stat.Comm, pidfd: -1}
	p.visitor = v
	sid := procfs.SessionOf(p.pid)
	switch {
	case parent != nil && parent.visitor != nil:
		v.session = parent.session
		v.doomed, v.doom = parent.doomed, parent.doom
	case p.ppid != 0:
		v.session = s.bySid(sid)
	}
	if v.session == nil {
		v.session = &session{root: p.pid}
		s.sessions++
	}
	if len(v.session.sids) < maxSids && !slices.Contains(v.session.sids, sid) {
		v.session.sids = append(v.session.sids, sid)
	}
	if fd, err := linux.PidfdOpen(p.pid); err == nil {
		v.pidfd = fd
		if again, err := procfs.ReadStat(p.pid); err != nil || again.StartTime != p.start {
			p.close()
		}
	}
	v.making = p.ppid == 0
	s.visitors = append(s.visitors, p)
}

// bySid finds the session that a terminal session belongs to. Its number is
// taken as long as somebody is in it.
func (s *Sweeper) bySid(sid int) *session {
	for _, p := range s.visitors {
		if sid > 0 && slices.Contains(p.session.sids, sid) {
			return p.session
		}
	}
	return nil
}

// gone forgets a process. One that ended before it could be judged is told of:
// it was quick.
func (s *Sweeper) gone(p *process) {
	s.passing = slices.DeleteFunc(s.passing, func(q passer) bool { return q.process == p })
	if p.visitor == nil {
		return
	}
	if !p.judged && !p.session.begun && !p.session.probe && s.wants.Sessions {
		p.session.begun = true
		s.cfg.Judge.Session(&action.Session{Root: p.session.root, First: true, Exec: action.Exec{
			Proc: &action.Process{PID: p.pid, TID: p.pid, PPID: p.ppid, UID: p.uid, Comm: p.comm, StartTime: p.start},
			Path: p.path, FD: -1, Unverified: p.path == "",
		}, Ended: true})
	}
	p.close()
	s.visitors = slices.DeleteFunc(s.visitors, func(q *process) bool { return q == p })
}
