package notify

import (
	"path"
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// task is what is known of one thread that made a governed call.
type task struct {
	// What stays this task's even when its id is used again: a pidfd of a
	// leader, or O_PATH on /proc/TID of any other thread; -1: neither.
	pidfd, dir int
	proc       action.Process
	who        *fileCreds // what the kernel asks when it uses files; nil: not read yet
}

func (k *task) alive() bool {
	if k.pidfd >= 0 {
		return linux.PidfdAlive(k.pidfd)
	}
	return k.dir >= 0 && linux.Exists(k.dir, "comm")
}

func (k *task) close() {
	for _, fd := range []int{k.pidfd, k.dir} {
		if fd >= 0 {
			linux.Close(fd)
		}
	}
}

// taskTable remembers callers between calls, so that a connect does not pay
// for three reads of /proc. An entry is dropped when its task changes what it
// is: by exec, by setuid, by dying.
type taskTable struct {
	mu    sync.Mutex
	m     map[int]*task
	quiet *time.Timer // lets go of the dead when nobody new has come for calm
}

// calm is how long the dead may be remembered once nobody new comes.
const calm = time.Second

// maxTasks bounds the table, and with it the descriptors it holds.
const maxTasks = 512

func (t *taskTable) get(c *Call) *task {
	tid := c.TID()
	t.mu.Lock()
	k := t.m[tid]
	live := k != nil && k.alive()
	t.mu.Unlock()
	if live {
		return k
	}
	k = c.s.look(tid)
	if k.proc.Exe == "" && !c.Valid() {
		k.close()
		k.pidfd, k.dir, k.proc.Gone = -1, -1, true // of this call only: it may have been interrupted
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = make(map[int]*task)
	}
	if old := t.m[tid]; old != nil {
		old.close()
		delete(t.m, tid)
	}
	if len(t.m) >= min(maxTasks, descriptors()/8) {
		t.evict()
	}
	if k.pidfd >= 0 || k.dir >= 0 {
		t.m[tid] = k
		if t.quiet == nil {
			t.quiet = time.AfterFunc(calm, t.bury)
		} else {
			t.quiet.Reset(calm)
		}
	}
	return k
}

// bury forgets the dead.
func (t *taskTable) bury() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropDead()
}

func (t *taskTable) dropDead() {
	for tid, k := range t.m {
		if !k.alive() {
			k.close()
			delete(t.m, tid)
		}
	}
}

// evict drops the dead, or any few if none is dead.
func (t *taskTable) evict() {
	before := len(t.m)
	t.dropDead()
	for tid, k := range t.m {
		if len(t.m) <= before-before/8 {
			return
		}
		k.close()
		delete(t.m, tid)
	}
}

func (t *taskTable) drop(tid int) {
	t.mu.Lock()
	if k := t.m[tid]; k != nil {
		k.close()
		delete(t.m, tid)
	}
	t.mu.Unlock()
}

func (t *taskTable) close() {
	t.mu.Lock()
	if t.quiet != nil {
		t.quiet.Stop()
	}
	for _, k := range t.m {
		k.close()
	}
	t.m = nil
	t.mu.Unlock()
}

// parting gives the caller and forgets it, with the leader of its process. thin:
// what only a report asks for is left out (attempt.DescribeCaller).
func (s *Supervisor) parting(c *Call, mayThin bool) (p action.Process, thin bool) {
	switch {
	case c.task != nil:
		p = c.task.proc
	case !s.threads.Load() || linux.LeadsThreads(c.TID()):
		if thin = mayThin && !s.lent; thin {
			p = s.outline(c.TID(), true)
		} else {
			p = s.describe(c.TID(), true)
		}
	default:
		p = *c.Process()
	}
	s.tasks.drop(p.TID)
	if p.PID != p.TID {
		s.tasks.drop(p.PID)
	}
	c.task = nil
	return p, thin
}

// DescribeCaller implements action.Caller. Comm is that of the caller's program
// when it has another one by now.
func (a *attempt) DescribeCaller() (waits bool) {
	if a.thin {
		a.thin = false
		a.s.origins(a.Proc)
		if a.begun {
			a.Proc.Comm = path.Base(a.Proc.Exe)
			a.Proc.Comm = a.Proc.Comm[:min(len(a.Proc.Comm), maxComm)]
		}
	}
	return a.begun || a.call.Valid()
}

// maxComm is TASK_COMM_LEN without its NUL.
const maxComm = 15

// look finds out who a task is, and how to know it again.
func (s *Supervisor) look(tid int) *task {
	k := &task{pidfd: -1, dir: -1}
	if fd, err := linux.PidfdOpen(tid); err == nil {
		k.pidfd = fd
	} else if fd, err := linux.OpenAt(linux.AtFDCWD, procfs.Path(tid, ""), linux.OPath); err == nil {
		k.dir = fd
	}
	k.proc = s.describe(tid, k.pidfd >= 0)
	return k
}

// describe reads a task from /proc. What cannot be read stays zero.
func (s *Supervisor) describe(tid int, leader bool) action.Process {
	p := s.outline(tid, leader)
	s.origins(&p)
	return p
}

// origins fills in what tells a process from others of its id and program, which
// costs more than the rest.
func (s *Supervisor) origins(p *action.Process) {
	if st, err := procfs.ReadStat(p.PID); err == nil {
		p.Comm, p.PPID, p.StartTime = st.Comm, st.PPID, st.StartTime
	}
}

// outline reads who a task is and what it runs.
func (s *Supervisor) outline(tid int, leader bool) action.Process {
	p := action.Process{PID: tid, TID: tid, UID: s.power.uid, GID: s.power.gid}
	// The dear file is left alone where it can say nothing new: a leader, in a
	// tree in which nobody was let change who he is.
	if !leader || s.identities.Load() || s.roots.Load() {
		if st, err := procfs.ReadStatus(tid); err == nil {
			p.PID = st.TGID
			p.UID, p.GID = st.UID.Effective, st.GID.Effective
		}
	}
	_ = s.power.as(tid, func() (err error) {
		p.Exe, err = linux.ReadlinkAt(linux.AtFDCWD, s.power.path(tid, "exe"))
		return err
	})
	return p
}
