package tracer

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// stopped handles one report of the kernel about one tracee.
func (t *Tracer) stopped(pid int, st linux.Status) {
	if st.Exited() || st.Signaled() {
		t.gone(pid, st)
		return
	}
	if !st.Stopped() {
		return
	}
	k := t.tasks[pid]
	if k == nil {
		// A child whose parent has not told yet, or died before it could: it
		// starts without the page, which only costs it another.
		var p *process
		if s, err := procfs.ReadStatus(pid); err == nil && t.tasks[s.TGID] != nil {
			p = t.tasks[s.TGID].proc
		}
		k = t.adopt(pid, p, nil)
	}
	event := uint32(st) >> 16
	if p := k.proc; p.exec != nil && p.exec != k && event != linux.EventExec {
		p.aside = append(p.aside, stop{pid, st})
		return
	}
	sig := st.StopSignal()
	switch event {
	case linux.EventSeccomp:
		t.call(k)
		return
	case linux.EventExec:
		t.execed(k)
		return
	case linux.EventFork, linux.EventVfork, linux.EventClone:
		t.forked(k)
		t.resume(k, 0)
		return
	case linux.EventStop:
		switch sig {
		case syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
			_ = linux.Listen(pid) // it stays stopped until somebody continues it
			return
		}
		t.resume(k, 0)
		return
	case 0:
		if sig == syscall.SIGTRAP|0x80 {
			t.behind(k)
			return
		}
		t.resume(k, int(sig))
		return
	}
	t.resume(k, 0)
}

// resume lets a task go on, to the stop that it is waited for.
func (t *Tracer) resume(k *task, sig int) {
	// ESRCH: it was killed meanwhile, and its end will be told.
	if k.after != nothing {
		_ = linux.ContSyscall(k.tid, sig)
		return
	}
	_ = linux.Cont(k.tid, sig)
}

// forked is told of a new task.
func (t *Tracer) forked(k *task) {
	msg, err := linux.EventMessage(k.tid)
	if err != nil || msg == 0 {
		return
	}
	var r linux.Regs
	flags := uint64(syscall.SIGCHLD)
	if linux.GetRegs(k.tid, &r) == nil {
		switch r.NR() {
		case cloneNR:
			flags = r.Args()[0]
		case vforkNR:
			flags = syscall.CLONE_VM
		}
	}
	s := &space{attached: k.space.attached}
	if flags&syscall.CLONE_VM != 0 {
		s = k.space
	}
	var p *process
	if flags&syscall.CLONE_THREAD != 0 {
		p = k.proc
	}
	if child := t.tasks[msg]; child == nil {
		t.adopt(msg, p, s)
	} else {
		child.space = s // its first stop came first
	}
	t.bears(k, false)
	if flags&syscall.CLONE_FILES != 0 && flags&syscall.CLONE_THREAD == 0 {
		t.handlers.Alike()
	}
}

// execed is the stop behind an exec, before the first instruction.
func (t *Tracer) execed(k *task) {
	if !t.calibrated {
		// The helper's own exec, whose end was still to come when it was seized.
		t.resume(k, 0)
		return
	}
	attempt := k.attempt
	k.attempt = nil
	if former, err := linux.EventMessage(k.tid); err == nil && former != k.tid {
		// Another thread has become the process: what it asked for is what runs.
		if other := t.tasks[former]; other != nil {
			attempt.Close()
			attempt, other.attempt = other.attempt, nil
			t.drop(other)
		}
	}
	t.release(k)
	k.space = &space{}
	k.proc.exec, k.proc.aside = nil, nil // who was put aside is dead
	if !t.handlers.ExecStarted(attempt, k.tid) {
		_ = syscall.Kill(k.tid, syscall.SIGKILL)
	}
	t.resume(k, 0)
}

// settle takes up what was put aside for an exec that came to nothing.
func (t *Tracer) settle(k *task) {
	p := k.proc
	if p.exec != k {
		return
	}
	aside := p.aside
	p.exec, p.aside = nil, nil
	for _, s := range aside {
		t.stopped(s.pid, s.st)
	}
}
