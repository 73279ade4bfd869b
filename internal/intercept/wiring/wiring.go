package wiring

import (
	"net/netip"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// Kind is what a descriptor is an end of.
type Kind uint8

// Kinds.
const (
	Other    Kind = iota
	Pipe          // with or without a name
	Terminal      // of the slave's side
	Pair          // a unix socket
	Inet
)

// Bounds of one look.
const (
	maxEnds  = 1 << 16
	maxSteps = 4 // processes between a shell and the connection
	MaxPeers = 8 // of one process
)

// Relay is a process that has a connection.
type Relay struct {
	PID    int
	TID    int              // of a thread that goes on: the first may have ended
	Peers  []netip.AddrPort // at most MaxPeers, far ones first
	Inodes []uint64         // of those sockets
}

// Wiring is how a process hangs on the network.
type Wiring struct {
	In, Out Relay
	Via     Kind // of the standard input
	// Dialogue says that the wiring serves nothing but a dialogue: a terminal, a
	// connection of its own, a pair that is input and output at once, different
	// processes at both ends. A
	// program that has pipes to and from one process may just be used by it.
	Dialogue bool
}

// hold is one descriptor of one process, in the table of one of its threads.
type hold struct{ pid, tid, fd int }

// of is a descriptor of a process's first thread.
func of(pid, fd int) hold { return hold{pid, pid, fd} }

// Look is what one look at all processes shows.
type Look struct {
	as      As
	holders map[string][]hold // by what stands in /proc/PID/fd; masters of terminals as "master:N"
	links   map[hold]string
	inet    map[string]netip.AddrPort // connected sockets, by the same words
	owned   map[int][]hold            // connected sockets, by process
	pairs   map[uint64]uint64         // unix sockets by their peers; nil: not asked yet
	trail   map[string]bool
	joining int
	peer    netip.AddrPort
}

// Joining has a process count as connected to peer, which it is about to be.
func (l *Look) Joining(pid int, peer netip.AddrPort) { l.joining, l.peer = pid, peer }

// Of says how the standard input of a process, and its output or its error
// output, hang on the network; false: they do not both.
func (l *Look) Of(pid int) (w Wiring, ok bool) {
	l.trail = make(map[string]bool)
	in, fed := l.follow(of(pid, 0), false, maxSteps)
	out, heard := l.follow(of(pid, 1), true, maxSteps)
	if !heard {
		out, heard = l.follow(of(pid, 2), true, maxSteps)
	}
	link := l.links[of(pid, 0)]
	w = Wiring{In: in, Out: out, Via: l.kind(link)}
	if w.Via == Inet && !heard {
		w.Out, heard = in, true // it can answer where it is asked
	}
	if !fed || !heard {
		return w, false
	}
	both := link == l.links[of(pid, 1)] || link == l.links[of(pid, 2)]
	w.Dialogue = w.Via == Terminal || w.Via == Inet || w.Via == Pair && both || in.PID != w.Out.PID
	return w, true
}

// Trail is what Of came by: who holds none of it cannot change the answer, as
// long as nobody in between opens something new.
func (l *Look) Trail() map[string]bool { return l.trail }

// Holds says whether a process holds something of a trail. It looks at that
// process alone.
func Holds(as As, pid int, trail map[string]bool) (found bool) {
	l := &Look{as: as, holders: make(map[string][]hold), links: make(map[hold]string)}
	if as(pid, func() error { return l.process(pid, make([]byte, 16<<10)) }) != nil {
		return true // it has to be looked at in full
	}
	for link := range l.holders {
		found = found || trail[link]
	}
	return found
}

// Kind says what a descriptor of a process is an end of.
func (l *Look) Kind(pid, fd int) Kind { return l.kind(l.links[of(pid, fd)]) }

func (l *Look) kind(link string) Kind {
	switch {
	case strings.HasPrefix(link, "pipe:["):
		return Pipe
	case strings.HasPrefix(link, "/dev/pts/"):
		return Terminal
	case strings.HasPrefix(link, "socket:["):
		if _, ok := l.inet[link]; ok {
			return Inet
		}
		return Pair
	case strings.HasPrefix(link, "/"):
		return Pipe // if it is one: see fifo
	}
	return Other
}

// follow finds who, with a connection, is at the other end of a descriptor:
// who reads what is written to it, or else who writes what is read from it.
func (l *Look) follow(from hold, reads bool, steps int) (Relay, bool) {
	link := l.links[from]
	other := link // what the other end shows
	switch l.kind(link) {
	case Inet:
		return l.connections(from.pid)
	case Pipe:
		if link[0] == '/' && !l.fifo(from) {
			return Relay{}, false
		}
	case Terminal:
		other = "master:" + strings.TrimPrefix(link, "/dev/pts/")
	case Pair:
		other = l.otherOf(link)
	default:
		return Relay{}, false
	}
	if l.trail != nil {
		l.trail[other] = true
	}
	var next []hold
	for _, h := range l.holders[other] {
		if h.pid == from.pid || l.kind(link) == Pipe && !l.opened(h, reads, link[0] == '/') {
			continue
		}
		if r, ok := l.connections(h.pid); ok {
			return r, true
		}
		fd := 0
		if reads {
			fd = 1
		}
		next = append(next, hold{h.pid, h.tid, fd})
	}
	if steps == 0 {
		return Relay{}, false
	}
	for _, h := range next {
		if l.links[h] == link {
			continue // it holds the same pipe from both sides
		}
		if r, ok := l.follow(h, reads, steps-1); ok {
			return r, true
		}
	}
	return Relay{}, false
}

// connections gives the connected INET sockets of a process.
func (l *Look) connections(pid int) (r Relay, ok bool) {
	r.PID, r.TID = pid, pid
	if pid == l.joining {
		r.Peers, r.Inodes = append(r.Peers, l.peer), append(r.Inodes, 0)
	}
	for _, far := range []bool{true, false} {
		for _, h := range l.owned[pid] {
			link := l.links[h]
			r.TID = h.tid
			if peer := l.inet[link]; len(r.Peers) < MaxPeers && peer.Addr().IsLoopback() != far {
				n, _ := socketInode(link)
				r.Peers, r.Inodes = append(r.Peers, peer), append(r.Inodes, n)
			}
		}
	}
	return r, len(r.Peers) > 0
}

// fifo says whether a descriptor with a path is a named pipe.
func (l *Look) fifo(h hold) bool {
	var st linux.Stat
	err := l.as(h.pid, func() error { return linux.StatAt(linux.AtFDCWD, fdPath(h), &st, 0) })
	return err == nil && st.Mode&syscall.S_IFMT == syscall.S_IFIFO
}

// opened says whether a descriptor is open for reading, or for writing.
func (l *Look) opened(h hold, reads, named bool) bool {
	if named && !l.fifo(h) {
		return false
	}
	var st linux.Stat
	err := l.as(h.pid, func() error { return linux.StatAt(linux.AtFDCWD, fdPath(h), &st, linux.AtSymNofollow) })
	if reads {
		return err == nil && st.Mode&0o400 != 0
	}
	return err == nil && st.Mode&0o200 != 0
}

func fdPath(h hold) string { return procfs.Path(h.tid, "fd/"+itoa(h.fd)) }
