package notify

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// netState is what the network family knows of one process tree.
//
// Every INET and INET6 socket of the tree was made by us (net_socket.go), and
// a duplicate of it is kept here under its inode number, so that a verdict is
// carried out on the very object it was given for, whatever the caller does
// with its descriptor table or memory meanwhile.
//
// A kept duplicate has a price: the application's close sends no FIN and
// frees no port while we hold it. So a duplicate goes as soon as nothing is
// left to judge (TCP: connected or listening), and what the application
// closed before that is swept (sock_sweep.go).
//
// Lock order: sock.op before netState.mu before flights.mu; none is held while
// the Judge is asked.
type netState struct {
	// gated: the tree is in a Landlock domain in which the kernel itself
	// refuses TCP connects, so that only ours succeed. Set before the start.
	gated bool

	homeOnce sync.Once
	home     string // our network namespace, as /proc names it

	mu    sync.Mutex // guards socks, old, ghost, kept, listeners, and the fields of each sock below its comment
	socks map[uint64]*sock
	old   []uint64 // inodes of sockets without duplicate, oldest first
	ghost ghosts   // sockets that were swept
	kept  int      // duplicates open now
	crowd int      // how many are too many
	// listeners are those whose duplicates are kept (net_listening.go).
	listeners []listener

	// roaming counts the sockets through which the kernel, executing a connect
	// of the application itself, would reach an address of the application's
	// choice; and, as they may be alive, all ghosts. wild counts those among
	// them with which a send does so: all but TCP.
	roaming, wild atomic.Int64
	// sharedTables: a clone with CLONE_FILES and without CLONE_THREAD was let
	// through, so that one thread no longer means one user of a table.
	sharedTables atomic.Bool

	flights flights
	waiter  waiter
	sweeper sweeper
	dns     dnsState
	bound   bound

	noCarriers map[int]uint64 // guarded by mu: processes that take no carriers, with their start times

	carried   atomic.Uint64 // calls carried out by a borrowed caller
	contested atomic.Uint64 // calls let through although a roaming socket might be swapped in
	swaps     atomic.Uint64 // descriptors found to have changed under a call
}

// sock is one INET or INET6 socket of the tree.
type sock struct {
	inode uint64
	kind  sockKind
	at    atomic.Uint64 // holder: who was last known to hold it
	born  time.Time
	roams bool

	op sync.Mutex // serialises changes of O_NONBLOCK around a connect
	by connector  // whose connect succeeded and was not answered yet, without WAIT_KILLABLE; guarded by op

	// Guarded by netState.mu.
	fd      int // our duplicate, -1 once let go
	users   int // operations under way: the duplicate stays open
	gone    bool
	drop    bool // close the duplicate when users is 0
	asks    bool // pointed at an endpoint of package resolve
	phase   phase
	listens bool // its listen has succeeded
	misses  int  // sweeps in a row that did not find it
}

// heldBy notes who holds the socket, and under which number: first the thread
// that made it.
func (k *sock) heldBy(tid, num int) { k.at.Store(uint64(tid)<<32 | uint64(uint32(num))) }

// stillHeld says that who was last known to hold the socket still does. If
// not, others may.
func (s *Supervisor) stillHeld(k *sock) bool {
	at := k.at.Load()
	in, e := s.socketInode(int(at>>32), int(int32(at)))
	return e == 0 && in == k.inode
}

// connector is a thread and what it connected to (sumOf).
type connector struct {
	tid int
	sum uint64
}

// heard says that the thread whose connect succeeded knows.
func (k *sock) heard(c *Call) {
	if k == nil {
		return
	}
	k.op.Lock()
	if k.by.tid == c.TID() {
		k.by = connector{}
	}
	k.op.Unlock()
}

// phase is how far a socket came; without a duplicate it tells what connect
// must answer.
type phase uint8

const (
	fresh     phase = iota
	settled         // connected since the call that said EINPROGRESS: the next connect gives 0
	connected       // EISCONN from now on
	failed          // its connect failed; the duplicate is fetched back if it is connected again
)

// maxSettled bounds how many sockets without a duplicate are remembered.
const maxSettled = 8192

func (n *netState) roams(k sockKind) bool { return !n.gated || !k.tcp() }

