package notify

import (
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/intercept/relay"
	"github.com/limpet-security/limpet/internal/intercept/resolve"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/kernel/stage"
)

// Config of a Supervisor.
type Config struct {
	Judge  intercept.Judge
	Logger *slog.Logger // nil: discard
	// Arms are the dear classes of calls that are notified. Threads and clones
	// with a shared descriptor table are asked about without them.
	Arms seccomp.Arms
	// Own are the enforcer's own files and folders, as canonical paths: nobody
	// in the tree may change them.
	Own []string
	// Names answers the workload's questions to name servers. nil: nobody does.
	Names *resolve.Resolver
	// Relay looks at the first words of connections. nil: nobody does.
	Relay *relay.Relay
	// Protect lists pids besides our own that nobody in the tree may signal,
	// as the tree's pid namespace numbers them.
	Protect []int
	// Reaped receives the status of a child of ours that a tracer thread had
	// to take. nil: dropped.
	Reaped func(pid int, st syscall.WaitStatus)
	// Fault receives a panic of a handler, after the call was refused.
	Fault func(syscallName string, v any)

	noGate     bool // tests: do as if there were no Landlock
	noScope    bool // tests: do as if Landlock could not confine signals
	noKillable bool // tests: do as if there were no WAIT_KILLABLE_RECV
	noTrace    bool // tests: do as if nobody could be traced
	noBorrow   bool // tests: leave to the kernel what callers are borrowed for
}

// Supervisor answers the calls of one process tree.
type Supervisor struct {
	cfg      Config
	listener int
	self     int  // our own pid
	pid      int  // the first child
	killable bool // a call that was received is interrupted by fatal signals only
	routes   *[maxSyscall]route
	lent     bool // there is no listener: another engine stops the callers (lent.go)
	tasks    taskTable
	count    taskCount
	power    power
	mark     *stage.Mark // on the tree
	room     room
	open     bool // to signals of the tree, but for what the filter stops
	injected injections
	net      netState
	files    fileState
	brief    brief
	unheard  unheard
	shells   shells
	images   seenImages
	heads    heads
	names    knownNames
	began    beginners
	// traceless: nobody can be traced (rung A3); the first exec decides.
	traceless atomic.Bool
	roots     atomic.Bool // a task may have another root than ours
	begun     atomic.Bool // the helper has become the command
	// What the tree was ever let do, so that questions which cannot have an
	// interesting answer yet are not asked.
	identities atomic.Bool // change its ids
	threads    atomic.Bool // have threads
	// sharedMemory: processes may share memory and both run (CLONE_VM alone).
	sharedMemory atomic.Bool
	sockets      atomic.Bool // have sockets

	devices devices

	lead    lead
	wg      sync.WaitGroup
	workers atomic.Int32
	keepers atomic.Int32 // threads that stay with callers (keeper.go)
	closed  atomic.Bool
	leader  atomic.Int32 // tid of the thread in RECV
	faults  atomic.Uint64
	blinded atomic.Bool // somebody who cannot be looked at was let be
	done    chan struct{}
	once    sync.Once
}

// Bounds of the worker pool: enough that a thousand blocked calls leave a
// thread for the others, few enough to stay in a small task's memory.
const (
	minWorkers = 2
	maxWorkers = 512
	// maxIdle threads wait for the lead after a burst; the others end.
	maxIdle = spareThreads
	// maxClose is how long Close waits for calls that are being carried out.
	maxClose = 2 * time.Second
)

type worker struct {
	tid   atomic.Int32 // of its thread
	leads atomic.Bool
	call  *Call
	// rested is when it last showed itself to Go's scheduler (rest).
	rested time.Time
	came   time.Time     // when the last call came
	apart  time.Duration // from the one before
}

// PID is the first child.
func (s *Supervisor) PID() int { return s.pid }

// Done is closed when no task uses the filter any more, or after Close.
func (s *Supervisor) Done() <-chan struct{} { return s.done }

// Faults counts handler panics so far.
func (s *Supervisor) Faults() uint64 { return s.faults.Load() }

