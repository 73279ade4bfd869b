package notify

import (
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// sweeper closes duplicates of sockets that no process holds any more. It
// runs while there are duplicates, and reads the descriptor tables of all
// processes: rarely enough to cost under a twentieth of one processor.
type sweeper struct {
	mu   sync.Mutex // guards everything below
	bell chan struct{}
	shut bool
	runs bool
	stop chan struct{}
	wg   sync.WaitGroup

	one sync.Mutex // a single sweep at a time
}

const (
	sweepEvery  = 500 * time.Millisecond
	sweepShare  = 20                     // pause at least this many times a sweep's length
	sweepYoung  = 300 * time.Millisecond // leave younger sockets alone
	sweepMisses = 2                      // a socket may be on its way in a message
)

// wake starts or goes on sweeping.
func (w *sweeper) wake(s *Supervisor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut {
		return
	}
	if !w.runs {
		w.runs, w.bell, w.stop = true, make(chan struct{}, 1), make(chan struct{})
		w.wg.Add(1)
		go s.sweepLoop(w)
	}
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

func (w *sweeper) close() {
	w.mu.Lock()
	if !w.shut && w.runs {
		close(w.stop)
	}
	w.shut = true
	w.mu.Unlock()
	w.wg.Wait()
}

func (s *Supervisor) sweepLoop(w *sweeper) {
	defer w.wg.Done()
	t := time.NewTimer(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-w.bell: // there is something to look after
		}
		for left := 1; left > 0; {
			select {
			case <-w.stop:
				return
			case <-t.C:
			}
			began := time.Now()
			left = s.sweep(false)
			t.Reset(max(sweepEvery, sweepShare*time.Since(began)))
		}
	}
}

// sweep looks once and says how many sockets are still remembered that a
// later sweep may end. hard: spare neither the young nor those missed once,
// because descriptors run out.
func (s *Supervisor) sweep(hard bool) int {
	s.net.sweeper.one.Lock()
	defer s.net.sweeper.one.Unlock()
	if hard && !s.net.crowded() {
		return 1 // somebody else has just done it
	}
	old, misses := time.Now().Add(-sweepYoung), sweepMisses
	if hard {
		old, misses = time.Now(), 1
	}
	s.net.mu.Lock()
	todo := make(map[uint64]*sock, len(s.net.socks))
	left := 0
	for i, k := range s.net.socks {
		if k.drop && !k.roams {
			continue // costs nothing but its entry, which is bounded
		}
		left++
		if k.born.Before(old) && k.users == 0 {
			todo[i] = k
		}
	}
	s.net.mu.Unlock()
	if len(todo) == 0 {
		return left
	}
	s.strikeLive(todo)
	var dead []remains
	s.net.mu.Lock()
	for _, k := range todo {
		if k.misses++; k.misses >= misses && k.users == 0 && !k.gone {
			if r, ok := k.remains(); ok {
				dead = append(dead, r)
			}
			s.net.bury(k, true)
			left--
		}
	}
	s.net.mu.Unlock()
	s.certify(dead)
	return left
}

// maxKept is how many duplicates are kept before a socket that is made pays
// for a sweep: few beside the descriptors a container is given.
const maxKept = 2048

// crowded says that too many duplicates are open to wait for the next sweep.
func (n *netState) crowded() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.kept >= n.crowd
}

// makeRoom sweeps if it is crowded, and doubles what counts as a crowd while
// most of it turns out to be alive.
func (s *Supervisor) makeRoom() {
	s.sweep(true)
	n := &s.net
	n.mu.Lock()
	defer n.mu.Unlock()
	n.crowd = max(maxKept, 2*n.kept)
}

// dropDead forgets those of ks that nobody holds, at once.
func (s *Supervisor) dropDead(ks []*sock) {
	todo := make(map[uint64]*sock, len(ks))
	for _, k := range ks {
		if s.stillHeld(k) {
			continue
		}
		todo[k.inode] = k
	}
	if len(todo) > 0 {
		s.strikeLive(todo)
	}
	for _, k := range todo {
		s.net.forget(k, true)
	}
}

// strikeLive takes out of todo what some process holds. A process whose table
// cannot be read may hold everything.
func (s *Supervisor) strikeLive(todo map[uint64]*sock) {
	live := func(k *sock, pid, num int) {
		k.heldBy(pid, num)
		s.net.mu.Lock()
		k.misses = 0
		s.net.mu.Unlock()
		delete(todo, k.inode)
	}
	proc, err := os.Open("/proc")
	if err != nil {
		clear(todo)
		return
	}
	names, err := proc.Readdirnames(maxProcesses)
	proc.Close()
	if err != nil {
		clear(todo)
		return
	}
	self := syscall.Getpid()
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == self {
			continue
		}
		if len(todo) == 0 {
			return
		}
		var dir *os.File
		err = s.power.as(pid, func() (err error) {
			dir, err = os.Open(s.power.path(pid, "fd"))
			return err
		})
		if err != nil {
			if os.IsNotExist(err) || !s.mayHold(pid) {
				continue
			}
			clear(todo)
			return
		}
		fds, err := dir.Readdirnames(maxDescriptors)
		if err == nil || len(fds) > 0 {
			s.strikeTable(int(dir.Fd()), pid, fds, todo, live)
		}
		dir.Close()
	}
}

// Bounds of one sweep.
const (
	maxProcesses   = 1 << 16
	maxDescriptors = 1 << 20
)

func (s *Supervisor) strikeTable(dir, pid int, fds []string, todo map[uint64]*sock, live func(k *sock, pid, num int)) {
	_ = s.power.as(pid, func() error {
		for _, f := range fds {
			l, err := linux.ReadlinkAt(dir, f)
			if err != nil {
				if err == syscall.EACCES {
					return err
				}
				continue
			}
			if in, e := parseSocketLink([]byte(l)); e == 0 {
				if k := todo[in]; k != nil {
					num, _ := strconv.Atoi(f)
					live(k, pid, num)
				}
			}
		}
		return nil
	})
}

// mayHold says whether an unreadable process could hold a socket of the tree:
// kernel threads and zombies cannot, nor who bears no more filters than we do:
// he is not below ours. (What was handed to such a one is not minded any more.)
func (s *Supervisor) mayHold(pid int) bool {
	st, err := procfs.ReadStat(pid)
	if err != nil || st.Dead() {
		return false
	}
	theirs, err := procfs.ReadConfinement(pid)
	ours, oerr := procfs.ReadConfinement(syscall.Getpid())
	return err != nil || oerr != nil || theirs.Filters < 0 || theirs.Filters > ours.Filters
}
