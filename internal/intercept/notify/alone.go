package notify

import (
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// alone says that nobody but the calling thread can change its descriptors
// and mappings while it waits. A process that has not executed since it was
// forked may be the child of a vfork in one of several threads: the others go
// on in the memory that it shares with them.
func (s *Supervisor) alone(c *Call) bool {
	if s.net.sharedTables.Load() || s.sharedMemory.Load() {
		return false
	}
	if !s.threads.Load() {
		return true
	}
	// Of a thread that does not lead its process there is another one.
	eyes := s.power.wards.eyes(c.TID())
	if s.began.has(c.TID(), 1+eyes) && s.power.wards.eyes(c.TID()) == eyes {
		return true
	}
	st, err := procfs.ReadStat(c.TID())
	return err == nil && st.Threads == 1+eyes && st.Executed && s.power.wards.eyes(c.TID()) == eyes
}

// beginners are processes that executed a moment ago, when programs map their
// libraries: of these one call tells how many threads there are.
type beginners struct {
	mu sync.Mutex
	m  map[int]beginner
}

// beginner knows a process by the inode number of its /proc/PID/task, which the
// kernel gives to no other process before it has counted through 32 bits.
type beginner struct {
	ino   uint64
	since time.Time
}

// Bounds of beginners: nobody makes 2^32 inodes in that time.
const (
	maxBeginners = 512
	beginning    = 2 * time.Second
)

// add remembers a process at its exec stop.
func (b *beginners) add(pid int) {
	var st linux.Stat
	if linux.StatAt(linux.AtFDCWD, procfs.Path(pid, "task"), &st, 0) != nil {
		return
	}
	b.mu.Lock()
	if b.m == nil || len(b.m) >= maxBeginners {
		b.m = make(map[int]beginner)
	}
	b.m[pid] = beginner{st.Ino, time.Now()}
	b.mu.Unlock()
}

// has says that a task leads a process that began a moment ago and has so many
// threads: the kernel adds them to the two links that a folder has at least.
func (b *beginners) has(tid, threads int) bool {
	b.mu.Lock()
	was, ok := b.m[tid]
	b.mu.Unlock()
	if !ok || time.Since(was.since) > beginning {
		return false
	}
	var st linux.Stat
	return linux.StatAt(linux.AtFDCWD, procfs.Path(tid, "task"), &st, 0) == nil &&
		st.Ino == was.ino && st.Mode&syscall.S_IFMT == syscall.S_IFDIR && uint64(st.Nlink) == uint64(2+threads)
}
