package notify

import (
	"bytes"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// flights remembers the calls on descriptors that were let through to the
// kernel because no roaming socket existed that could be swapped in.
//
// Between our CONTINUE and the kernel's look at the descriptor there is a
// moment in which the caller may be kept from running (a low priority on a
// busy machine). A roaming socket must not come into being in that moment, so
// its making waits until every such caller has been seen past it: asleep, gone,
// in a later call, or having run for pastRuntime since.
type flights struct {
	mu  sync.Mutex
	tid map[int]bool // whether the call is a connect
}

// pastRuntime is far more processor time than lies between the end of a
// notification and the descriptor lookup (under a microsecond).
const pastRuntime = 2 * time.Millisecond

// maxFlights is where the set is cleaned of callers that are long past.
const maxFlights = 1024

// departWith answers c with CONTINUE if no socket exists that roams in such a
// call, and says whether it did. The answer is sent under the lock, so that whoever finds the
// caller in the set finds it answered.
func (n *netState) departWith(c *Call, connecting bool) bool {
	count := &n.wild
	if connecting {
		count = &n.roaming
	}
	if count.Load() != 0 {
		return false
	}
	tid := c.TID()
	n.flights.mu.Lock()
	defer n.flights.mu.Unlock()
	if count.Load() != 0 {
		return false
	}
	if n.flights.tid == nil {
		n.flights.tid = make(map[int]bool)
	}
	if len(n.flights.tid) >= maxFlights {
		n.landed(true)
	}
	n.flights.tid[tid] = connecting
	c.Answer(cont())
	return true
}

// announce counts a roaming socket that is about to be made. From here on
// nothing departs. It says whether all who departed before have arrived; the
// caller itself has, since it makes another call.
func (n *netState) announce(caller int, k sockKind) bool {
	n.flights.mu.Lock()
	defer n.flights.mu.Unlock()
	n.tally(k, 1)
	delete(n.flights.tid, caller)
	return n.landed(!k.tcp())
}

// landed says whether the connects, and the sends if a socket is wild, that
// departed have arrived.
func (n *netState) landed(wild bool) bool {
	out := 0
	for t, connecting := range n.flights.tid {
		if arrived(t) {
			delete(n.flights.tid, t)
		} else if connecting || wild {
			out++
		}
	}
	return out == 0
}

// await waits until all who departed have arrived, at most for limit.
func (n *netState) await(limit time.Duration, wild bool) bool {
	began := make(map[int]uint64)
	for end := time.Now().Add(limit); ; time.Sleep(200 * time.Microsecond) {
		n.flights.mu.Lock()
		if n.landed(wild) {
			n.flights.mu.Unlock()
			return true
		}
		for t := range n.flights.tid {
			ran, ok := runtimeOf(t)
			if !ok {
				continue
			}
			if first, known := began[t]; !known {
				began[t] = ran
			} else if ran-first >= uint64(pastRuntime) {
				delete(n.flights.tid, t)
			}
		}
		n.flights.mu.Unlock()
		if time.Now().After(end) {
			return false
		}
	}
}

// arrived says that a thread sleeps, is stopped or is gone. After our answer
// it was runnable, so it has run since, and the kernel does not let it sleep
// interruptibly before the descriptor has been looked up.
func arrived(tid int) bool {
	var buf [512]byte
	b, e := readSmall(procfs.Path(tid, "stat"), buf[:])
	if e != 0 {
		return e == syscall.ENOENT || e == syscall.ESRCH
	}
	i := bytes.LastIndexByte(b, ')')
	if i < 0 || i+2 >= len(b) {
		return false
	}
	switch b[i+2] {
	case 'S', 'T', 't', 'Z', 'X':
		return true
	}
	return false
}

// runtimeOf is the processor time a thread has had, in nanoseconds.
func runtimeOf(tid int) (uint64, bool) {
	var buf [128]byte
	b, e := readSmall(procfs.Path(tid, "schedstat"), buf[:])
	if e != 0 {
		return 0, false
	}
	f, _, _ := bytes.Cut(b, []byte{' '})
	v, err := strconv.ParseUint(string(f), 10, 64)
	return v, err == nil
}

func readSmall(path string, b []byte) ([]byte, syscall.Errno) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		e, _ := err.(syscall.Errno)
		return nil, e
	}
	defer syscall.Close(fd)
	n, err := syscall.Read(fd, b)
	if err != nil {
		e, _ := err.(syscall.Errno)
		return nil, e
	}
	return b[:n], 0
}
