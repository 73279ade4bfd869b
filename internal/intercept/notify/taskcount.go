package notify

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// taskCount says how many tasks the workload has.
//
// In a container its own pids cgroup knows, for one read. Elsewhere the tree
// below us is counted from /proc now and then, and forks are added in between;
// deaths show at the next count, so that number can be too high by the forks
// since, never too low.
type taskCount struct {
	mu      sync.Mutex
	open    bool
	cgroup  int // pids.current of the container's cgroup, -1: none
	self    int // our process: root of the tree
	own     int // our threads, which the cgroup counts in
	checked time.Time

	exact func() int // knows it, where somebody does

	base  int
	since int
	next  time.Time
}

// cgroupFiles exist only where the mounted root is a container's own cgroup:
// a machine's root cgroup counts nothing.
var cgroupFiles = []string{"/sys/fs/cgroup/pids.current", "/sys/fs/cgroup/pids/pids.current"}

const (
	recountEvery = 100 * time.Millisecond
	recountForks = 64
)

// oneMore gives the number of tasks if one more is let through.
func (t *taskCount) oneMore() int { return t.count(1) }

// count gives the number of tasks with so many more.
func (t *taskCount) count(more int) int {
	if t.exact != nil {
		return t.exact() + more
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		t.open, t.cgroup, t.self = true, -1, os.Getpid()
		for _, f := range cgroupFiles {
			if fd, err := linux.OpenAt(linux.AtFDCWD, f, syscall.O_RDONLY); err == nil {
				t.cgroup = fd
				break
			}
		}
	}
	now := time.Now()
	if t.cgroup >= 0 {
		if now.Sub(t.checked) > time.Second {
			if st, err := procfs.ReadStat(t.self); err == nil {
				t.own, t.checked = st.Threads, now
			}
		}
		var b [32]byte
		n, err := linux.Pread(t.cgroup, b[:], 0)
		if v, perr := strconv.Atoi(string(bytes.TrimSpace(b[:max(n, 0)]))); err == nil && perr == nil {
			return max(v-t.own, 0) + more
		}
	}
	t.since += more
	if now.After(t.next) || t.since > max(recountForks, t.base/2) {
		began := now
		t.base, t.since = procfs.TreeTasks(t.self), more
		t.next = now.Add(max(recountEvery, 20*time.Since(began)))
	}
	return t.base + t.since
}

func (t *taskCount) close() {
	t.mu.Lock()
	if t.open && t.cgroup >= 0 {
		linux.Close(t.cgroup)
	}
	t.open, t.cgroup = false, -1
	t.mu.Unlock()
}
