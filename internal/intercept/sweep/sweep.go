package sweep

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// Paces of looking.
const (
	Period = 12 * time.Millisecond
	quick  = time.Millisecond       // while something is on its way in or out
	soon   = 100 * time.Microsecond // while the container runtime is about to become a program
	asleep = 100 * time.Millisecond // while no control wants it
	whole  = time.Second            // a look at everything although nothing seems new
)

// Wants is what the policy in force asks for.
type Wants struct {
	Sessions bool // a control judges sessions
	Programs bool // a control judges programs, those of sessions too
	MaxTasks int  // 0: no limit
	MaxDepth int  // 0: no limit
	Loads    bool // a control judges how processes work
	Policy   any  // identity of the policy: another one, and all is judged again
}

func (w Wants) none() bool {
	return !w.Sessions && !w.Programs && w.MaxTasks == 0 && w.MaxDepth == 0 && !w.Loads
}

// Judge decides. An Answer with Kill ends the process.
type Judge interface {
	Wanted() Wants
	Session(*action.Session) intercept.Answer
	Crowd(*action.Crowd) intercept.Answer
}

// Tree is the supervised tree: *notify.Supervisor.
type Tree interface {
	PID() int
	Standings(pids []int, out []notify.Standing)
	Marked() bool
	Privileged(pid int, fn func() error) error
	CanKill() bool
	Tasks() int
}

// Config of a Sweeper. Judge and Tree are required.
type Config struct {
	Judge  Judge
	Tree   Tree
	Probe  []string     // arguments of the image's own health check; nil: it has none
	Logger *slog.Logger // nil: discard
}

// Sweeper looks at the processes of a container.
type Sweeper struct {
	cfg   Config
	self  int
	exe   action.File // our own program
	bound procfs.Confinement
	cg    string // our cgroups
	mnt   string // our mount namespace, "" if it cannot be read
	table *procfs.Table
	alarm *linux.Alarm

	here     bool  // we are the first process of a container
	above    []int // processes above us
	wants    Wants
	known    map[int]*process
	visitors []*process // those of known that came from outside
	passing  []passer   // that seem to be of another container, and entered just now
	sessions int        // that were ever seen
	pids     []int
	fresh    []int
	standing []notify.Standing
	last     int
	coming   []awaited // who was given an id and could not be seen
	asked    uint      // how often arrived asked for them
	full     time.Time
	busy     int  // processes that are looked at quickly
	imminent bool // one of them is about to become a program
	crowd    crowd
	works    map[int]*work // how processes work; nil: nobody asks
	loadAt   time.Time

	slowest atomic.Int64 // ns that a whole look took
}

// New makes a Sweeper.
func New(cfg Config) (*Sweeper, error) {
	if cfg.Judge == nil || cfg.Tree == nil {
		return nil, errors.New("cannot look at processes without a judge and a tree")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Sweeper{cfg: cfg, self: os.Getpid(), known: make(map[int]*process)}
	var err error
	if s.table, err = procfs.OpenTable(); err != nil {
		return nil, err
	}
	if s.alarm, err = linux.NewAlarm(); err != nil {
		s.table.Close()
		return nil, err
	}
	if s.bound, err = procfs.ReadConfinement(s.self); err != nil {
		s.close()
		return nil, err
	}
	s.cg, _ = procfs.Cgroups(s.self)
	s.mnt = mountNamespace("self")
	s.exe, _ = programAt("/proc/self/exe")
	s.here, s.above = s.inContainer()
	return s, nil
}

// InContainer says that sessions from outside can be told from other
// processes: we are the first process of a container.
func (s *Sweeper) InContainer() bool { return s.here }

// Run looks until ctx ends; not at once, when the workload wants the processor
// for its own start.
func (s *Sweeper) Run(ctx context.Context) {
	defer s.close()
	stop := context.AfterFunc(ctx, func() { s.alarm.Close() })
	defer stop()
	for pause := Period; ctx.Err() == nil && s.alarm.Wait(pause); {
		pause = s.Look(time.Now())
	}
}

// Look looks once and says how long to wait before the next time.
func (s *Sweeper) Look(now time.Time) time.Duration {
	began := linux.ThreadTime()
	w := s.cfg.Judge.Wanted()
	if w.none() {
		s.wants = w
		return asleep
	}
	again := w.Policy != s.wants.Policy
	s.wants = w
	last := s.table.Last()
	if arrived := s.arrived(now); last == 0 || last != s.last || again || len(arrived) > 0 || s.busy > 0 || now.Sub(s.full) >= whole {
		if again || !s.step(now, last, arrived) {
			s.sweep(now, again)
		}
		s.await(s.last, last, now)
		s.last = last
	} else {
		s.attend(now, false)
	}
	if w.MaxTasks > 0 || w.MaxDepth > 0 {
		s.limits(now)
	}
	if w.Loads {
		s.loads(now)
	}
	took := time.Since(now)
	s.slowest.Store(max(s.slowest.Load(), int64(took)))
	// What others took of the processor meanwhile is no reason to look later: on
	// a busy machine a session would live for ten times that. (After a change of
	// threads the difference says nothing.)
	if used := linux.ThreadTime() - began; used >= 0 {
		took = min(took, used)
	}
	switch {
	case s.imminent:
		return soon
	case s.busy > 0:
		return quick
	}
	return max(Period-took, 10*took) // never more than a tenth of a processor
}

func (s *Sweeper) close() {
	for _, p := range s.known {
		p.close()
	}
	s.table.Close()
	s.alarm.Close()
}

// sweep reads the list of processes, learns the new and forgets the gone.
func (s *Sweeper) sweep(now time.Time, again bool) {
	s.full = now
	var err error
	if s.pids, err = s.table.Pids(s.pids[:0]); err != nil {
		s.cfg.Logger.Debug("cannot list processes", "error", err)
		return
	}
	s.fresh = s.fresh[:0]
	for _, pid := range s.pids {
		if p := s.known[pid]; p != nil {
			p.seen = now
		} else {
			s.fresh = append(s.fresh, pid)
		}
	}
	for pid, p := range s.known {
		if p.seen != now {
			s.gone(p)
			delete(s.known, pid)
		}
	}
	s.meet(now)
	s.attend(now, again)
}

// meet learns those of fresh.
func (s *Sweeper) meet(now time.Time) {
	if len(s.fresh) == 0 {
		return
	}
	if cap(s.standing) < len(s.fresh) {
		s.standing = make([]notify.Standing, 2*len(s.fresh))
	}
	s.standing = s.standing[:len(s.fresh)]
	s.cfg.Tree.Standings(s.fresh, s.standing)
	for i, pid := range s.fresh {
		if s.known[pid] == nil { // a child may have asked for its parent before
			s.learn(pid, s.standing[i], now, 0)
		}
	}
}