// tally counts d roaming sockets of a kind.
func (n *netState) tally(k sockKind, d int64) {
	if !n.roams(k) {
		return
	}
	if !k.tcp() {
		n.wild.Add(d)
	}
	n.roaming.Add(d)
}

// add takes ownership of k.fd.
func (n *netState) add(k *sock) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.socks == nil {
		n.socks = make(map[uint64]*sock)
	}
	if former := n.socks[k.inode]; former != nil {
		n.remove(former) // its number is used again: it is dead
	}
	n.socks[k.inode] = k
	n.ghost.clear(k.inode)
	n.kept++
}

// hold looks a socket up and keeps its duplicate, if there is one, open until
// put. phase and fd are as of now.
func (n *netState) hold(inode uint64) *sock {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := n.socks[inode]
	if k != nil {
		k.users++
	}
	return k
}

func (n *netState) put(k *sock) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k.users--
	n.closeIfIdle(k)
}

// letGo gives the duplicate up as soon as nobody holds it and remembers the
// phase.
func (n *netState) letGo(k *sock, p phase) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k.phase = p
	if k.drop || k.gone {
		return
	}
	k.drop = true
	n.closeIfIdle(k)
	if k.roams {
		return // it still counts
	}
	n.old = append(n.old, k.inode)
	for len(n.old) > maxSettled {
		if v := n.socks[n.old[0]]; v != nil && v.drop && !v.roams {
			n.remove(v)
		}
		n.old = n.old[1:]
	}
}

// state gives the duplicate (-1: let go) and the phase of a held socket.
func (n *netState) state(k *sock) (fd int, p phase) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if k.drop {
		return -1, k.phase
	}
	return k.fd, k.phase
}

func (n *netState) isGone(k *sock) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return k.gone
}

func (n *netState) setPhase(k *sock, p phase) {
	n.mu.Lock()
	k.phase = p
	n.mu.Unlock()
}

// forget drops a socket that never reached the application, or that it seems
// to have closed.
func (n *netState) forget(k *sock, reached bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.bury(k, reached)
}

// bury removes k; a roaming socket that had reached the application stays
// behind as a ghost.
func (n *netState) bury(k *sock, reached bool) {
	if k.gone {
		return
	}
	if reached && k.roams {
		n.ghost.add(k.inode)
		n.tally(k.kind, 1) // remove takes one off
	}
	n.remove(k)
}

// roamsNow says whether a socket could carry a call of the application's own
// to an address of its choice.
func (n *netState) roamsNow(inode uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := n.socks[inode]
	return k != nil && k.roams || n.ghost.has(inode)
}

// dangerous says whether a socket must not be used so unjudged.
func (n *netState) dangerous(inode uint64, as use) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := n.socks[inode]
	switch {
	case n.ghost.has(inode):
		return true
	case k == nil:
		return false
	case as == binding:
		return true
	}
	return k.roams && (as == connecting || !k.kind.tcp())
}

// isGhost says whether a socket was swept that may still be alive.
func (n *netState) isGhost(inode uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ghost.has(inode)
}

// remove forgets k for good.
func (n *netState) remove(k *sock) {
	if k.gone {
		return
	}
	k.gone, k.drop = true, true
	if n.socks[k.inode] == k {
		delete(n.socks, k.inode)
	}
	n.tally(k.kind, -1)
	if k.asks {
		n.dns.asking.Add(-1)
	}
	n.closeIfIdle(k)
}

func (n *netState) closeIfIdle(k *sock) {
	if k.drop && k.users == 0 && k.fd >= 0 {
		linux.Close(k.fd)
		k.fd = -1
		n.kept--
	}
}

// close ends the family's goroutines and closes every duplicate.
func (n *netState) close() {
	n.waiter.close()
	n.sweeper.close()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, k := range n.socks {
		n.remove(k)
	}
}

// installed notes the number a new socket got and ends its maker's hold.
func (n *netState) installed(k *sock, num int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k.heldBy(int(k.at.Load()>>32), num)
	k.users--
	n.closeIfIdle(k)
}

// made says whether we made a socket (and remember it).
func (n *netState) made(inode uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.socks[inode] != nil || n.ghost.has(inode)
}
