package notify

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// ward is a task whose ids differ among themselves (keeper.go).
type ward struct {
	tid, pid int
	proc     action.Process // when it became one
	eye      *eye           // nil: it cannot be looked at
	// asked is what its keeper is to do when it stops behind its call.
	asked atomic.Pointer[errand]
	exec  *executing // its keeper's
}

// errand is something that only the keeper of a ward can do.
type errand struct {
	nr   int
	args [6]uint64
	ip   uint64
	// again: the call is made anew, with args.
	again bool
	// exec is what is to be executed (keeper_exec.go); over closes when that is
	// over.
	exec *attempt
	call *Call
	over chan struct{}
}

// eye is a thread that stands still for ever: a ward is looked at through it.
type eye struct {
	tid      int
	pid      int
	uid, gid uint32
	b        *borrowed // who made it
	wards    int       // who is looked at through it; the keeper's
}

// wards are all of them, for everybody who looks at callers.
type wards struct {
	n  atomic.Int32 // len(m)
	mu sync.Mutex
	m  map[int]*ward
}

func (k *wards) add(w *ward) {
	k.mu.Lock()
	if k.m == nil {
		k.m = make(map[int]*ward)
	}
	k.m[w.tid] = w
	k.n.Store(int32(len(k.m)))
	k.mu.Unlock()
}

func (k *wards) drop(w *ward) {
	k.mu.Lock()
	if k.m[w.tid] == w {
		delete(k.m, w.tid)
	}
	k.n.Store(int32(len(k.m)))
	k.mu.Unlock()
}

// get gives the ward with a thread id, or nil.
func (k *wards) get(tid int) *ward {
	if k.n.Load() == 0 {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.m[tid]
}

// via gives the task through which another is looked at: itself, but for wards.
func (p *power) via(tid int) int {
	if w := p.wards.get(tid); w != nil && w.eye != nil {
		return w.eye.tid
	}
	return tid
}

// path names a file below /proc that shows what a task has.
func (p *power) path(tid int, name string) string { return procfs.Path(p.via(tid), name) }

// seen gives the folder that shows of a ward's eye what dir, below /proc, would
// show of the ward itself: dir, for everybody else.
func (p place) seen(dir int) (fd int, done func()) {
	if p.s.power.via(p.tid) != p.tid {
		where, err := linux.PathOf(dir)
		if at := p.seenAt(where); err == nil && at != "" {
			if fd, err = linux.OpenAt(linux.AtFDCWD, at, linux.OPath); err == nil {
				return fd, func() { linux.Close(fd) }
			}
		}
	}
	return dir, func() {}
}

// seenAt gives the name below /proc under which a ward's eye has what path
// names of the ward itself; "": it is somebody else's, or nobody's eye.
func (p place) seenAt(path string) string {
	eye := p.s.power.via(p.tid)
	if eye == p.tid {
		return ""
	}
	for _, own := range []int{p.tgid, p.tid} {
		if rest, ok := strings.CutPrefix(path+"/", procfs.Path(own, "")); ok {
			return procfs.Path(eye, strings.TrimSuffix(strings.TrimPrefix(rest, "task/"+strconv.Itoa(p.tid)+"/"), "/"))
		}
	}
	return ""
}

// eyes counts the threads of ours in a task's process.
func (k *wards) eyes(tid int) int {
	if k.n.Load() == 0 {
		return 0
	}
	pid := tid
	if st, err := procfs.ReadStatus(tid); err == nil {
		pid = st.TGID
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	seen := make(map[*eye]bool)
	for _, w := range k.m {
		if w.pid == pid && w.eye != nil {
			seen[w.eye] = true
		}
	}
	return len(seen)
}

// settle waits until no ward of a process is between its change of ids and the
// moment when its keeper has opened the process again.
func (k *wards) settle(pid int) {
	for i := range maxSettle {
		if k.n.Load() == 0 || !k.pending(pid, i%100 == 99) {
			return
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// maxSettle bounds the wait for a keeper: five seconds, on a machine that is
// overloaded.
const maxSettle = 50_000

func (k *wards) pending(pid int, remind bool) (found bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.m {
		if w.pid == pid && w.asked.Load() != nil {
			found = true
			if remind {
				_ = w.stop() // a SIGCONT takes the stop away
			}
		}
	}
	return found
}

// done ends what a ward asked for.
func (w *ward) done() {
	if e := w.asked.Swap(nil); e != nil && e.over != nil {
		close(e.over)
	}
}

// stop has a ward stop at its next return from the kernel, where its keeper
// finds it.
func (w *ward) stop() error { return linux.Tgkill(w.pid, w.tid, syscall.SIGSTOP) }

// early answers a ward that comes with its next call before its keeper has seen
// it behind the last: it makes the call again after that.
func (k *wards) early(c *Call) (Response, bool) {
	w := k.get(c.TID())
	if w == nil || w.asked.Load() == nil || w.stop() != nil {
		return Response{}, false
	}
	return fail(errRestart), true
}
