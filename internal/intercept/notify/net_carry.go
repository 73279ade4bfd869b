package notify

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// carryWhole has a carrier make the caller's own call on a socket.
func (s *Supervisor) carryWhole(b *borrowed, as use, control bool) {
	fd := int(int32(b.args[0]))
	s.carryOut(b, func(tid int) fitness { return s.fitness(tid, fd, as) }, func(k *carrier) (int64, error) {
		if !k.mayBlock(fd) {
			return k.run(b.nr, b.args)
		}
		if !control {
			// The files of others must not be held for as long as it takes.
			_ = k.only(uint64(fd))
		}
		return k.runPatiently(b.nr, b.args)
	})
}

// carryFile has a carrier make the caller's own call on descriptor fd if that
// names what was judged, and the caller begin anew if not.
func (s *Supervisor) carryFile(c *Call, fd int, judged func(*linux.Stat) bool) (Response, error) {
	c.Slow()
	b, err := s.borrow(c)
	switch {
	case errors.Is(err, syscall.ESRCH):
		return fail(syscall.EINTR), nil
	case errors.Is(err, errUnseizable):
		return Response{}, err
	case err != nil:
		return done(), nil
	}
	s.carryOut(b, func(tid int) fitness {
		if st, err := s.statFD(tid, fd); err != nil || !judged(&st) {
			return changed
		}
		return fits
	}, func(k *carrier) (int64, error) { return k.run(b.nr, b.args) })
	return done(), nil
}

// statFD looks at what a descriptor of a task names.
func (s *Supervisor) statFD(tid, fd int) (st linux.Stat, err error) {
	err = s.power.as(tid, func() error {
		return linux.StatAt(linux.AtFDCWD, s.power.path(tid, "fd/"+strconv.Itoa(fd)), &st, 0)
	})
	return st, err
}

// carryOut has a carrier make a call by run, if its descriptor, which nobody
// can change any more, is found fit.
func (s *Supervisor) carryOut(b *borrowed, look func(tid int) fitness, run func(k *carrier) (int64, error)) {
	k, err := b.carrier()
	if err != nil {
		if !errors.Is(err, errGone) {
			s.net.stubborn(&b.proc)
			b.again()
		}
		return
	}
	var v int64
	fit := look(k.tid)
	if fit == fits {
		if v, err = run(k); v == -int64(syscall.EPIPE) {
			// The signal that comes with it went to the carrier, which keeps it.
			if st, _, err := procfs.ReadFile(procfs.Path(k.tid, "status"), procfs.MaxStatus); err == nil && signalSet(st, "\nSigPnd:\t")&pipeSignal != 0 {
				_ = linux.Tgkill(b.proc.PID, b.tid, syscall.SIGPIPE)
			}
		}
	}
	if k.end() != nil {
		return
	}
	switch {
	case fit == changed:
		s.net.swaps.Add(1)
		b.again()
	case fit == unfit:
		b.release(-int64(syscall.EACCES))
	case err != nil:
		b.release(-int64(syscall.ENOBUFS))
	case linux.Restarts(v):
		b.restart()
	default:
		b.release(v)
	}
}

// fitness says whether a call may be made on a descriptor that nobody can
// change any more.
type fitness uint8

const (
	fits    fitness = iota
	changed         // it is not what it was: judge anew
	unfit           // it is a socket from outside that could lead anywhere
)

// fitness looks at descriptor fd of a task. Sends over TCP go where the
// connection leads; connecting a TCP socket is the kernel's to refuse where
// the tree is gated.
func (s *Supervisor) fitness(tid, fd int, as use) fitness {
	inode, e := s.socketInode(tid, fd)
	if e != 0 || s.net.dangerous(inode, as) {
		return changed
	}
	switch proto := s.protocolOf(tid, fd); {
	case proto == "":
		return changed
	case !internet(proto):
		return fits
	case strings.HasPrefix(proto, "TCP") && (as == sending || as == connecting && s.net.gated):
		return fits
	}
	return unfit
}

// protocolOf names the protocol of a descriptor that is a socket; "": unknown.
func (s *Supervisor) protocolOf(tid, fd int) (proto string) {
	_ = s.power.as(tid, func() (err error) {
		proto, err = linux.SocketProtocol(s.power.path(tid, "fd/"+strconv.Itoa(fd)))
		return err
	})
	return proto
}

// internet says whether sockets of a protocol, as the kernel names it, reach
// hosts that outbound rules are about.
func internet(proto string) bool {
	for _, p := range []string{"TCP", "UDP", "RAW", "PING", "MPTCP", "SCTP", "DCCP", "L2TP", "SMC"} {
		if strings.HasPrefix(proto, p) {
			return true
		}
	}
	return false
}

// mayBlock says whether the call of a carrier can wait: the descriptor is a
// blocking one, and no flag says otherwise.
func (k *carrier) mayBlock(fd int) bool {
	switch k.b.nr {
	case sysSendmsg:
		if k.b.args[2]&linux.MsgDontWait != 0 {
			return false
		}
	case sysSendmmsg:
		if k.b.args[3]&linux.MsgDontWait != 0 {
			return false
		}
	}
	var b []byte
	_ = k.b.s.power.as(k.tid, func() (err error) {
		b, _, err = procfs.ReadFile(procfs.Path(k.tid, "fdinfo/"+strconv.Itoa(fd)), 256)
		return err
	})
	_, rest, ok := bytes.Cut(b, []byte("flags:\t"))
	line, _, _ := bytes.Cut(rest, []byte{'\n'})
	flags, err := strconv.ParseUint(string(line), 8, 64)
	return !ok || err != nil || flags&syscall.O_NONBLOCK == 0
}

// maxStubborn bounds the set of processes in which no carrier can be made.
const maxStubborn = 1024

// stubborn notes that a process takes no carriers.
func (n *netState) stubborn(p *action.Process) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.noCarriers == nil || len(n.noCarriers) >= maxStubborn {
		n.noCarriers = make(map[int]uint64)
	}
	n.noCarriers[p.PID] = p.StartTime
}

func (n *netState) isStubborn(p *action.Process) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, ok := n.noCarriers[p.PID]
	return ok && at == p.StartTime
}
