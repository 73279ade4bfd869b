package tracer

import (
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Tracer answers the calls of one process tree.
type Tracer struct {
	cfg      Config
	handlers *notify.Handlers
	pid      int          // the first child
	tid      atomic.Int32 // of our thread
	done     chan struct{}
	page     page

	// Of the tracer's thread alone, but for mu.
	mu         sync.Mutex // guards changes of tasks against Owns
	tasks      map[int]*task
	unborn     int  // tasks whose birth was allowed and has not been told yet
	entryLater bool // the stop at a call's entry comes after the filter's (gVisor)
	calibrated bool
}

// task is one thread of the tree.
type task struct {
	tid     int
	proc    *process
	space   *space
	after   after
	entry   bool // a stop at the entry is still to come
	saved   linux.Regs
	slot    slot // in the page; size 0: none
	done    func(int64) int64
	made    func(int64)
	attempt *notify.Attempt
	bears   bool // is one of those who count in unborn
}

// after is what to do at the next stop behind a call.
type after uint8

const (
	nothing  after = iota
	restore        // put the caller's arguments back
	attached       // the page was attached in the call's place: make the call
	reopen         // the process changed its ids: make it dumpable again
	reopened       // put everything back
	ping           // calibrate
	noteOnly       // tell made, nothing else
	execing        // the exec has failed, if this stop comes
)

// process is one thread group.
//
// While a thread of several executes, the kernel ends the others and gives it
// the leader's id: a resume that was meant for the leader would let the new
// program run before it was judged. So the stops of the others are put aside
// until the exec is through, or has failed.
type process struct {
	tasks int
	exec  *task // whose exec is on its way, if there are others
	aside []stop
}

// stop is what the kernel reported.
type stop struct {
	pid int
	st  linux.Status
}

// space is one address space, shared by threads.
type space struct{ attached bool }

// PID is the first child.
func (t *Tracer) PID() int { return t.pid }

// Done is closed when no task is left.
func (t *Tracer) Done() <-chan struct{} { return t.done }

// Owns says that a process is a tracee: its end is this package's to collect,
// and told with Config.Reaped.
func (t *Tracer) Owns(pid int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tasks[pid] != nil
}

// Report says how well memory arguments are held, for status.
type Report struct {
	Page      bool          // the kernel reads judged copies
	PageErrno syscall.Errno // why not
}

// Report is safe at any time after Start.
func (t *Tracer) Report() Report { return Report{Page: t.page.mem != nil, PageErrno: t.page.errno} }

// adopt begins with a task; nil: of a process, or an address space, of its own.
func (t *Tracer) adopt(tid int, p *process, s *space) *task {
	if s == nil {
		s = &space{}
	}
	if p == nil {
		p = &process{}
	}
	p.tasks++
	k := &task{tid: tid, proc: p, space: s}
	t.mu.Lock()
	t.tasks[tid] = k
	t.mu.Unlock()
	return k
}

// drop ends with a task.
func (t *Tracer) drop(k *task) {
	t.release(k)
	t.bears(k, false)
	k.proc.tasks--
	t.handlers.Forget(k.tid)
	t.mu.Lock()
	if t.tasks[k.tid] == k {
		delete(t.tasks, k.tid)
	}
	t.mu.Unlock()
}

// release ends with what a task's call held.
func (t *Tracer) release(k *task) {
	if k.slot.size > 0 {
		t.page.free(k.slot)
		k.slot = slot{}
	}
	k.attempt.Close()
	k.attempt, k.after, k.done, k.made, k.entry = nil, nothing, nil, nil, false
}

// gone is the end of a tracee.
func (t *Tracer) gone(pid int, st syscall.WaitStatus) {
	if k := t.tasks[pid]; k != nil {
		t.drop(k)
		t.settle(k)
	}
	if pid == t.pid && t.cfg.Reaped != nil {
		t.cfg.Reaped(pid, st)
	}
}
