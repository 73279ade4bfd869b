package sweep

import (
	"cmp"
	"sort"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// crowd is what the limits need to remember.
type crowd struct {
	last  int         // newest task id at the last count
	over  bool        // the last count was above
	ended map[int]int // children that were killed, by parent, since it is over
}

// one process of the tree, for a count.
type one struct {
	pid, ppid, threads int
	start              uint64
	comm               string
}

// limits holds the tree to the number and the depth of its tasks. Where the
// whole machine has fewer than the limit nothing is counted; else the number is
// asked of the container's own cgroup, one read, and only when that is too high
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
	n := s.table.Tasks()
	if n == 0 || n > s.wants.MaxTasks { // else not even the whole machine has as many
		n = s.cfg.Tree.Tasks()
	}
	if n <= s.wants.MaxTasks {
		if c.over {
			c.over, c.ended = false, nil
		}
		return
	}
	var all []one
	if all, n = s.count(); n <= s.wants.MaxTasks || len(all) == 0 {
		c.over = n > s.wants.MaxTasks
		return
	}
	sort.Slice(all, func(i, j int) bool { // smaller than slices.SortFunc
		return cmp.Or(cmp.Compare(all[j].start, all[i].start), cmp.Compare(all[j].pid, all[i].pid)) < 0
	})
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

// youth is how long a process counts as new, in ticks (10 ms).
const youth = 1000

// thin brings the number back below the limit. If most tasks descend from one
// new process, or are orphans that are new, that whole family ends: a bomb dies
// with its root, and what else is new stays. Else the newest end one by one, and
// with them whoever keeps making them. The first process is the workload itself
// and stays.
func (s *Sweeper) thin(all []one, n int) {
	c, first, limit := &s.crowd, s.cfg.Tree.PID(), s.wants.MaxTasks
	now := linux.BootTicks()
	end := func(p one) {
		if p.pid != first && syscall.Kill(p.pid, syscall.SIGKILL) == nil {
			n -= p.threads
			if len(c.ended) < 4096 && p.ppid != s.self {
				c.ended[p.ppid]++
			}
		}
	}
	family := s.family(all, n, now)
	for _, p := range all {
		if family[p.pid] {
			end(p)
		}
	}
	maker := max(limit/4, 8)
	for _, p := range all {
		if !family[p.pid] && (n > limit || c.ended[p.pid] >= maker && now-p.start < youth) {
			end(p)
		}
	}
}

// family finds the new processes to which most tasks belong, with all that
// descends from them; nil: there are none.
func (s *Sweeper) family(all []one, n int, now uint64) map[int]bool {
	first := s.cfg.Tree.PID()
	children := make(map[int][]*one, len(all))
	for i := range all {
		children[all[i].ppid] = append(children[all[i].ppid], &all[i])
	}
	size := make(map[int]int, len(all))
	var add func(p *one, depth int) int
	add = func(p *one, depth int) int {
		total := p.threads
		for _, q := range children[p.pid] {
			if depth < maxDescent {
				total += add(q, depth+1)
			}
		}
		size[p.pid] = total
		return total
	}
	var roots []*one
	orphans := 0
	for _, p := range children[s.self] {
		add(p, 0)
		if p.pid != first && now-p.start < youth {
			roots = append(roots, p)
			orphans += size[p.pid]
		}
	}
	if 2*orphans < n {
		// Down from the first process, where most tasks are, to one that is new.
		roots = nil
		for pid := first; pid != 0 && roots == nil; {
			next := 0
			for _, q := range children[pid] {
				if 2*size[q.pid] < n {
					continue
				}
				next = q.pid
				if now-q.start < youth {
					roots = append(roots, q)
				}
			}
			pid = next
		}
	}
	out := make(map[int]bool)
	var take func(p *one, depth int)
	take = func(p *one, depth int) {
		out[p.pid] = true
		for _, q := range children[p.pid] {
			if depth < maxDescent {
				take(q, depth+1)
			}
		}
	}
	for _, p := range roots {
		take(p, 0)
	}
	return out
}

// maxDescent bounds how deep families are followed.
const maxDescent = 4096

// count counts the tasks of the tree and of what came from outside, and lists
// their processes.
func (s *Sweeper) count() (all []one, n int) {
	for _, pid := range s.pids {
		k := s.known[pid]
		if k == nil || k.place != inTree && k.place != outside {
			continue
		}
		st, err := procfs.ReadStat(pid)
		if err != nil || st.Dead() {
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
		p.Exe, err = linux.ReadlinkAt(linux.AtFDCWD, procfs.Path(procfs.Living(o.pid), "exe"))
		return err
	})
	return p
}

// depths judges what descends too far, each process once for each policy. It
// ends them only when all are judged: with a parent goes what tells who a child
// was.
func (s *Sweeper) depths() {
	var kill []int
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
			kill = append(kill, p.pid)
		}
	}
	for _, pid := range kill {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
