package notify

import (
	"bytes"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// A fork bomb may leave no room in the container's pids cgroup, and a Go
// program that cannot make a thread ends. So a number of threads is made ahead
// (Spare), and workers beyond it are hired only while there is room.
const (
	spareThreads = 24               // workers for which there is always a thread
	madeAhead    = 2 * spareThreads // the scheduler needs some too
	roomNeeded   = 48
)

// Spare makes threads ahead of need. It takes a moment: call it when the
// application has started.
func Spare() {
	var all, ready sync.WaitGroup
	release := make(chan struct{})
	for range madeAhead {
		ready.Add(1)
		all.Go(func() {
			runtime.LockOSThread() // a thread of its own, which stays when it is unlocked
			ready.Done()
			<-release
			runtime.UnlockOSThread()
		})
	}
	ready.Wait()
	close(release)
	all.Wait()
}

// room knows how many tasks the container's pids cgroup has left, where it is
// to be seen.
type room struct {
	mu      sync.Mutex
	opened  bool
	few     bool // our user may have so many tasks only (linux.KeepTasks)
	max     int
	current int // descriptor of pids.current; -1: no limit, or none to be seen
	ended   atomic.Int64
}

// gone says that a thread ended. They come out of those that were made ahead,
// so these are made up for now and then.
func (r *room) gone() {
	if r.ended.Add(1)%(madeAhead/4) == 0 && r.left() {
		go Spare()
	}
}

// left says that threads may be made.
func (r *room) left() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.opened {
		r.opened, r.current = true, -1
		r.few = linux.FewTasks()
		for _, dir := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/pids/"} {
			if fd, err := linux.OpenAt(linux.AtFDCWD, dir+"pids.max", syscall.O_RDONLY); err == nil {
				r.max = number(fd)
				linux.Close(fd)
				if fd, err := linux.OpenAt(linux.AtFDCWD, dir+"pids.current", syscall.O_RDONLY); err == nil && r.max > 0 {
					r.current = fd
				}
				break
			}
		}
	}
	return !r.few && (r.current < 0 || number(r.current)+roomNeeded < r.max)
}

// number reads a file that holds one; 0: it does not ("max").
func number(fd int) int {
	var b [32]byte
	n, err := linux.Pread(fd, b[:], 0)
	if err != nil || n <= 0 {
		return 0
	}
	v, _ := strconv.Atoi(string(bytes.TrimSpace(b[:n])))
	return v
}

func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opened && r.current >= 0 {
		linux.Close(r.current)
		r.current = -1
	}
}
