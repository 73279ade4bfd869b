package stage

import (
	"runtime"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/landlock"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Mark tells who descends from a helper, by something that is inherited and
// that nobody can put on himself: a Landlock domain. The thread that forks the
// helper enters a domain that confines signals, so that the whole tree is born
// in it; the thread then stays, and asks the kernel whether it might signal a
// process. It may if the process is in its own domain or in one below, and in no
// other case.
//
// The tree cannot signal that thread in turn: the helper confines itself once
// more, in a domain to which the thread does not belong.
type Mark struct {
	ask chan func()
	set bool
}

// born runs fork, in a thread that is marked where the kernel can.
func born(fork func() (int, error)) (m *Mark, pid int, err error) {
	m = &Mark{}
	if linux.LandlockVersion() < landlock.SignalABI {
		pid, err = fork()
		return m, pid, err
	}
	m.ask = make(chan func())
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: the domain ends with the thread
		m.set = linux.SetNoNewPrivs() == nil && landlock.ScopeSignals() == nil
		pid, err = fork()
		close(done)
		for f := range m.ask {
			f()
		}
	}()
	<-done
	return m, pid, err
}

// Set says that the mark can be asked for.
func (m *Mark) Set() bool { return m.set }

// Ask tells for each pid what the kernel says to a signal from the marked
// thread: 0, it bears the mark; ESRCH, it is gone; EPERM, it does not bear the
// mark, or its user is one that this process may not signal.
func (m *Mark) Ask(pids []int, out []syscall.Errno) {
	done := make(chan struct{})
	m.ask <- func() {
		for i, pid := range pids {
			out[i] = 0
			if e, ok := syscall.Kill(pid, 0).(syscall.Errno); ok {
				out[i] = e
			}
		}
		close(done)
	}
	<-done
}

// Close ends the thread. Ask must not be called afterwards.
func (m *Mark) Close() {
	if m != nil && m.ask != nil {
		close(m.ask)
		m.ask = nil
	}
}