// Close stops answering: every governed call of what is left of the tree
// fails with ENOSYS from then on. It waits for the workers, but not for ever:
// a thread that waits for somebody else's exec or connect ends with us.
func (s *Supervisor) Close() {
	s.closed.Store(true)
	s.shells.end()
	for deadline := time.Now().Add(maxClose); s.workers.Load() > 0; {
		if time.Now().After(deadline) {
			s.cfg.Logger.Warn("calls are still being carried out", "threads", s.workers.Load())
			return
		}
		if tid := s.leader.Load(); tid != 0 {
			_ = linux.Tgkill(syscall.Getpid(), int(tid), syscall.SIGURG)
		}
		s.lead.wakeAll()
		time.Sleep(time.Millisecond)
	}
	s.wg.Wait()
	s.finish()
}

func (s *Supervisor) finish() {
	s.once.Do(func() {
		s.shells.end()
		s.net.close() // its waits still answer
		linux.Close(s.listener)
		s.tasks.close()
		s.count.close()
		s.room.close()
		close(s.done)
	})
}

func (s *Supervisor) start() {
	for range minWorkers {
		s.hire()
	}
}

func (s *Supervisor) hire() {
	if n := s.workers.Add(1); n > maxWorkers || n > spareThreads && !s.room.left() {
		s.workers.Add(-1)
		return
	}
	s.wg.Add(1)
	go s.work()
}

// abdicate gives the lead to a sleeping worker, hiring one if none sleeps.
func (s *Supervisor) abdicate() {
	if s.lead.waiting.Load() == 0 {
		s.hire()
	}
	s.lead.unlock()
}

// aside gives the lead away if the calling thread has it.
func (s *Supervisor) aside() {
	if w := s.brief.leader.Load(); w != nil && int(w.tid.Load()) == linux.Gettid() && w.leads.CompareAndSwap(true, false) {
		s.abdicate()
	}
}

func (s *Supervisor) work() {
	defer s.wg.Done()
	runtime.LockOSThread() // the thread ends with its worker, and its ptrace links with it (but see rest)
	w := &worker{}
	w.tid.Store(int32(linux.Gettid()))
	defer func() {
		if s.workers.Add(-1) == 0 {
			go s.finishWhenIdle()
		}
		s.room.gone() // with its thread
	}()
	for !s.closed.Load() && s.lead.waiting.Load() < maxIdle {
		s.lead.lock(&s.closed)
		w.leads.Store(true)
		s.brief.leader.Store(w)
		if s.closed.Load() {
			s.lead.unlock()
			return
		}
		s.leader.Store(w.tid.Load())
		s.receive(w)
	}
}

func (s *Supervisor) finishWhenIdle() {
	s.wg.Wait()
	s.finish()
}

// receive answers calls until the lead is given away or everything is over.
func (s *Supervisor) receive(w *worker) {
	for {
		c := w.call
		if c == nil {
			c = &Call{s: s}
			w.call = c
		}
		c.reset(w)
		s.brief.since.Store(0)
		s.await(w)
		switch e := linux.Recv(s.listener, &c.Notification); e {
		case 0:
		case syscall.EINTR:
			if s.closed.Load() {
				s.leader.Store(0)
				s.lead.unlock()
				return
			}
			continue
		default:
			if e == syscall.ENOENT && !linux.HungUp(s.listener, 0) {
				continue // the caller died before we came
			}
			if e != syscall.ENOENT {
				s.cfg.Logger.Error("cannot receive from the listener", "errno", e)
			}
			s.closed.Store(true)
			s.leader.Store(0)
			s.lead.unlock()
			s.lead.wakeAll()
			return
		}
		now := time.Now()
		w.apart, w.came = now.Sub(w.came), now
		r := s.dispatch(c)
		switch {
		case r.ended:
			c.answered.Store(true)
			c.mem.close()
		case r.postpone:
			w.call = nil
		default:
			s.send(c, r)
			c.mem.close()
		}
		if !w.leads.Load() {
			return
		}
		s.rest(w, w.came)
	}
}

