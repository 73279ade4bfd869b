package notify

import (
	"encoding/binary"
	"errors"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// rewriting is a call that does what a sendmsg without address and control
// messages does. quiet: but for the SIGPIPE that the sendmsg suppresses.
type rewriting struct {
	nr       int // 0: there is none
	args     [6]uint64
	quiet    bool
	notified bool // our filter stops it
}

// message is what was read of a struct user_msghdr. It may have changed since.
type message struct{ control bool }

const pipeSignal = 1 << (syscall.SIGPIPE - 1)

// rewriteOf finds the call that stands for c's.
func (s *Supervisor) rewriteOf(c *Call) (rw rewriting, m message) {
	m.control = true
	if c.NR != sysSendmsg {
		return rw, m
	}
	var h [msghdrSize]byte
	if c.copyIn(c.Args[1], h[:]) != 0 {
		return rw, m // the kernel says so itself
	}
	u64 := func(off int) uint64 { return binary.NativeEndian.Uint64(h[off:]) }
	name, iov, count, control, controlLen := u64(0), u64(16), u64(24), u64(32), u64(40)
	m.control = control != 0 && controlLen != 0
	if m.control || name != 0 {
		return rw, m
	}
	flags := c.Args[2] & 0xffffffff
	switch {
	case count == 1:
		var v [16]byte
		if c.copyIn(iov, v[:]) != 0 {
			return rw, m
		}
		base, n := binary.NativeEndian.Uint64(v[:]), binary.NativeEndian.Uint64(v[8:])
		if n > 1<<30 {
			return rw, m
		}
		rw = rewriting{nr: syscall.SYS_SENDTO, args: [6]uint64{c.Args[0], base, n, flags, 0, 0}}
	case count > 1 && count <= maxIOV && flags&^linux.MsgNoSignal == 0:
		rw = rewriting{nr: syscall.SYS_WRITEV, args: [6]uint64{c.Args[0] & 0xffffffff, iov, count, 0, 0, 0}, quiet: flags != 0}
	}
	return rw, m
}

// rewrite has the caller make the call that stands for its own. It waits and
// is interrupted as its own would be.
func (s *Supervisor) rewrite(b *borrowed, as rewriting) {
	if as.notified {
		s.injected.expect(b.tid, injectedCall{nr: as.nr, args: as.args, answer: cont()})
	}
	var v int64
	err := b.enter(b.tid, as.nr, as.args)
	if err == nil {
		// Inside the call, where no handler can run before it returns.
		_ = linux.SetSigMask(b.tid, b.mask)
		v, err = b.result(b.tid)
	}
	if as.notified {
		s.injected.forget(b.tid) // before it can make such a call by itself
	}
	switch {
	case errors.Is(err, errFiltered):
		s.net.stubborn(&b.proc)
		b.again()
	case err != nil:
	case linux.Restarts(v):
		b.regs.Interrupted(b.ip, b.nr, b.args, v)
		b.detach()
	case v == -int64(syscall.EPIPE) && as.quiet:
		b.swallowPipe(v)
	default:
		b.release(v)
	}
}

// dissolve makes a connect with AF_UNSPEC as one whose address has room for the
// family alone: whatever is written there until the kernel reads it, it can
// only dissolve an association, never lead anywhere.
func (s *Supervisor) dissolve(c *Call) Response {
	c.Slow()
	b, err := s.borrow(c)
	switch {
	case errors.Is(err, errUnseizable):
		return s.contested(c)
	case err == nil:
		s.rewrite(b, rewriting{nr: syscall.SYS_CONNECT, args: [6]uint64{c.Args[0], c.Args[1], 2}, notified: true})
	}
	return done()
}

// swallowPipe is release for a call that has sent the caller a SIGPIPE.
func (b *borrowed) swallowPipe(v int64) {
	b.regs.Returned(b.ip, b.args, v)
	_ = linux.SetRegs(b.tid, &b.regs)
	_ = linux.SetSigMask(b.tid, noSignals&^pipeSignal)
	for sig := 0; ; {
		_ = linux.ContSyscall(b.tid, sig)
		st, err := b.wait(b.tid)
		if err != nil {
			return
		}
		sig = 0
		switch got := st.StopSignal(); {
		case uint32(st)>>16 != 0: // a group stop
			continue
		case got == syscall.SIGPIPE, got == linux.SyscallStop: // the latter: there was none (datagrams of AF_UNIX)
			_ = linux.SetSigMask(b.tid, b.mask)
			_ = linux.Detach(b.tid, 0)
			return
		default:
			sig = int(got)
		}
	}
}
