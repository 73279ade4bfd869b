package sweep

import (
	"cmp"
	"slices"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// crowd is what the limits need to remember.
type crowd struct {
	last  int         // newest task id at the last count
	calm  uint64      // ticks since boot when the count was last in the lower half of the limit
	over  bool        // the last count was above
	ended map[int]int // children that were killed, by parent, since it is over
}

// one process of the tree, for a count.
type one struct {
	pid, ppid, threads int
	start              uint64
	comm               string
}

// limits holds the tree to the number and the depth of its tasks. The number
// is asked of the container's own cgroup, one read; only when that is too high
// are tasks counted one by one.
func (s *Sweeper) limits(now time.Time) {
	if s.wants.MaxDepth > 0 {
		s.depths()
	}
	c := &s.crowd
	if s.wants.MaxTasks == 0 || s.last == c.last && !c.over && s.last != 0 {
		return // no task is new, so there are not more
	}
	c.last = s.last
	if n := s.cfg.Tree.Tasks(); n <= s.wants.MaxTasks {
		if c.over {
			c.over, c.ended = false, nil
		}
		if n <= s.wants.MaxTasks/2 {
			c.calm = linux.BootTicks()
		}
		return
	}
	all, n := s.count()
	if n <= s.wants.MaxTasks || len(all) == 0 {
		c.over = n > s.wants.MaxTasks
		return
	}
	slices.SortFunc(all, func(a, b one) int { return cmp.Or(cmp.Compare(b.start, a.start), cmp.Compare(b.pid, a.pid)) })
	a := action.Crowd{Proc: s.tell(all[0]), Tasks: n}
	if !s.cfg.Judge.Crowd(&a).Kill {
		c.over = false // audit: told once for every new count
		return
	}
	if !c.over {
		c.over, c.ended = true, make(map[int]int)
	}
	s.busy++
	s.thin(all, n)
}

// thin ends the newest processes until the limit holds again: every one that
// came since the number was last at rest, and then whoever keeps making them. The
// first process is the workload itself and stays.
func (s *Sweeper) thin(all []one, n int) {
	c, first := &s.crowd, s.cfg.Tree.PID()
	quarter := max(s.wants.MaxTasks/4, 8)
	for _, p := range all {
		maker := c.ended[p.pid] >= quarter
		if p.pid == first || !maker && n <= s.wants.MaxTasks && (c.calm == 0 || p.start <= c.calm) {
			continue
		}
		if syscall.Kill(p.pid, syscall.SIGKILL) == nil {
			n -= p.threads
			if len(c.ended) < 4096 && p.ppid != s.self {
				c.ended[p.ppid]++
			}
		}
	}
}

// count counts the tasks of the tree and of what came from outside, and lists
// their processes.
func (s *Sweeper) count() (all []one, n int) {
	for _, pid := range s.pids {
		k := s.known[pid]
		if k == nil || k.place != inTree && k.place != outside {
			continue
		}
		st, err := procfs.ReadStat(pid)
		if err != nil || st.State == 'Z' || st.State == 'X' {
			continue
		}
		n += st.Threads
		all = append(all, one{pid: pid, ppid: st.PPID, threads: st.Threads, start: st.StartTime, comm: st.Comm})
	}
	return all, n
}

// tell is a process as events show it.
func (s *Sweeper) tell(o one) *action.Process {
	p := &action.Process{PID: o.pid, TID: o.pid, PPID: o.ppid, StartTime: o.start, Comm: o.comm}
	if st, err := procfs.ReadStatus(o.pid); err == nil {
		p.UID, p.GID = st.UID.Effective, st.GID.Effective
	}
	_ = s.cfg.Tree.Privileged(o.pid, func() (err error) {
		p.Exe, err = linux.ReadlinkAt(linux.AtFDCWD, procfs.Path(o.pid, "exe"))
		return err
	})
	return p
}

// depths judges what descends too far, each process once for each policy.
func (s *Sweeper) depths() {
	for _, p := range s.known {
		if p.place != inTree || p.depth <= s.wants.MaxDepth || p.deep == s.wants.Policy {
			continue
		}
		p.deep = s.wants.Policy
		o := one{pid: p.pid, ppid: p.ppid, start: p.start}
		st, err := procfs.ReadStat(p.pid)
		if err != nil || st.StartTime != p.start {
			continue
		}
		o.comm = st.Comm
		if s.cfg.Judge.Crowd(&action.Crowd{Proc: s.tell(o), Depth: p.depth}).Kill {
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
		}
	}
}
