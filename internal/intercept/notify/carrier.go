package notify

import (
	"fmt"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// carrier is a thread of a borrowed caller's process whose descriptor table is
// a private copy: what a number names there cannot be changed by anybody, so
// that it can be looked at first and used afterwards. In everything else
// (process id, credentials, memory, limits) it is the caller.
//
// It holds every open file of the process while it lives, so that another
// thread's close takes effect only when it ends. It therefore lives for
// microseconds, and sheds its other descriptors before a call that may block.
type carrier struct {
	b   *borrowed
	tid int
}

// Flags of clone for a carrier: a thread, but with a table of its own.
const carrierFlags = syscall.CLONE_VM | syscall.CLONE_FS | syscall.CLONE_SIGHAND | syscall.CLONE_THREAD | syscall.CLONE_SYSVSEM

// carrier makes one. The caller stays stopped inside its clone until end.
func (b *borrowed) carrier() (*carrier, error) {
	tid, err := b.thread(carrierFlags)
	if err != nil {
		return nil, err
	}
	return &carrier{b: b, tid: tid}, nil
}

// thread has the caller make a thread, which is stopped before its first
// instruction. The caller is stopped inside its clone.
func (b *borrowed) thread(flags uint64) (tid int, err error) {
	args := [6]uint64{flags}
	b.s.injected.expect(b.tid, injectedCall{nr: syscall.SYS_CLONE, args: args, answer: cont()})
	defer b.s.injected.forget(b.tid)
	if err := b.enter(b.tid, syscall.SYS_CLONE, args); err != nil {
		return 0, err
	}
	st, err := b.next(b.tid)
	if err != nil {
		return 0, err
	}
	if uint32(st)>>16 != linux.EventClone {
		var r linux.Regs
		if linux.GetRegs(b.tid, &r) != nil {
			return 0, errGone
		}
		return 0, fmt.Errorf("cannot make a thread in the caller: %w", syscall.Errno(-r.Result()))
	}
	if tid, err = linux.EventMessage(b.tid); err != nil {
		return 0, errGone
	}
	_, err = b.wait(tid)
	return tid, err
}

// run has the carrier make a call and gives its result.
func (k *carrier) run(nr int, args [6]uint64) (int64, error) {
	k.b.s.injected.expect(k.tid, injectedCall{nr: nr, args: args, answer: cont()})
	defer k.b.s.injected.forget(k.tid)
	if err := k.b.enter(k.tid, nr, args); err != nil {
		return 0, err
	}
	return k.b.result(k.tid)
}

// runPatiently is run for a call that may block. A signal that the caller
// would have been interrupted by interrupts it.
func (k *carrier) runPatiently(nr int, args [6]uint64) (int64, error) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		k.watch(stop)
	}()
	defer func() { close(stop); <-done }()
	return k.run(nr, args)
}

// watch nudges the carrier when a signal waits for the caller, which cannot
// take it. The nudge is a SIGSTOP that next swallows: nothing else reaches a
// thread that blocks all signals.
func (k *carrier) watch(stop <-chan struct{}) {
	t := time.NewTicker(tick)
	defer t.Stop()
	noted := 0
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		if own, shared := pendingAgainst(k.b.tid, k.b.mask); own {
			noted += 2
		} else if shared {
			noted++
		} else {
			noted = 0
		}
		if noted > 1 {
			_ = linux.Tgkill(k.b.proc.PID, k.tid, syscall.SIGSTOP)
		}
	}
}

// only closes every descriptor of the carrier's but fd.
func (k *carrier) only(fd uint64) error {
	if fd > 0 {
		if _, err := k.run(sysCloseRange, [6]uint64{0, fd - 1}); err != nil {
			return err
		}
	}
	_, err := k.run(sysCloseRange, [6]uint64{fd + 1, uint64(^uint32(0))})
	return err
}

const sysCloseRange = 436 // Linux 5.9, the same number everywhere

// end has the carrier exit, and the caller return from its clone. The caller
// is then stopped where release, again and restart may be used.
func (k *carrier) end() error {
	args := [6]uint64{}
	err := k.b.enter(k.tid, syscall.SYS_EXIT, args)
	for err == nil {
		_, err = k.b.next(k.tid)
	}
	if _, err := k.b.next(k.b.tid); err != nil {
		return err
	}
	return nil
}