// Waiting for calls that come now and then.
const (
	often  = 2 * time.Millisecond // apart: nothing is gained
	wakes  = 8 * time.Millisecond
	attent = 32 // waits in a row before the scheduler is told after all
)

// await waits for a call without telling Go's scheduler. Of a thread that waits
// in RECV for 10 ms its monitor thread takes the processor away, and then looks
// around every 20 us for a while: with a compiler run every now and then that was
// a fifth of our time. GOMAXPROCS leaves others enough meanwhile.
func (s *Supervisor) await(w *worker) {
	for n := 0; w.apart >= often && n < attent && !s.closed.Load() && !linux.AwaitCall(s.listener, wakes); n++ {
		s.rest(w, time.Now())
	}
}

// stint is how long a worker answers calls before it shows itself to Go's
// scheduler. One that did not for 10 ms counts as stuck there: the runtime's
// monitor thread takes its processor away in each system call and looks again
// every 20 us.
const stint = 9 * time.Millisecond

// rest begins a new stint when one is over. Between two calls a worker traces
// nobody and is nobody else, so it may go on in another thread: the scheduler
// would take two more threads to give a locked goroutine its turn again.
func (s *Supervisor) rest(w *worker, now time.Time) {
	if now.Sub(w.rested) <= stint {
		return
	}
	w.rested = now
	runtime.UnlockOSThread()
	runtime.Gosched()
	runtime.LockOSThread()
	if tid := int32(linux.Gettid()); tid != w.tid.Swap(tid) {
		s.leader.Store(tid)
	}
}

func (c *Call) reset(w *worker) {
	c.Notification = linux.Notification{}
	c.w = w
	c.task = nil
	c.answered.Store(false)
	c.acted, c.made, c.blind = false, nil, false
	c.mem.fd, c.mem.at = -1, 0
}

// send answers a call; false: its caller no longer waits for it.
func (s *Supervisor) send(c *Call, r Response) bool {
	if r.Kill {
		s.kill(c)
	}
	reply := linux.Reply{ID: c.ID, Val: r.Val, Error: -int32(r.Errno)}
	if r.Continue {
		reply.Flags = linux.ReplyContinue
	}
	if r.Errno != 0 {
		reply.Val = 0
	}
	if c.acted {
		// First, for the call may be made again before we know.
		s.unheard.keep(c, r)
		c.awaitSleep()
	}
	e := linux.Send(s.listener, &reply)
	if e == 0 && c.acted {
		s.unheard.forget(c)
		c.made.heard(c)
	}
	if e != 0 && e != syscall.ENOENT {
		s.cfg.Logger.Error("cannot answer a call", "tid", c.TID(), "errno", e)
	}
	return e == 0
}

// kill ends the caller's process. The call is still unanswered, so the pid
// is still the caller's.
func (s *Supervisor) kill(c *Call) {
	pid := c.Process().PID
	if !c.Valid() || pid <= 1 {
		return
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.cfg.Logger.Error("cannot kill a denied process", "pid", pid, "error", err)
	}
}

// lead is the right to use the listener: a futex lock that knows how many
// threads wait for it.
type lead struct {
	state   uint32
	waiting atomic.Int32
}

func (l *lead) lock(closed *atomic.Bool) {
	if atomic.CompareAndSwapUint32(&l.state, 0, 1) {
		return
	}
	l.waiting.Add(1)
	for !atomic.CompareAndSwapUint32(&l.state, 0, 1) {
		linux.FutexWait(&l.state, 1)
		if closed.Load() {
			// Let whoever holds it finish, without sleeping for ever.
			runtime.Gosched()
		}
	}
	l.waiting.Add(-1)
}

func (l *lead) unlock() {
	atomic.StoreUint32(&l.state, 0)
	if l.waiting.Load() > 0 {
		linux.FutexWake(&l.state, 1)
	}
}

func (l *lead) wakeAll() { linux.FutexWake(&l.state, maxWorkers) }
