package notify

import (
	"bytes"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// waiter carries on what would block: one goroutine over an epoll descriptor
// for any number of connects and sends under way, so that a thousand connects
// into a black hole cost a thousand descriptors and no thread.
//
// A caller that waits natively can be interrupted by a signal or die. The
// kernel tells us neither (a killable wait sleeps through signals), so every
// tick the waiter looks.
type waiter struct {
	mu   sync.Mutex // guards everything below
	ep   int
	bell int // eventfd that wakes the goroutine
	ops  map[uint64]*waitOp
	next uint64
	runs bool
	shut bool
	wg   sync.WaitGroup
}

// tick is how long a signal to a blocked caller may go unseen.
const tick = 20 * time.Millisecond

// Beyond longWait ticks a signal may go unseen longShare times as long.
const (
	longWait  = 50
	longShare = 8
)

// maxWaits bounds the operations under way; beyond it callers get ENOBUFS.
const maxWaits = 16384

// waitOp is one operation under way.
type waitOp struct {
	id     uint64
	fd     int // a duplicate of the socket for the waiter alone
	k      *sock
	call   *Call // nil: nobody waits
	until  time.Time
	events uint32 // 0: EpollOut
	looks  int    // how often was looked after the caller
	noted  int    // ticks in a row with a pending signal
	// retry tries again without blocking. more: not yet.
	retry  func() (r Response, more bool)
	finish func() // called at the end whatever it was; nil: nothing
	// late is the answer when until has passed.
	late Response
	// broken is the answer when a signal ends the wait.
	broken Response
}

// wait takes op over, and with it, if somebody waits, the hold on op.k. false:
// too many are under way; nothing was taken.
func (s *Supervisor) wait(op *waitOp) bool {
	w := &s.net.waiter
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut || len(w.ops) >= maxWaits || !w.startLocked(s) {
		return false
	}
	fd, err := linux.Dup(op.k.fd)
	if err != nil {
		return false
	}
	if op.events == 0 {
		op.events = linux.EpollOut
	}
	w.next++
	op.id, op.fd = w.next, fd
	if err := linux.EpollAdd(w.ep, fd, op.events|linux.EpollOneShot, op.id); err != nil {
		linux.Close(fd)
		return false
	}
	w.ops[op.id] = op
	if len(w.ops) == 1 {
		linux.Ring(w.bell) // the goroutine sleeps without ticking
	}
	return true
}

func (w *waiter) startLocked(s *Supervisor) bool {
	if w.runs {
		return true
	}
	ep, err := linux.NewEpoll()
	if err != nil {
		return false
	}
	bell, err := linux.EventFD()
	if err != nil {
		linux.Close(ep)
		return false
	}
	if err := linux.EpollAdd(ep, bell, linux.EpollIn, 0); err != nil {
		linux.Close(ep)
		linux.Close(bell)
		return false
	}
	w.ep, w.bell, w.ops, w.runs = ep, bell, make(map[uint64]*waitOp), true
	w.wg.Add(1)
	go s.waitLoop(w)
	return true
}

func (w *waiter) close() {
	w.mu.Lock()
	w.shut = true
	runs := w.runs
	if runs {
		linux.Ring(w.bell)
	}
	w.mu.Unlock()
	w.wg.Wait()
}

func (s *Supervisor) waitLoop(w *waiter) {
	defer w.wg.Done()
	evs := make([]linux.EpollEvent, 64)
	last := time.Now()
	for {
		w.mu.Lock()
		ms := int(tick / time.Millisecond)
		if len(w.ops) == 0 {
			ms = -1
		}
		shut := w.shut
		w.mu.Unlock()
		if shut {
			break
		}
		n, err := linux.EpollWait(w.ep, evs, ms)
		if err != nil {
			s.cfg.Logger.Error("cannot wait for sockets", "error", err)
			break
		}
		for i := range n {
			id := linux.EpollKey(&evs[i])
			if id == 0 {
				linux.Silence(w.bell)
				continue
			}
			w.mu.Lock()
			op := w.ops[id]
			w.mu.Unlock()
			if op != nil {
				s.resume(w, op)
			}
		}
		if now := time.Now(); now.Sub(last) >= tick {
			last = now
			s.lookAround(w, now)
		}
	}
	w.mu.Lock()
	ops := w.ops
	w.ops = nil
	w.shut, w.runs = true, false
	w.mu.Unlock()
	for _, op := range ops {
		s.end(w, op, fail(syscall.EINTR))
	}
	linux.Close(w.ep)
	linux.Close(w.bell)
}

func (s *Supervisor) resume(w *waiter, op *waitOp) {
	if op.call != nil && !op.call.Valid() {
		s.end(w, op, Response{})
		return
	}
	r, more := op.retry()
	if !more {
		s.end(w, op, r)
		return
	}
	if err := linux.EpollRearm(w.ep, op.fd, op.events|linux.EpollOneShot, op.id); err != nil {
		s.end(w, op, fail(syscall.ENOBUFS))
	}
}

// end answers and forgets. The duplicate may go before the caller knows.
func (s *Supervisor) end(w *waiter, op *waitOp, r Response) {
	w.mu.Lock()
	delete(w.ops, op.id)
	w.mu.Unlock()
	linux.EpollDel(w.ep, op.fd)
	linux.Close(op.fd)
	if op.call != nil {
		s.net.put(op.k)
	}
	if op.finish != nil {
		op.finish()
	}
	if op.call != nil {
		op.call.Answer(r)
	}
}

// lookAround ends the waits whose caller is gone, was signalled, or ran out
// of time.
func (s *Supervisor) lookAround(w *waiter, now time.Time) {
	w.mu.Lock()
	ops := make([]*waitOp, 0, len(w.ops))
	for _, op := range w.ops {
		ops = append(ops, op)
	}
	w.mu.Unlock()
	for _, op := range ops {
		switch {
		case op.call == nil:
			if now.After(op.until) || s.net.isGone(op.k) {
				s.end(w, op, Response{})
			}
		case !op.call.Valid():
			s.end(w, op, Response{})
		case !op.until.IsZero() && now.After(op.until):
			s.end(w, op, op.late)
		default:
			// One that waits for long (accept) is looked after less often.
			if op.looks++; op.looks > longWait && op.looks%longShare != 0 {
				continue
			}
			own, shared := pendingSignals(op.call.TID())
			if own || shared {
				op.noted++
			} else {
				op.noted = 0
			}
			// A signal to the whole process goes to any thread that does not
			// block it; if it is still there at the next look, it is ours.
			if own || op.noted > 1 {
				s.end(w, op, op.broken)
			}
		}
	}
}

// pendingSignals says whether a signal waits that the thread does not block:
// one sent to it, or to its process.
func pendingSignals(tid int) (own, shared bool) {
	b, _, err := procfs.ReadFile(procfs.Path(tid, "status"), procfs.MaxStatus)
	if err != nil {
		return false, false
	}
	return unblocked(b, signalSet(b, "\nSigBlk:\t"))
}

// pendingAgainst is pendingSignals under another mask than the thread has now.
func pendingAgainst(tid int, blocked uint64) (own, shared bool) {
	b, _, err := procfs.ReadFile(procfs.Path(tid, "status"), procfs.MaxStatus)
	if err != nil {
		return false, false
	}
	return unblocked(b, blocked)
}

func unblocked(status []byte, blocked uint64) (own, shared bool) {
	return signalSet(status, "\nSigPnd:\t")&^blocked != 0, signalSet(status, "\nShdPnd:\t")&^blocked != 0
}

func signalSet(status []byte, key string) uint64 {
	_, rest, ok := bytes.Cut(status, []byte(key))
	if !ok {
		return 0
	}
	line, _, _ := bytes.Cut(rest, []byte{'\n'})
	v, err := strconv.ParseUint(string(line), 16, 64)
	if err != nil {
		return 0
	}
	return v
}
