package notify

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// power is what this process may do to others, found out at start.
type power struct {
	vmRead    atomic.Bool // process_vm_readv is not blocked outright
	sysPtrace bool        // CAP_SYS_PTRACE: no uid and no dumpable flag stands in the way
	sysKill   bool        // CAP_KILL: the user of a process does not matter for signals
	switches  bool        // a thread of ours may take another uid and gid
	uid, gid  uint32
	plain     bool        // they are our real and saved ones, too
	traces    atomic.Bool // a caller was seized at least once

	// opening is held, by process, while keepOpen works on it: for that
	// moment the process is closed to everybody.
	opening [64]sync.Mutex
	wards   wards // who is looked at through somebody else (keeper.go)
	// aside gives the lead away if the calling thread has it; nil: there is none.
	aside func()
}

func (p *power) measure() {
	p.uid, p.gid = uint32(os.Geteuid()), uint32(os.Getegid())
	p.plain = linux.PlainIDs()
	p.sysPtrace = linux.HasCapability(linux.CapSysPtrace)
	p.sysKill = linux.HasCapability(linux.CapKill)
	p.switches = linux.HasCapability(linux.CapSetUID) && linux.HasCapability(linux.CapSetGID) && p.uid == 0
	p.vmRead.Store(true)
}

// errMixed reports a caller whose ids differ among themselves, so that no
// single thread of ours could look into it without CAP_SYS_PTRACE.
var errMixed = errors.New("the caller's real, effective and saved ids differ")

// Privileged runs fn with the right to look into the caller under /proc and to
// seize it: as we are, or, when that is refused, again as a thread that has
// taken the caller's uid and gid. fn must be safe to run twice and must open
// files only; what it opened stays open with our rights.
func (c *Call) Privileged(fn func() error) error {
	return c.s.power.as(c.TID(), fn)
}

func (p *power) as(tid int, fn func() error) error {
	err := p.attempt(tid, fn)
	if err == nil || p.sysPtrace || !p.switches || !refused(err) {
		return err
	}
	st, serr := procfs.ReadStatus(tid)
	if serr != nil {
		return err
	}
	m := &p.opening[st.TGID%len(p.opening)]
	if !m.TryLock() { // only to wait until the process is open again
		p.step() // what holds it may wait for another call of the process
		m.Lock()
	}
	m.Unlock()
	p.wards.settle(st.TGID)
	return p.attempt(tid, fn)
}

// step makes room for others before a thread waits for somebody.
func (p *power) step() {
	if p.aside != nil {
		p.aside()
	}
}

func refused(err error) bool { return errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) }

func (p *power) attempt(tid int, fn func() error) error {
	err := fn()
	if err == nil || p.sysPtrace || !p.switches || !refused(err) {
		return err
	}
	st, serr := procfs.ReadStatus(p.via(tid))
	if serr != nil {
		return err
	}
	if !st.UID.Same() || !st.GID.Same() {
		return errors.Join(err, errMixed)
	}
	if st.UID.Real == p.uid && st.GID.Real == p.gid {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	serr = linux.SetThreadIDs(st.UID.Real, st.GID.Real)
	if serr == nil {
		err = fn()
	}
	if rerr := linux.RestoreThreadIDs(p.uid, p.gid); rerr != nil {
		// The thread must not go on as somebody else. Ending fails closed.
		panic(fmt.Sprintf("cannot take back our own ids: %v", rerr))
	}
	if serr != nil {
		return fmt.Errorf("cannot take the caller's ids: %w", serr)
	}
	return err
}
