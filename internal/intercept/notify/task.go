package notify

import (
	"sync"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// task is what is known of one thread that made a governed call.
type task struct {
	dir  int // O_PATH on /proc/TID: it stays this task's even when the tid is used again
	proc action.Process
}

// taskTable remembers callers between calls, so that a connect does not pay
// for three reads of /proc. An entry is dropped when its task changes what it
// is: by exec, by setuid, by dying.
type taskTable struct {
	mu sync.Mutex
	m  map[int]*task
}

// maxTasks bounds the table, and with it the descriptors it holds.
const maxTasks = 512

func (t *taskTable) get(c *Call) *task {
	tid := c.TID()
	t.mu.Lock()
	k := t.m[tid]
	live := k != nil && linux.Exists(k.dir, "comm")
	t.mu.Unlock()
	if live {
		return k
	}
	k = c.s.look(c, tid)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = make(map[int]*task)
	}
	if old := t.m[tid]; old != nil {
		linux.Close(old.dir)
	}
	if len(t.m) >= maxTasks {
		t.evict()
	}
	if k.dir >= 0 {
		t.m[tid] = k
	}
	return k
}

// evict drops the dead, or any few if none is dead.
func (t *taskTable) evict() {
	before := len(t.m)
	for tid, k := range t.m {
		if !linux.Exists(k.dir, "comm") {
			linux.Close(k.dir)
			delete(t.m, tid)
		}
	}
	for tid, k := range t.m {
		if len(t.m) <= before-before/8 {
			return
		}
		linux.Close(k.dir)
		delete(t.m, tid)
	}
}

func (t *taskTable) drop(tid int) {
	t.mu.Lock()
	if k := t.m[tid]; k != nil {
		linux.Close(k.dir)
		delete(t.m, tid)
	}
	t.mu.Unlock()
}

func (t *taskTable) close() {
	t.mu.Lock()
	for _, k := range t.m {
		linux.Close(k.dir)
	}
	t.m = nil
	t.mu.Unlock()
}

// look reads a task from /proc. What cannot be read stays zero.
func (s *Supervisor) look(c *Call, tid int) *task {
	k := &task{dir: -1}
	k.proc.PID, k.proc.TID = tid, tid
	if st, err := procfs.ReadStatus(tid); err == nil {
		k.proc.PID, k.proc.PPID = st.TGID, st.PPID
		k.proc.UID, k.proc.GID = st.UID.Effective, st.GID.Effective
		k.proc.Comm = st.Name
	}
	if st, err := procfs.ReadStat(k.proc.PID); err == nil {
		k.proc.StartTime = st.StartTime
	}
	_ = s.power.as(tid, func() (err error) {
		k.proc.Exe, err = linux.ReadlinkAt(linux.AtFDCWD, procfs.Path(tid, "exe"))
		return err
	})
	fd, err := linux.OpenAt(linux.AtFDCWD, procfs.Path(tid, ""), linux.OPath)
	if err == nil {
		k.dir = fd
	}
	return k
}
